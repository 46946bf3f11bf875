"""Registrations of one subaccount in another one: the program, and what people do in the target."""

from __future__ import annotations

from typing import Any

import httpx

from btp_trust.service.identity_providers import PATH
from support.fake_engine import Deployment, FakeEngine, Program

ORIGIN = "shop"
POST, PUT, DELETE, GET = (f"{method} identity-providers" for method in ("POST", "PUT", "DELETE", "GET"))


def program(prepared: str | None = None, signs: str | None = None, *, gated: bool = True, **args: Any) -> Program:
    """Write the program: the prepared and the declared generation, and the registration, which opens the gate."""

    def run(deployment: Deployment) -> None:
        upcoming = deployment.passive(generation=prepared) if prepared else None
        billing = deployment.trusted(**{"connection": "billing", "origin_key": ORIGIN, "passive": upcoming, **args})
        asked = {"billing": billing["trusted"]} if gated else None
        if signs:
            rotation = deployment.trigger(generation=signs, candidate=upcoming, trusted_by=asked)
            deployment.active(rotation=rotation)

    return run


ALONE = program(None, "a")
PREPARED = program("b", "a")
ROTATED = program("b", "b")
RETIRED = program(None, "b")


def adopted(deployment: Deployment) -> None:
    """Adopt the active certificate."""
    deployment.active()


class Api:
    """What a person does in the target's trust configuration."""

    def __init__(self, engine: FakeEngine) -> None:
        self.key = engine.emulator.api_access_key(engine.target_guid)
        self.http = httpx.Client(transport=engine.emulator.transport, params={"rawConfig": "true"})
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        token = self.http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.url = f"{self.key['apiurl']}{PATH}"

    def all(self) -> dict[str, dict[str, Any]]:
        """All identity providers by origin key."""
        return {each["originKey"]: each for each in self.http.get(self.url).json()}

    def change(self, origin_key: str = ORIGIN, **changes: Any) -> None:
        """Change one."""
        found = {**self.all()[origin_key], **changes}
        self.http.put(f"{self.url}/{found['id']}", json=found).raise_for_status()

    def configure(self, **changes: Any) -> None:
        """Change its config."""
        self.change(config={**self.all()[ORIGIN]["config"], **changes})

    def register(self, origin_key: str, metadata: str, *, active: bool = True) -> None:
        """Make one by hand."""
        config = {"metaDataLocation": metadata}
        body = {"type": "saml", "originKey": origin_key, "name": "by hand", "active": active, "config": config}
        self.http.post(self.url, json=body).raise_for_status()

    def delete(self, origin_key: str = ORIGIN) -> None:
        """Delete one."""
        self.http.delete(f"{self.url}/{self.all()[origin_key]['id']}").raise_for_status()


def trusted(engine: FakeEngine) -> set[str]:
    """What the target shows as trusted."""
    return set(engine.emulator.target(engine.target_guid).certificates)


def due(engine: FakeEngine, request: str) -> Program:
    """Come to where this request is due, and return the program that asks for it."""
    if request == POST:
        return program()
    engine.deploy(program())
    if request == DELETE:
        return lambda _: None
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    return program()
