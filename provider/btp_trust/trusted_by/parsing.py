"""The argument `trusted_by` of a RotationTrigger: from what a program gives to what is compared, kept and shown.

No certificate of a target ends in the inputs: fingerprints do, sorted, so that a preview shows a difference where
there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from btp_trust.certificate import CertificateIdentity
from btp_trust.errors import Refused
from btp_trust.parsing.fingerprint import OtherDigest, normalize_fingerprint
from btp_trust.property_bag import UNKNOWN, is_unknown
from btp_trust.trusted_by import formats
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, TrustStatement

PROPERTY: Final = "trusted_by"
_ACCEPTED: Final = (
    "Give the SHA-256 fingerprint (openssl x509 -noout -fingerprint -sha256 -in <file>), PEM, the base64 body, SAML "
    "metadata, or a list of these; Attested(…) or SwitchesAtRotation(…) for a target that cannot be asked."
)


@dataclass(frozen=True, slots=True)
class TrustedBy:
    """What the targets said."""

    statements: dict[str, TrustStatement] = field(default_factory=dict)
    """{target: what it said}."""
    expiry: dict[str, datetime] = field(default_factory=dict)
    """{fingerprint: when it expires}, as far as the targets' certificates told."""
    valid_until: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """{target: {fingerprint: how long all that names it may be believed}}, where that is limited (`validUntil`)."""


def trusted_by_from_program(value: Any) -> TrustedBy:
    """Read the argument.

    Raises:
        Refused: It is no map, or a target's value is empty, a number, or nothing that can be read as a certificate.
    """
    found = TrustedBy()
    if value is None:
        return found
    if not isinstance(value, Mapping):
        raise Refused(
            f"`{PROPERTY}` is no map of targets.",
            "The preview lists each target by its name, so the names have to be known.",
            f'Write {PROPERTY}={{"<name of a target>": <what it trusts>}}.',
            prop=PROPERTY,
        )
    for target, said in value.items():
        if not target.strip() or not target.isprintable():
            raise Refused(
                f"{target!r} is no name for a target.",
                "It is read in previews and errors.",
                'Give it a short printable name, such as "s4-production".',
                prop=PROPERTY,
            )
        try:
            found.statements[target] = _parse_statement(target, said, found)
        except ValueError as error:
            raise Refused(
                f"What target {target!r} trusts cannot be read: {error}.",
                "It is compared with the certificate that is to sign, so nobody could know the answer.",
                _ACCEPTED,
                prop=PROPERTY,
            ) from None
    return found


def _parse_statement(target: str, said: Any, found: TrustedBy) -> TrustStatement:
    if is_unknown(said):
        return UNKNOWN
    if isinstance(said, Mapping) and formats.METADATA_FIELD not in said:
        return _parse_attestation(said)
    named = [identity for text in _texts(said) for identity in formats.parse_certificates(text)]
    found.expiry.update({each.fingerprint: each.not_after for each in named if each.not_after is not None})
    if limits := _validity_limits(named):
        found.valid_until[target] = limits
    return sorted({each.fingerprint for each in named})


def _validity_limits(named: list[CertificateIdentity]) -> dict[str, datetime]:
    """Tell how long each certificate may be believed to be trusted: as long as the longest of what names it."""
    limits: dict[str, datetime] = {}
    for each in named:
        if each.valid_until is not None:
            limits[each.fingerprint] = max(each.valid_until, limits.get(each.fingerprint, each.valid_until))
    unlimited = {each.fingerprint for each in named if each.valid_until is None}
    return {fingerprint: until for fingerprint, until in limits.items() if fingerprint not in unlimited}


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        yield formats.metadata_in_response(said)
    elif isinstance(said, Sequence):
        for each in said:
            yield from _texts(each)
    else:
        raise ValueError("it is neither a text nor a list")  # noqa: TRY004 - the program's mistake, not a caller's


def _parse_attestation(said: Mapping[str, Any]) -> Attestation | DeferredUpload:
    if said.get("kind") == "attested":
        fingerprint = _attested_fingerprint(said.get("fingerprint"))
        if not said.get("by") and not said.get("on"):
            return Attestation(fingerprint, ticket=_ticket(said))
        try:
            on = date.fromisoformat(_text(said, "on"))
        except ValueError:
            raise ValueError("the day of its attestation is no date such as 2028-11-20") from None
        return Attestation(fingerprint, _text(said, "by"), on, _ticket(said))
    if said.get("kind") == "switches at rotation":
        return DeferredUpload(_text(said, "owner"), _ticket(said))
    raise ValueError("it is a map, and neither Attested(…) nor SwitchesAtRotation(…)")


def _attested_fingerprint(fingerprint: Any) -> str:
    """Read the fingerprint of an attestation; dialogs and pages put marks into it that nobody can print."""
    try:
        return normalize_fingerprint(fingerprint if isinstance(fingerprint, str) else "")
    except OtherDigest as error:
        raise ValueError(f"its attestation has {error}") from None
    except ValueError:
        raise ValueError("its attestation has no SHA-256 fingerprint (64 hexadecimal digits)") from None


def _ticket(said: Mapping[str, Any]) -> str | None:
    return None if said.get("ticket") is None else _text(said, "ticket")


def _text(said: Mapping[str, Any], name: str) -> str:
    text = said.get(name)
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ValueError(f"its `{name}` is no printable text")
    return text.strip()
