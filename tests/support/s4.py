"""A client of the communication systems of an emulated S/4HANA tenant, as SAP's pages describe it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.backend import certificate_field
from btp_trust_emulator.switches import FieldFormat
from support.saml import OLD, Signer, send_assertion

SERVICE = "/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001"
BASE64 = "OAuth2IdentityProviderCertificatePublicKeyBase64"
SUBJECT, ISSUER = "OAuth2IdentityProviderCertificateSubject", "OAuth2IdentityProviderCertificateIssuer"
PROVIDER = "OAuth2IdentityProviderName"


def field_text(signer: Signer, field_format: FieldFormat = FieldFormat.CERTIFICATE) -> str:
    """Return the text of a certificate field that holds a signer's certificate."""
    return certificate_field.encode(signer.certificate, field_format)


@dataclass
class S4Scenario:
    """A tenant with the communication system BTP, which trusts one signer in both blocks, and a client of it."""

    emulator: Emulator
    http: httpx.Client
    switches: S4Switches = field(default_factory=S4Switches)
    tenant: str = field(default_factory=lambda: f"s4-{uuid.uuid4()}")

    def __post_init__(self) -> None:
        """Create the tenant and its system, and clear what earlier tests left in the client."""
        self.http.cookies.clear()
        self.emulator.create_s4(self.tenant, switches=self.switches)
        self.emulator.create_communication_system(self.tenant, "BTP", OLD.certificate)
        self.trust(OLD, block="saml-bearer")
        self.user = self.emulator.communication_user(self.tenant)
        self.emulator.clear_journal()

    def trust(self, signer: Signer, system: str = "BTP", block: Any = "oauth2") -> None:
        """Let a system trust a signer, as a person does."""
        self.emulator.trust_in_system(self.tenant, system, signer.certificate, block)

    def trusted(self, system: str = "BTP", block: str = "oauth2") -> str | None:
        """Return what a system shows as trusted."""
        shown = self.emulator.communication_system(self.tenant, system)
        return {kind.value: each.trusted for kind, each in shown.blocks.items()}[block]

    def call(self, method: str, path: str = "", password: str | None = None, **fields: Any) -> httpx.Response:
        """Send a request below the service, with the user's password unless another one is given."""
        client = (self.user["user"], self.user["password"] if password is None else password)
        return self.http.request(method, f"{self.user['url']}{SERVICE}/{path}", auth=client, **fields)

    def entity(self, system: str = "BTP", **options: str) -> dict[str, Any]:
        """Return a system as an entity, found by its ID."""
        parameters = {"$filter": f"ID eq '{system}'", "sap-client": "100", **options}
        response = self.call("GET", "CommunicationSystems", params=parameters)
        assert response.status_code == 200, response.text
        (found,) = response.json()["value"]
        return dict(found)

    def csrf_token(self) -> str:
        """Fetch a CSRF token, and the cookie of its session."""
        response = self.call("GET", headers={"X-CSRF-Token": "Fetch"})
        return str(response.headers["x-csrf-token"])

    def patch(self, properties: object, /, system: str = "BTP", **headers: str | None) -> httpx.Response:
        """Patch a system with a fresh CSRF token and its ETag, changed by `headers` (None: left out)."""
        entity = self.entity(system)
        given = {"x_csrf_token": self.csrf_token(), "if_match": entity.get("@odata.etag"), **headers}
        sent = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
        return self.call("PATCH", f"CommunicationSystems({entity['UUID']})", json=properties, headers=sent)

    def present(self, signer: Signer = OLD, **changes: str | None) -> httpx.Response:
        """Present an assertion of a signer to the token endpoint, with `changes` of the form."""
        target = self.emulator.communication_system_target(self.tenant, "BTP")
        meant = {"audience": target.entity_id, "recipient": target.token_service_url}
        return send_assertion(self.http, target, signer.assertion(changes=meant), **changes)

    def accepted(self, *signers: Signer) -> list[bool]:
        """Return for each signer whether the token endpoint accepts its assertion."""
        return [self.present(signer).is_success for signer in signers]


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of an OData error."""
    return response.status_code, str(response.json()["error"]["code"])
