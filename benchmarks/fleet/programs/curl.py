"""One resource for each subaccount, whose provider runs curl: a token, then both slots."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult


def curl(*words: str) -> dict[str, Any]:
    """Run curl."""
    done = subprocess.run(["curl", "--fail", "--silent", *words], stdout=subprocess.PIPE, check=True)  # noqa: S603, S607
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def call(subaccount: str, *requests: tuple[str, str]) -> list[dict[str, Any]]:
    """Get a token, and send the requests with it."""
    key = json.loads(Path(os.environ["FLEET_KEYS"], f"{subaccount}.json").read_text())
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    data = [word for name, value in form.items() for word in ("--data-urlencode", f"{name}={value}")]
    token = curl(f"{key['url']}/oauth/token", *data)["access_token"]
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata"
    return [
        curl("--request", method, "--header", f"Authorization: Bearer {token}", f"{url}/{path}")
        for method, path in requests
    ]


SLOTS = (("GET", "certificate"), ("GET", "certificate/passive"))


def read_slots(subaccount: str) -> list[str]:
    """Read both slots."""
    return [answer["certificate"] for answer in call(subaccount, *SLOTS)]


class CurlProvider(ResourceProvider):
    """Follows both slots of a subaccount."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Read the slots."""
        return CreateResult(props["subaccount"], {**props, "slots": read_slots(props["subaccount"])})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the slots with the state, and the declared signers."""
        return DiffResult(changes=read_slots(news["subaccount"]) != olds["slots"] or olds["signer"] != news["signer"])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Swap, and read the slots."""
        _, *slots = call(news["subaccount"], ("POST", "rotateCertificate"), *SLOTS)
        return UpdateResult({**news, "slots": [answer["certificate"] for answer in slots]})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the slots."""
        return ReadResult(id_, {**props, "slots": read_slots(props["subaccount"])})


class Trust(Resource):
    """The certificates of a subaccount."""

    def __init__(self, name: str) -> None:
        props = {"subaccount": name, "signer": os.environ["FLEET_SIGNER"], "slots": None}
        super().__init__(CurlProvider(), name, props)


def declare() -> None:
    """Declare all, in a function: Pulumi pickles a provider with the names of its module, so resources stay out."""
    for each in json.loads(Path(os.environ["FLEET_SUBACCOUNTS"]).read_text()):
        Trust(each)


declare()
