"""Certificates with any serial number, name and validity, built cheaply with invalid keys and signatures."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from btp_trust_emulator.pki import der, trust_certificate

ISSUER = "cfapps.eu12.hana.ondemand.com/00000000-1111-4222-8333-000000005cdd"
NOT_BEFORE, NOT_AFTER = datetime(2026, 11, 29, 8, tzinfo=UTC), datetime(2028, 11, 29, 8, tzinfo=UTC)

moments = st.datetimes(datetime(1960, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
serials = st.integers(-(2**79), 2**79 - 1)
"""Signed integers of up to ten bytes."""
names = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1).filter(str.strip)
"""Printable, in one line, not blank."""


def certificate(
    serial: int = 1,
    *,
    issuer: str = ISSUER,
    since: datetime = NOT_BEFORE,
    until: datetime = NOT_AFTER,
    key: bytes = b"key",
) -> str:
    """Return the PEM of a certificate with the layout of the real ones."""
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.1.13"), der.null())
    name = der.sequence(der.set_of(der.sequence(der.object_identifier("2.5.4.3"), der.utf8_string(issuer))))
    validity = der.sequence(der.time(since), der.time(until))
    public_key = der.sequence(algorithm, der.bit_string(key))
    content = der.sequence(
        der.explicit(0, der.integer(2)), der.integer(serial), algorithm, name, validity, name, public_key
    )
    return trust_certificate.to_pem(der.sequence(content, algorithm, der.bit_string(b"signature")))
