"""The targets, and what their owners do: two systems with a user interface, and a subaccount with an API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import httpx

from btp_trust_emulator import Emulator, MetadataLayout, Target
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml import metadata
from continuity.service import authorization_header

_ORIGIN = "source"
_SERVICE = (
    '<ns3:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
    ' Location="https://source.example.com"/>'
)
"""Where browsers would log on, which no assertion of a destination needs: XSUAA takes no metadata without it."""


class Owner(Protocol):
    """Whoever says what a target trusts."""

    def trust(self, *pems: str) -> None:
        """Let the target trust exactly these certificates (PEM) from now on."""

    def target(self) -> Target:
        """Return the target as it is now."""


@dataclass(frozen=True)
class SystemOwner:
    """A person in front of a system such as S/4HANA: uploads what is new, then removes what is old."""

    emulator: Emulator
    name: str

    def trust(self, *pems: str) -> None:
        """Let the system trust exactly these certificates; there must be room for them beside the old ones."""
        held = set(self.target().certificates)
        wanted = {trust_certificate.fingerprint(pem): pem for pem in pems}
        for fingerprint in wanted.keys() - held:
            self.emulator.upload_certificate(self.name, wanted[fingerprint])
        for fingerprint in held - wanted.keys():
            self.emulator.remove_certificate(self.name, fingerprint)

    def target(self) -> Target:
        """Return the system as it is now."""
        return self.emulator.target(self.name)


class SubaccountOwner:
    """Whoever manages another subaccount's trust by XSUAA's API: one metadata document with all certificates."""

    def __init__(self, emulator: Emulator, http: httpx.Client) -> None:
        self._emulator = emulator
        self._http = http
        self._guid = emulator.create_subaccount().guid
        key = emulator.api_access_key(self._guid)
        self._url = f"{key['apiurl']}/sap/rest/identity-providers"
        self._headers = authorization_header(http, key)
        self._identity: str | None = None

    def trust(self, *pems: str) -> None:
        """Register the source with these certificates, or change what is registered, in one request."""
        document = metadata.metadata_document(pems, MetadataLayout.SECOND_KEY_DESCRIPTOR)
        named = f'<ns3:EntityDescriptor entityID="{trust_certificate.subject_name(pems[0])}"'
        document = document.replace("<ns3:EntityDescriptor", named, 1)
        document = document.replace("</ns3:IDPSSODescriptor>", f"{_SERVICE}</ns3:IDPSSODescriptor>", 1)
        config = {"metaDataLocation": document, "addShadowUserOnLogin": True}
        body = {"type": "saml", "originKey": _ORIGIN, "name": _ORIGIN, "active": True, "config": config}
        method, url = ("PUT", f"{self._url}/{self._identity}") if self._identity else ("POST", self._url)
        answer = self._http.request(method, url, json=body, headers=self._headers).raise_for_status()
        self._identity = str(answer.json()["id"])

    def target(self) -> Target:
        """Return the subaccount as it is now."""
        return self._emulator.target(self._guid)
