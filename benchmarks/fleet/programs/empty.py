"""Three dynamic resources without a provider's work for each subaccount: what Pulumi itself takes."""

import json
import os
from pathlib import Path
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class EmptyProvider(ResourceProvider):
    """Does nothing."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the inputs."""
        return CreateResult("empty", props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the signers."""
        return DiffResult(changes=olds["signer"] != news["signer"])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record the inputs."""
        return UpdateResult(news)


class Empty(Resource):
    """A resource with one input."""

    def __init__(self, name: str, signer: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__(EmptyProvider(), name, {"signer": signer}, opts)


def declare() -> None:
    """Declare all, in a function: Pulumi pickles a provider with the names of its module, so resources stay out."""
    for subaccount in json.loads(Path(os.environ["FLEET_SUBACCOUNTS"]).read_text()):
        following = Empty(f"{subaccount}-next", "b")
        rotation = Empty(f"{subaccount}-rotation", os.environ["FLEET_SIGNER"], ResourceOptions(depends_on=[following]))
        Empty(f"{subaccount}-signing", os.environ["FLEET_SIGNER"], ResourceOptions(depends_on=[rotation]))


declare()
