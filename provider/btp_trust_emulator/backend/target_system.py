"""A system that a person gives certificates to, in its user interface: PEM, one or two at a time. No HTTP, no clock."""

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
    """A target: its base URL, its token service, the audience that it is, the OAuth client for the destination.

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
        """The properties of a destination with this name to the target, for `OAuth2SAMLBearerAssertion`."""
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
    """The system, and the OAuth client that the caller's destination uses.

    It holds as many certificates as `holds` says. Those whose fingerprints are in `lies_about` it shows like the
    others, and refuses what they sign.
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
        """The certificates that it really goes by, by issuer."""
        found: dict[str, list[str]] = {}
        for each in self.uploads:
            if each.fingerprint not in self.misreported:
                found.setdefault(each.issuer, []).append(each.certificate)
        return found


def create_system(name: str, entity_id: str | None = None, holds: int = MAX_CERTIFICATES) -> System:
    """A new system that trusts nobody.

    Raises:
        Invalid: the name cannot stand in a URL, or the number of certificates is not 1 or 2.
    """
    if not _NAME.fullmatch(name) or holds not in range(1, MAX_CERTIFICATES + 1):
        raise Invalid(
            "The target was not created.",
            f"{name!r} is no name, or {holds} no number of certificates.",
            "Give a name of 1 to 63 lower-case letters, digits and inner hyphens, and a number of 1 or 2.",
        )
    return System(name, entity_id or f"https://{name}.example.com", f"{name}_OAUTH", secrets.token_urlsafe(24), holds)


def with_upload(old: System, certificate: str, issuer: str | None = None) -> System:
    """The system after an upload; without an issuer, it is the common name of the certificate.

    A system that holds one certificate has the new one instead of the old one; one that holds two takes a second.

    Raises:
        Invalid: it is no certificate with an RSA key.
        Conflict: the system holds two already.
    """
    pem = trust_certificate.normalized(certificate)
    trust_certificate.public_key(pem)
    new = Upload(issuer or trust_certificate.subject_name(pem), pem)
    kept = [each for each in old.uploads if each.fingerprint != new.fingerprint]
    if old.holds == 1:
        kept = []
    if len(kept) >= old.holds:
        raise Conflict(
            "The certificate was not uploaded.",
            f"{old.name} holds {', '.join(each.fingerprint for each in kept)} already, and no more than {old.holds}.",
            "Remove one of them first.",
        )
    return replace(old, uploads=(*kept, new))


def without_upload(old: System, fingerprint: str) -> System:
    """The system after a certificate was removed.

    Raises:
        Unknown: it does not hold it.
    """
    kept = tuple(each for each in old.uploads if each.fingerprint != fingerprint)
    if len(kept) == len(old.uploads):
        raise Unknown(
            "The certificate was not removed.", f"{old.name} does not hold {fingerprint}.", "List what it holds."
        )
    return replace(old, uploads=kept)


def with_misreported(old: System, fingerprints: Iterable[str]) -> System:
    """The system when it lies about these certificates, held or yet to come, and about no others."""
    return replace(old, misreported=frozenset(fingerprints))
