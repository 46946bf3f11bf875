"""A system to which a person uploads certificates in its user interface: PEM, one or two at a time."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.errors import Conflict, Invalid, Unknown
from btp_trust_emulator.pki import trust_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN_PATH = "/sap/bc/sec/oauth2/token"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class Target:
    """A target: its base URL, its token service, its audience, and the OAuth client for the destination.

    `certificates` are those that it shows as trusted: the issuer by the SHA-256 of each.
    """

    name: str
    url: str
    token_service_url: str
    entity_id: str
    client_id: str
    client_secret: str = field(repr=False)
    certificates: dict[str, str]

    def properties(self, name: str) -> dict[str, str]:
        """Return the properties of a destination with this name to the target, for `OAuth2SAMLBearerAssertion`."""
        return {
            "Name": name,
            "Type": "HTTP",
            "URL": self.url,
            "ProxyType": "Internet",
            "Authentication": "OAuth2SAMLBearerAssertion",
            "audience": self.entity_id,
            "clientKey": self.client_id,
            "tokenServiceURL": self.token_service_url,
            "tokenServiceURLType": "Dedicated",
            "tokenServiceUser": self.client_id,
            "tokenServicePassword": self.client_secret,
            "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
        }

    def assertion_properties(self, name: str) -> dict[str, str]:
        """Return the properties of a destination with this name to the target, for `SAMLAssertion`."""
        kept = ("Name", "Type", "URL", "ProxyType", "audience", "authnContextClassRef")
        properties = self.properties(name)
        return {**{key: properties[key] for key in kept}, "Authentication": "SAMLAssertion"}


_NAME = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAX_CERTIFICATES = 2
"""How many certificates a system holds at most."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A certificate (PEM) that is trusted to sign for an issuer, the system's *Provider Name*."""

    issuer: str
    certificate: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate."""
        return trust_certificate.fingerprint(self.certificate)


@dataclass(frozen=True, slots=True)
class System:
    """The system, and the OAuth client for the caller's destination.

    `holds` is its number of places for certificates. The system shows certificates whose fingerprints are in
    `misreported` like the others, and rejects assertions that they signed.
    """

    name: str
    entity_id: str
    client_id: str
    client_secret: str = field(repr=False)
    holds: int = MAX_CERTIFICATES
    uploads: tuple[Upload, ...] = ()
    misreported: frozenset[str] = frozenset()

    @property
    def trusted(self) -> dict[str, list[str]]:
        """The certificates whose assertions it accepts, by issuer."""
        trusted: dict[str, list[str]] = {}
        for upload in self.uploads:
            if upload.fingerprint not in self.misreported:
                trusted.setdefault(upload.issuer, []).append(upload.certificate)
        return trusted


def create_system(name: str, entity_id: str | None = None, holds: int = MAX_CERTIFICATES) -> System:
    """Create a system that trusts nobody.

    Raises:
        Invalid: the name cannot stand in a URL, or the number of certificates is other than 1 or 2.
    """
    if not _NAME.fullmatch(name) or holds not in range(1, MAX_CERTIFICATES + 1):
        raise Invalid(
            "The target was not created.",
            f"The name {name!r} or the number of certificates {holds} is invalid.",
            "Give a name of 1 to 63 lower-case letters, digits and inner hyphens, and a number of 1 or 2.",
        )
    return System(name, entity_id or f"https://{name}.example.com", f"{name}_OAUTH", secrets.token_urlsafe(24), holds)


def with_upload(old: System, certificate: str, issuer: str | None = None) -> System:
    """Return the system after an upload; the default of the issuer is the common name of the certificate.

    A system that holds one certificate replaces it; a system that holds two adds a second.

    Raises:
        Invalid: `certificate` is not a certificate with an RSA key.
        Conflict: the system holds two already.
    """
    pem = trust_certificate.normalized(certificate)
    trust_certificate.public_key(pem)
    new = Upload(issuer or trust_certificate.subject_name(pem), pem)
    kept = [upload for upload in old.uploads if upload.fingerprint != new.fingerprint]
    if old.holds == 1:
        kept = []
    if len(kept) >= old.holds:
        raise Conflict(
            "The certificate was not uploaded.",
            f"{old.name} holds {', '.join(upload.fingerprint for upload in kept)} already, at most {old.holds}.",
            "Remove one of them first.",
        )
    return replace(old, uploads=(*kept, new))


def without_upload(old: System, fingerprint: str) -> System:
    """Return the system after a certificate was removed.

    Raises:
        Unknown: the system holds other certificates only.
    """
    kept = tuple(upload for upload in old.uploads if upload.fingerprint != fingerprint)
    if len(kept) == len(old.uploads):
        raise Unknown(
            "The certificate was not removed.", f"{fingerprint} is missing in {old.name}.", "List what it holds."
        )
    return replace(old, uploads=kept)


def with_misreported(old: System, fingerprints: Iterable[str]) -> System:
    """Return the system when it misreports exactly these certificates, whether uploaded already or later."""
    return replace(old, misreported=frozenset(fingerprints))
