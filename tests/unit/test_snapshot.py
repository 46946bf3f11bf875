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
    """A certificate that is known by its fingerprint."""
    return Certificate(fingerprint, "AAAA", "signing", "05", NOW, until)


slots = st.none() | fingerprints.map(certificate)


@given(active=slots, passive=slots, other=fingerprints)
def test_a_certificate_is_found_where_it_is(
    active: Certificate | None, passive: Certificate | None, other: str
) -> None:
    """In either slot, by its fingerprint alone; what is in none is gone."""
    snapshot = Snapshot(GUID, active, passive, NOW)
    for found, role in ((passive, "passive"), (active, "active")):
        if found is not None:
            assert snapshot.find(found.fingerprint) == found
            assert snapshot.role(found.fingerprint) in {role, "active"}
            assert has_fingerprint(found, found.fingerprint)
    if other not in (snapshot.slots.active, snapshot.slots.passive):
        assert snapshot.find(other) is None
        assert snapshot.role(other) == "gone"
        assert not has_fingerprint(active, other)


@given(active=slots, passive=slots)
def test_slots_are_the_fingerprints_of_a_reading(active: Certificate | None, passive: Certificate | None) -> None:
    """An empty slot is None; a sentence about them names both in full."""
    found = Snapshot(GUID, active, passive, NOW).slots
    assert found == Slots(*(None if each is None else each.fingerprint for each in (active, passive)))
    assert str(found) == f"active {found.active or 'empty'}, passive {found.passive or 'empty'}"


@given(active=st.none() | fingerprints, passive=st.none() | fingerprints)
def test_swapping_twice_changes_nothing(active: str | None, passive: str | None) -> None:
    """As the service's own operation: it is its own inverse."""
    found = Slots(active, passive)
    assert found.swapped == Slots(passive, active)
    assert found.swapped.swapped == found


@given(moment=moments)
def test_a_moment_is_written_so_that_it_can_be_read(moment: datetime) -> None:
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
def test_what_is_no_moment_is_refused(text: str) -> None:
    """A state may have been edited; nor is there a moment after which nothing can come."""
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_a_certificate_is_named_briefly_in_a_sentence() -> None:
    """Eight digits, the generation if it has one, and its last day."""
    one = certificate("ed0ba130" + "7" * 56, datetime(2030, 11, 22, 23, 31, 25, tzinfo=UTC))
    assert short_fingerprint(one.fingerprint) == "ed0ba130"
    assert describe_certificate(one) == "ed0ba130 (expires 2030-11-22)"
    assert describe_certificate(one, "2028-11") == "ed0ba130 (2028-11, expires 2030-11-22)"
