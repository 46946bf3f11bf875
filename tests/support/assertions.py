"""Assertions for the tests: a signer with a trust certificate, and what may be wrong with what it signs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lxml import etree

from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import assertion, signature
from btp_trust_emulator.saml.assertion import Statement
from btp_trust_emulator.saml.validation import Relying
from btp_trust_emulator.saml.xml import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

GUID = "00000000-1111-4222-8333-000000005cdd"
NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
AUDIENCE, RECIPIENT = "https://target.example.com", "https://target.example.com/oauth/token"


@dataclass(frozen=True)
class Signer:
    """Who signs: a key and its certificate, of the usual odd profile with a negative serial number."""

    key: RSAPrivateKey = field(default_factory=lambda: keys.generate(1024))

    @property
    def certificate(self) -> str:
        """The certificate, PEM."""
        return trust_certificate.mint(self.key, GUID, -(2**78), NOW, NOW + timedelta(days=730))

    def assertion(
        self,
        before: Callable[[etree._Element], None] | None = None,
        after: Callable[[etree._Element], None] | None = None,
        changes: Mapping[str, str | None] | None = None,
    ) -> bytes:
        """A signed assertion, with `changes` of what it states; `before` and `after` change it around the signing."""
        root = assertion.element_of(replace(STATEMENT, **(changes or {})), NOW)  # type: ignore[arg-type]
        if before:
            before(root)
        signed = signature.sign(root, self.key)
        if after:
            after(signed)
        return etree.tostring(signed)


ISSUER = trust_certificate.common_name(GUID)
STATEMENT = Statement(ISSUER, "joe", AUDIENCE, RECIPIENT)


def relying_on(*signers: Signer) -> Relying:
    """The token service that trusts these signers."""
    return Relying(AUDIENCE, {RECIPIENT}, {ISSUER: [each.certificate for each in signers]})


def element(root: etree._Element, path: str) -> etree._Element:
    """The one element at a path."""
    found = root.find(path, NAMESPACES)
    assert found is not None
    return found


def set_to(path: str, name: str, value: str | None) -> Callable[[etree._Element], None]:
    """A change of an attribute, or its removal."""

    def change(root: etree._Element) -> None:
        attributes = element(root, path).attrib
        if value is None:
            del attributes[name]
        else:
            attributes[name] = value

    return change


def without(path: str) -> Callable[[etree._Element], None]:
    """The removal of an element."""

    def change(root: etree._Element) -> None:
        found = element(root, path)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return change
