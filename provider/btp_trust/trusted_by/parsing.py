"""The argument `trusted_by` of a RotationTrigger: convert the program's values to trust statements.

The inputs keep fingerprints in place of certificates, so that previews show exactly the real differences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from btp_trust.certificate import CertificateIdentity
from btp_trust.errors import Refused
from btp_trust.formatting import format_rfc3339, parse_rfc3339
from btp_trust.parsing.fingerprint import OtherDigest, normalize_fingerprint
from btp_trust.property_bag import UNKNOWN, is_unknown
from btp_trust.trusted_by import formats
from btp_trust.trusted_by.statements import (
    OPEN,
    TRUSTED,
    Attestation,
    DeferredUpload,
    Observation,
    TrustStatement,
    recorded_as_unknown,
    with_earlier_certificates,
)

PROPERTY: Final = "trusted_by"
_BAD_TIME: Final = "`on` of its attestation must be a date such as 2028-11-20, or a moment such as 2028-11-20T11:05:00Z"
_ACCEPTED: Final = (
    "Give the SHA-256 fingerprint (openssl x509 -noout -fingerprint -sha256 -in <file>), PEM, the base64 body, SAML "
    "metadata, or a list of these; Attested(…) or SwitchesAtRotation(…) for a target without an API."
)


class TrustedBy(Struct, frozen=True):
    """The argument, read."""

    statements: dict[str, TrustStatement] = field(default_factory=dict)
    """{target: its statement}."""
    expiry: dict[str, datetime] = field(default_factory=dict)
    """{fingerprint: expiry}, where the target gave the whole certificate."""
    valid_until: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """{target: {fingerprint: latest `validUntil` of the metadata that names it}}, where all of it is limited."""


def trusted_by_from_program(value: Any, recorded: Mapping[str, TrustStatement] = MappingProxyType({})) -> TrustedBy:
    """Read the argument.

    Args:
        value: What the program gives.
        recorded: The statements of the last deployment: their certificates stand for unknown ones in a preview,
            and stay beside those of a new attestation.

    Raises:
        Refused: `value` is something else than a map, or the value of a target is empty, a number, or unreadable.
    """
    if value is None:
        return TrustedBy()
    if not isinstance(value, Mapping):
        raise Refused(
            f"`{PROPERTY}` is not a map of targets.",
            "The preview lists each target by its name, so the names have to be known.",
            f'Write {PROPERTY}={{"<name of a target>": <what it trusts>}}.',
            prop=PROPERTY,
        )
    parsed = {target: _parse_target(target, statement, recorded.get(target)) for target, statement in value.items()}
    limits = {target: _validity_limits(certificates) for target, (_, certificates) in parsed.items()}
    return TrustedBy(
        {
            target: with_earlier_certificates(statement, recorded.get(target))
            for target, (statement, _) in parsed.items()
        },
        {
            certificate.fingerprint: certificate.not_after
            for _, certificates in parsed.values()
            for certificate in certificates
            if certificate.not_after is not None
        },
        {target: limit for target, limit in limits.items() if limit},
    )


def _parse_target(
    target: str, value: Any, recorded: TrustStatement | None
) -> tuple[TrustStatement, list[CertificateIdentity]]:
    if not target.strip() or not target.isprintable():
        raise Refused(
            f"{target!r} is not a name for a target.",
            "It is read in previews and errors.",
            'Give it a short printable name, such as "s4-production".',
            prop=PROPERTY,
        )
    try:
        return _parse_statement(value, recorded)
    except ValueError as error:
        raise Refused(
            f"The certificates that target {target!r} trusts are unreadable: {error}.",
            "The rotation is checked against the certificates of this target, so they have to be readable.",
            _ACCEPTED,
            prop=PROPERTY,
        ) from None


def _parse_statement(value: Any, recorded: TrustStatement | None) -> tuple[TrustStatement, list[CertificateIdentity]]:
    """Read the value of one target, of which the last deployment recorded this.

    Returns:
        The statement, and the certificates that the value names.

    Raises:
        ValueError: `value` is unreadable. The message continues a sentence, and keeps the value to itself.
    """
    # Accepted here: an unknown statement stops a swap alone, which is for the target gate.
    if is_unknown(value):
        return _unknown_statement(value, recorded_as_unknown(recorded)), []
    value = _unwrap(value)
    if isinstance(value, Mapping) and formats.METADATA_FIELD not in value:
        return _parse_map(value), []
    certificates = [identity for text in _texts(value) for identity in formats.parse_certificates(text)]
    return Observation.of(*(certificate.fingerprint for certificate in certificates)), certificates


def _unwrap(value: Any) -> Any:
    """Return what the program states, without the map around it."""
    match value:
        case {"kind": "observed", "stated": stated, **more} if not more:
            return stated
    return value


def _unknown_statement(value: Any, certificates: dict[str, str]) -> TrustStatement:
    """Write the recorded certificates, each unknown, if there are any; a person who attests is known already."""
    if not certificates:
        return UNKNOWN
    who = {name: part for name, part in value.items() if name != "fingerprint"} if isinstance(value, Mapping) else {}
    if who.get("kind") == "attested" and not is_unknown(who):
        return replace(_parse_attestation(who, certificates), certificates=certificates)
    return Observation(certificates)


def _validity_limits(certificates: list[CertificateIdentity]) -> dict[str, datetime]:
    """Return the end of trust in each certificate: the latest of all that name it; absent if one names no end."""
    limits: dict[str, datetime] = {}
    for certificate in certificates:
        if certificate.valid_until is not None:
            latest = limits.get(certificate.fingerprint, certificate.valid_until)
            limits[certificate.fingerprint] = max(certificate.valid_until, latest)
    unlimited = {certificate.fingerprint for certificate in certificates if certificate.valid_until is None}
    return {fingerprint: until for fingerprint, until in limits.items() if fingerprint not in unlimited}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield formats.metadata_in_response(value)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)
    else:
        raise ValueError("it must be a text or a list")  # noqa: TRY004 - the program's value is wrong, not the call


def _parse_map(value: Mapping[str, Any]) -> TrustStatement:
    match value:
        # The recorded forms: `ignore_changes` puts them in the place of the program's value.
        case {"certificates": _, "fingerprint": _} | {"certificates": _, "stated": _}:
            raise ValueError("`ignore_changes` keeps a part of them: name the whole target there")
        case {"kind": "attested", "certificates": Mapping() as certificates}:
            attested = [fingerprint for fingerprint, state in certificates.items() if state in (TRUSTED, OPEN)]
            return _parse_attestation(value, _attested_fingerprints(attested))
        case {"kind": "observed", "certificates": Mapping() as certificates}:
            named = [identity for text in certificates for identity in formats.parse_certificates(text)]
            return Observation.of(*(certificate.fingerprint for certificate in named))
        case {"kind": "attested"}:
            return _parse_attestation(value, _attested_fingerprints(value.get("fingerprint")))
        case {"kind": "switches at rotation"}:
            return DeferredUpload(_text(value, "owner"), _ticket(value))
    raise ValueError("it is a map other than Attested(…) and SwitchesAtRotation(…)")


def _parse_attestation(attestation: Mapping[str, Any], fingerprints: Collection[str]) -> Attestation:
    # Both empty: a prepared file that waits for its person. One of both alone is a slip, which `_text` refuses.
    if not attestation.get("by") and not attestation.get("on"):
        return Attestation.of(fingerprints, ticket=_ticket(attestation))
    on = _day_or_moment(attestation.get("on"))
    return Attestation.of(fingerprints, _text(attestation, "by"), on, _ticket(attestation))


def _day_or_moment(value: Any) -> str:
    """Write a day as such, and a moment in RFC 3339 in UTC.

    Raises:
        ValueError: `value` is neither, or a moment without a time zone.
    """
    text = value.strip() if isinstance(value, str) else ""
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat()
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            # Parsed again, which refuses the years at both ends of the calendar.
            return format_rfc3339(parse_rfc3339(format_rfc3339(moment.astimezone(UTC))))
    raise ValueError(_BAD_TIME)


def _attested_fingerprints(value: Any) -> set[str]:
    """Read one fingerprint, or several."""
    texts = value if isinstance(value, list | tuple) and value else [value]
    return {_attested_fingerprint(text) for text in texts}


def _attested_fingerprint(fingerprint: Any) -> str:
    """Read the fingerprint of an attestation; texts copied from dialogs and pages have invisible marks in it."""
    try:
        return normalize_fingerprint(fingerprint if isinstance(fingerprint, str) else "")
    except OtherDigest as error:
        raise ValueError(f"its attestation has {error}") from None
    except ValueError:
        raise ValueError("its attestation lacks a SHA-256 fingerprint (64 hexadecimal digits)") from None


def _ticket(attestation: Mapping[str, Any]) -> str | None:
    return None if attestation.get("ticket") is None else _text(attestation, "ticket")


def _text(attestation: Mapping[str, Any], name: str) -> str:
    text = attestation.get(name)
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ValueError(f"its `{name}` must be printable text")
    return text.strip()
