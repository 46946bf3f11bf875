"""A script without Pulumi: one subaccount after the other, a token and both slots; `rotate` also swaps."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx


def token(client: httpx.Client, key: Mapping[str, str]) -> str:
    """Get a token."""
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    answer = client.post(f"{key['url']}/oauth/token", data=form).raise_for_status().json()
    return str(answer["access_token"])


def handle(client: httpx.Client, key: Mapping[str, str], *, rotates: bool) -> None:
    """Read both slots of a subaccount; with `rotates`, swap before."""
    headers = {"Authorization": f"Bearer {token(client, key)}"}
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata"
    if rotates:
        client.post(f"{url}/rotateCertificate", headers=headers).raise_for_status()
    for path in ("certificate", "certificate/passive"):
        client.get(f"{url}/{path}", headers=headers).raise_for_status()


if __name__ == "__main__":
    with httpx.Client() as session:
        for name in json.loads(Path(os.environ["FLEET_SUBACCOUNTS"]).read_text()):
            service_key = json.loads(Path(os.environ["FLEET_KEYS"], f"{name}.json").read_text())
            handle(session, service_key, rotates="rotate" in sys.argv)
