"""A subaccount with a user, and a system that trusts it, for tests of finding destinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from btp_trust_emulator import (
    Emulator,
)

if TYPE_CHECKING:
    pass


BASE_PATH = "/destination-configuration/v1"
PLAIN = {"Name": "plain", "Type": "HTTP", "URL": "https://plain.example.com", "Authentication": "NoAuthentication"}
SAML = {
    "Name": "saml",
    "Type": "HTTP",
    "URL": "https://api.example.com",
    "Authentication": "SAMLAssertion",
    "audience": "https://example.com",
    "assertionRecipient": "https://example.com/acs",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
}


@dataclass
class DestinationScenario:
    """A subaccount with the user joe, and a system that trusts its active certificate."""

    emulator: Emulator
    http: httpx.Client

    def __post_init__(self) -> None:
        """Create user, system and a destination to the system."""
        emulator = self.emulator
        self.guid = emulator.create_subaccount(generate=True).guid
        emulator.create_user(self.guid, "joe", "secret", "joe@example.com", ["admins", "users"])
        self.key = emulator.service_key(self.guid)
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        self.token = self.http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.user_token = emulator.user_token(self.guid, "joe")
        self.system = emulator.create_target(f"s4-{self.guid}")
        self.trust_active()
        self.create(self.system.properties("s4"))
        emulator.clear_journal()

    def create(self, properties: dict[str, str], level: Any = "subaccount") -> None:
        """Create a destination."""
        self.emulator.create_destination(self.guid, properties, level)

    def trust_active(self) -> None:
        """Upload the active certificate to the system."""
        active, _ = self.emulator.certificates(self.guid)
        assert active is not None
        self.emulator.upload_certificate(self.system.name, active)

    def get(self, path: str, query: str = "", **headers: str) -> httpx.Response:
        """Send a request to the Destination service."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"authorization": f"Bearer {self.token}", **named}
        return self.http.get(f"{self.key['uri']}{BASE_PATH}/{path}?{query}", headers=headers)

    def find(self, name: str = "s4", query: str = "", **headers: str) -> dict[str, Any]:
        """Find a destination as joe."""
        response = self.get(f"destinations/{name}", query, **{"x_user_token": self.user_token, **headers})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def auth_token(self, name: str = "s4", **headers: str) -> dict[str, Any]:
        """Return the token of a destination, found as joe."""
        (token,) = self.find(name, **headers)["authTokens"]
        return dict(token)

    def change(self, name: str = "s4", **changes: str | None) -> None:
        """Change properties of a destination (None: leave out)."""
        (old,) = [each.properties for each in self.emulator.destinations(self.guid) if each.name == name]
        self.emulator.delete_destination(self.guid, name)
        self.create({key: value for key, value in {**old, **changes}.items() if value is not None})

    def fingerprint(self) -> str:
        """Fingerprint of the active certificate."""
        return str(self.emulator.slots(self.guid).active)
