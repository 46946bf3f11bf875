"""Three resources for each subaccount, whose provider gets a token and reads a slot at each call.

The requests are those of the standard library, which are the quickest without a connection that is kept.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult


def call(subaccount: str, method: str, path: str) -> dict[str, Any]:
    """Get a token, and send one request."""
    key = json.loads(Path(os.environ["FLEET_KEYS"], f"{subaccount}.json").read_text())
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    with urlopen(f"{key['url']}/oauth/token", urlencode(form).encode()) as response:  # noqa: S310 - the emulator's
        token = json.load(response)["access_token"]
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata/{path}"
    with urlopen(Request(url, method=method, headers={"Authorization": f"Bearer {token}"})) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    return answer


class SlotProvider(ResourceProvider):
    """Follows one slot of a subaccount."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Read the slot."""
        return CreateResult(props["path"], {**props, **call(props["subaccount"], "GET", props["path"])})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the slot with the state, and the declared signers."""
        slot = call(news["subaccount"], "GET", news["path"])
        return DiffResult(changes=slot["certificate"] != olds["certificate"] or olds["signer"] != news["signer"])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Swap if this is the trigger, and read the slot."""
        if news["swaps"]:
            call(news["subaccount"], "POST", "rotateCertificate")
        return UpdateResult({**news, **call(news["subaccount"], "GET", news["path"])})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the slot."""
        return ReadResult(id_, {**props, **call(props["subaccount"], "GET", props["path"])})


class Slot(Resource):
    """A slot of a subaccount."""

    def __init__(
        self, name: str, path: str, signer: Input[str], opts: ResourceOptions | None = None, *, swaps: bool = False
    ) -> None:
        props = {"subaccount": name.partition("-")[0], "path": path, "signer": signer, "swaps": swaps}
        super().__init__(SlotProvider(), name, {**props, "certificate": None}, opts)


def declare() -> None:
    """Declare all, in a function: Pulumi pickles a provider with the names of its module, so resources stay out."""
    for each in json.loads(Path(os.environ["FLEET_SUBACCOUNTS"]).read_text()):
        declared = os.environ["FLEET_SIGNER"]
        following = Slot(f"{each}-next", "certificate/passive", declared)
        rotation = Slot(
            f"{each}-rotation", "certificate", declared, ResourceOptions(depends_on=[following]), swaps=True
        )
        Slot(f"{each}-signing", "certificate", declared, ResourceOptions(depends_on=[rotation]))


declare()
