"""The values that plans are made of: two slots, and words for certificates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate
from btp_trust.formatting import describe_certificate, format_day, format_rfc3339, parse_rfc3339, short_fingerprint
from btp_trust.snapshot import Slots, Snapshot, has_fingerprint

GUID = "00000000-1111-4222-8333-000000005cdd"
NOW = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC)

fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def certificate(fingerprint: str, until: datetime = NOW) -> Certificate:
    """Return a certificate with this fingerprint."""
    return Certificate(fingerprint, "AAAA", "signing", "05", NOW, until)


contents = st.none() | fingerprints.map(certificate)


@given(active=contents, passive=contents, other=fingerprints)
def test_finds_a_certificate_in_either_slot(
    active: Certificate | None, passive: Certificate | None, other: str
) -> None:
    """By its fingerprint alone; a certificate in neither slot is gone."""
    snapshot = Snapshot(GUID, active, passive, NOW)
    for certificate_ in (passive, active):
        if certificate_ is not None:
            assert snapshot.find(certificate_.fingerprint) == certificate_
            assert has_fingerprint(certificate_, certificate_.fingerprint)
    if other not in (snapshot.slots.active, snapshot.slots.passive):
        assert snapshot.find(other) is None
        assert not has_fingerprint(active, other)


@given(active=contents, passive=contents)
def test_slots_are_fingerprints(active: Certificate | None, passive: Certificate | None) -> None:
    """An empty slot is None; a sentence about them names both in full."""
    slots = Snapshot(GUID, active, passive, NOW).slots
    assert slots == Slots(*(None if slot is None else slot.fingerprint for slot in (active, passive)))
    assert str(slots) == f"active {slots.active or 'empty'}, passive {slots.passive or 'empty'}"


@given(active=st.none() | fingerprints, passive=st.none() | fingerprints)
def test_swapping_twice_is_the_identity(active: str | None, passive: str | None) -> None:
    """As the service's own operation, which is its own inverse."""
    slots = Slots(active, passive)
    assert slots.swapped == Slots(passive, active)
    assert slots.swapped.swapped == slots


@given(moment=moments)
def test_formats_a_moment_that_parses(moment: datetime) -> None:
    """RFC 3339, UTC, to the second; a sentence has the day."""
    assert datetime.fromisoformat(format_rfc3339(moment)) == moment.replace(microsecond=0)
    assert format_rfc3339(moment).endswith("Z")
    assert format_rfc3339(moment).startswith(format_day(moment))
    assert parse_rfc3339(format_rfc3339(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "then",
        "2028-11-24",
        "2028-11-24T08:34:27",
        "2028-11-24T08:34:27+01:00",
        "2028-02-30T08:34:27Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_refuses_another_format(text: str) -> None:
    """A state may have been edited; and a moment in the last year of the calendar has no successor."""
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_describes_a_certificate_briefly() -> None:
    """Eight digits, the generation if it has one, and its last day."""
    signer = certificate("ed0ba130" + "7" * 56, datetime(2030, 11, 22, 23, 31, 25, tzinfo=UTC))
    assert short_fingerprint(signer.fingerprint) == "ed0ba130"
    assert describe_certificate(signer) == "ed0ba130 (expires 2030-11-22)"
    assert describe_certificate(signer, "2028-11") == "ed0ba130 (2028-11, expires 2030-11-22)"
