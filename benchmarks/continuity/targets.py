"""The targets and their owners: two systems with a user interface, and a subaccount with an API."""

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
"""Single sign-on URL, which XSUAA requires in metadata. Assertions of destinations leave it unused."""


class Owner(Protocol):
    """The owner of a target, who manages its trust."""

    def trust(self, *pems: str) -> None:
        """Make the target trust exactly these certificates (PEM)."""

    def target(self) -> Target:
        """Return the current target."""


@dataclass(frozen=True)
class SystemOwner:
    """The administrator of a system such as S/4HANA, who uploads new certificates and removes old ones."""

    emulator: Emulator
    name: str

    def trust(self, *pems: str) -> None:
        """Make the system trust exactly these certificates; it must have room for them beside the old ones."""
        held = set(self.target().certificates)
        wanted = {trust_certificate.fingerprint(pem): pem for pem in pems}
        for fingerprint in wanted.keys() - held:
            self.emulator.upload_certificate(self.name, wanted[fingerprint])
        for fingerprint in held - wanted.keys():
            self.emulator.remove_certificate(self.name, fingerprint)

    def target(self) -> Target:
        """Return the current system."""
        return self.emulator.target(self.name)


class SubaccountOwner:
    """The owner of another subaccount, who registers one metadata document with all certificates by XSUAA's API."""

    def __init__(self, emulator: Emulator, http: httpx.Client) -> None:
        self._emulator = emulator
        self._http = http
        self._guid = emulator.create_subaccount().guid
        key = emulator.api_access_key(self._guid)
        self._url = f"{key['apiurl']}/sap/rest/identity-providers"
        self._headers = authorization_header(http, key)
        self._identity: str | None = None

    def trust(self, *pems: str) -> None:
        """Create or update the identity provider with these certificates, in one request."""
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
        """Return the current subaccount."""
        return self._emulator.target(self._guid)
