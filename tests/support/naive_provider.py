"""A provider as anybody would write it in an afternoon: create posts, update posts, and every error is retried.

It shows the faults that the crash matrix catches. Only tests use it.
"""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from tenacity import retry, stop_after_attempt, wait_fixed


@retry(stop=stop_after_attempt(3), wait=wait_fixed(0.1), reraise=True)
def send_request(method: str, path: str) -> Any:
    """Send a request; retry after any error."""
    key = json.loads(os.environ["BTP_TRUST_SERVICE_KEY"])
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    token = httpx.post(f"{key['url']}/oauth/token", data=form).raise_for_status().json()["access_token"]
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata/{path}"
    return httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}).raise_for_status().json()


class NaiveProvider(ResourceProvider):
    """Base of both providers: a change of the generation is an update."""

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the generations."""
        return DiffResult(changes=olds["generation"] != news["generation"])


class PassiveProvider(NaiveProvider):
    """Generates a certificate for each generation."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Generate."""
        return CreateResult("passive", {**props, **send_request("POST", "certificate/passive")})

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Generate."""
        return UpdateResult({**news, **send_request("POST", "certificate/passive")})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete."""
        send_request("DELETE", "certificate/passive")


class RotationProvider(NaiveProvider):
    """Swaps on each change of the generation."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Record the generation."""
        return CreateResult("rotation", props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Swap."""
        return UpdateResult({**news, **send_request("POST", "rotateCertificate")})


class PassiveCertificate(Resource):
    """The certificate of a generation."""

    def __init__(self, name: str, generation: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(PassiveProvider(), name, {"generation": generation}, opts)


class Rotation(Resource):
    """The declared signer."""

    def __init__(self, name: str, generation: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(RotationProvider(), name, {"generation": generation}, opts)
