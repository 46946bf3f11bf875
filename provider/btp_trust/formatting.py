"""Format certificates and moments for messages."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, UTC, datetime
from typing import Final

from btp_trust.certificate import KEY_PREFIX, Certificate

PREVIEW_WIDTH: Final = 150
"""Characters of a string that `pulumi preview --diff` shows: each line of a plan has to fit."""


def short_fingerprint(fingerprint: str) -> str:
    """Shorten a fingerprint, or the identity of a key, for a sentence; eight digits tell two of a subaccount apart."""
    prefix = KEY_PREFIX if fingerprint.startswith(KEY_PREFIX) else ""
    return fingerprint[: len(prefix) + 8]


def label_fingerprint(fingerprint: str, name: str | None) -> str:
    """Name a certificate so briefly that two of them fit into the part of a string that a preview shows."""
    short = short_fingerprint(fingerprint)
    return f"{short} ({name})" if name else short


def find_name(generations: Mapping[str, str], fingerprint: str) -> str | None:
    """Return a generation's name of the certificate with this fingerprint: `generations` is {name: fingerprint}."""
    return next((name for name, bound in generations.items() if bound == fingerprint), None)


def format_day(moment: datetime) -> str:
    """Format the date of a moment for a sentence."""
    return f"{moment:%Y-%m-%d}"


def describe_certificate(certificate: Certificate, name: str | None = None) -> str:
    """Name a certificate in a sentence: short fingerprint, its generation if known, its last day."""
    label = f"{name}, " if name else ""
    return f"{short_fingerprint(certificate.fingerprint)} ({label}expires {format_day(certificate.not_after)})"


def describe_signer(certificate: Certificate) -> str:
    """Name a certificate that signs: short fingerprint, its first and its last day."""
    return (
        f"{short_fingerprint(certificate.fingerprint)} (valid since {format_day(certificate.not_before)}, signs until "
        f"{format_day(certificate.not_after)})"
    )


def format_rfc3339(moment: datetime) -> str:
    """Format a moment as RFC 3339 in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def parse_rfc3339(text: str) -> datetime:
    """Parse a text of `format_rfc3339`.

    Raises:
        ValueError: `text` has another format, or the year is 9999, after which a comparison would overflow.
    """
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if moment.year == MAXYEAR:
        raise ValueError("the last year that there is")
    return moment


def propose_free_name(name: str, taken: Iterable[str]) -> str:
    """Propose a free name after one that is taken."""
    used = set(taken)
    return next(proposed for number in itertools.count(2) if (proposed := f"{name}-{number}") not in used)
