"""The DER encoder, read by independent parsers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator.pki import der


@given(st.integers(min_value=-(2**200), max_value=2**200))
def test_integer_round_trips_in_fewest_bytes(value: int) -> None:
    """An integer is read back from its bytes, whose first nine bits are never all the same."""
    tag, length, *content = der.integer(value)
    assert (tag, length) == (0x02, len(content))
    assert int.from_bytes(bytes(content), "big", signed=True) == value
    assert len(content) == 1 or (content[0] << 1 | content[1] >> 7) not in {0x000, 0x1FF}


@pytest.mark.parametrize(
    ("size", "head"),
    [
        pytest.param(127, "047f", id="the short form ends at 127"),
        pytest.param(128, "048180", id="128 takes one byte of length"),
        pytest.param(255, "0481ff", id="255 still does"),
        pytest.param(256, "04820100", id="256 takes two"),
        pytest.param(65536, "0483010000", id="65536 takes three"),
    ],
)
def test_length_has_fewest_bytes(size: int, head: str) -> None:
    """The length octets are the shortest that X.690 allows."""
    encoded = der.encode(0x04, bytes(size))
    assert encoded[:-size].hex() == head


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        pytest.param("2.5.4.3", "0603550403", id="common name"),
        pytest.param("1.2.840.113549.1.1.13", "06092a864886f70d01010d", id="SHA-512 with RSA"),
    ],
)
def test_object_identifier_has_known_bytes(dotted: str, encoded: str) -> None:
    """Two identifiers have the bytes of RFC 5280 and RFC 8017."""
    assert der.object_identifier(dotted).hex() == encoded


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(datetime(2049, 12, 31, 23, 59, 59, 999999, UTC), b"\x17\x0d491231235959Z", id="to 2049"),
        pytest.param(datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z", id="from 2050"),
    ],
)
def test_time_has_two_forms(moment: datetime, text: bytes) -> None:
    """A time is UTCTime to the end of 2049, GeneralizedTime after it, both cut to the second."""
    assert der.time(moment) == text


@given(st.lists(st.binary(max_size=300), max_size=4), st.binary())
def test_members_ignore_what_follows(contents: list[bytes], after: bytes) -> None:
    """The members are those of the sequence, for any octets after it."""
    members = [der.encode(0x04, content) for content in contents]
    assert der.members(der.sequence(*members) + after) == members
    assert [der.content(member) for member in members] == contents


@pytest.mark.parametrize("octets", ["", "30", "3003", "308203", "30020403"])
def test_truncated_octets_are_refused(octets: str) -> None:
    """Octets that end too early are refused as a whole."""
    with pytest.raises(ValueError, match="longer than the octets"):
        der.members(bytes.fromhex(octets))
