"""Soaking times and freezes: moments, days, and what cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import Refused
from btp_trust.rotation.time_limits import (
    NEVER,
    Freeze,
    check_freezes,
    duration_argument,
    freeze_at,
    parse_duration,
    soaked_from,
    thawed_from,
)
from support.fake_engine import assert_three_part_message

moments = st.datetimes(datetime(2026, 1, 1), datetime(2032, 12, 31)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


def frozen(start: str, end: str) -> Freeze:
    """Freeze the signer between two times."""
    return Freeze(start=start, to=end, why="closing")


@st.composite
def freezes(draw: st.DrawFn) -> list[Freeze]:
    """Draw freezes that overlap, touch or leave gaps."""
    days = draw(st.lists(st.tuples(moments, st.integers(0, 400)), max_size=5))
    return [frozen(f"{start:%Y-%m-%d}", f"{start + timedelta(days=more):%Y-%m-%d}") for start, more in days]


@pytest.mark.parametrize(
    ("value", "text", "duration"),
    [
        (14, "14d", timedelta(days=14)),
        ("36h", "36h", timedelta(hours=36)),
        ("90m", "90m", timedelta(minutes=90)),
        ("1000d", "1000d", timedelta(days=1000)),
    ],
)
def test_durations_are_recorded_as_text(value: str | int, text: str, duration: timedelta) -> None:
    """A number counts days; what was recorded is accepted again."""
    assert duration_argument(value, "soak") == duration_argument(text, "soak") == text
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "value", [0, -1, "", "14", "0d", "d", "1.5d", "1w", "-3d", "1001d", "99999h", "1d\n", "\uff11d"]
)
def test_malformed_durations_are_refused(value: str | int) -> None:
    """The message says what a duration is, and how to write one."""
    with pytest.raises(Refused) as caught:
        duration_argument(value, "soak")
    assert_three_part_message(str(caught.value), "`soak`", "36h")


@pytest.mark.parametrize(
    "freeze",
    [
        frozen("2028-12-15", "2028-12-14"),
        frozen("2028-12-15T00:00:00Z", "2028-12-15T00:00:00Z"),
        frozen("tomorrow", "2028-12-14"),
        frozen("2027-02-29", "2027-03-01"),
        frozen("2028-12-15", "9999-12-31"),
        frozen("20281215", "2028-12-16"),
        frozen("2028-W50-5", "2028-12-16"),
        frozen("2028-12-15T00:00:00", "2028-12-16"),
        frozen("2028-12-15 00:00:00Z", "2028-12-16"),
        frozen("2028-12-15T24:00:00Z", "2028-12-16"),
        frozen("", "2028-12-16"),
        frozen("2028-12-15", "2028-12-16T00:00:00+01:00"),
        Freeze(start="2028-12-15", to="2028-12-16", why=" "),
        Freeze(start="2028-12-15", to="2028-12-16", why="two\nlines"),
        Freeze(start="2028-12-15", to="2028-12-16", why="x" * 101),
    ],
)
def test_unusable_freezes_are_refused(freeze: Freeze) -> None:
    """The message counts the entry, and shows a usable one."""
    with pytest.raises(Refused) as caught:
        check_freezes([frozen("2028-01-01", "2028-01-01"), freeze])
    assert_three_part_message(str(caught.value), "Entry 2 of `freeze`", "2029-01-05")


def test_days_are_whole_and_in_utc() -> None:
    """The last day belongs to the freeze, a leap day too; a moment ends it at that second."""
    freeze = frozen("2028-02-28", "2028-02-29")
    assert freeze.begins == datetime(2028, 2, 28, tzinfo=UTC)
    assert freeze.ends == datetime(2028, 3, 1, tzinfo=UTC)
    assert frozen("2028-12-31", "2028-12-31").ends == datetime(2029, 1, 1, tzinfo=UTC)
    assert frozen("2028-12-31", "2028-12-31T20:00:00Z").ends == datetime(2028, 12, 31, 20, tzinfo=UTC)


@given(freezes(), moments)
def test_thaw_is_the_first_moment(frozen_times: list[Freeze], moment: datetime) -> None:
    """At the thaw no freeze holds, and until then one always does."""
    check_freezes(frozen_times)
    thaw = thawed_from(frozen_times, moment)
    assert thaw >= moment
    assert freeze_at(frozen_times, thaw) is None
    between = [freeze.ends - timedelta(seconds=1) for freeze in frozen_times if moment < freeze.ends <= thaw]
    assert all(freeze_at(frozen_times, each) is not None for each in between if each >= moment)
    assert (thaw == moment) == (freeze_at(frozen_times, moment) is None)


@pytest.mark.parametrize("exists_since", [datetime(2028, 2, 28, 12, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_soaking_counts_from_the_first_second(exists_since: datetime) -> None:
    """A leap day counts, a later moment passes, and a certificate of the last year never does."""
    soaked: Any = exists_since + timedelta(days=2) if exists_since.year < 9999 else NEVER
    assert soaked_from("2d", exists_since, exists_since) == soaked
    assert soaked_from("2d", exists_since, soaked) == soaked


@given(
    st.text(max_size=12) | st.from_regex(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(Z|\+01:00)?)?"), st.text(max_size=12)
)
def test_each_freeze_is_usable_or_refused(start: str, why: str) -> None:
    """For any text, the answer is a freeze with a first and a last moment, or a refusal in three parts."""
    freeze = Freeze(start=start, to="2028-12-31", why=why)
    try:
        check_freezes([freeze])
    except Refused as refusal:
        assert_three_part_message(str(refusal), "Entry 1 of `freeze`")
    else:
        assert freeze.begins < freeze.ends
        assert freeze_at([freeze], freeze.begins) == freeze


@given(st.text(max_size=6) | st.from_regex(r"-?[0-9]{1,6}[dhm]?") | st.integers())
def test_each_duration_is_usable_or_refused(value: str | int) -> None:
    """A duration that passes is longer than nothing, and of a length that a calendar holds."""
    try:
        text = duration_argument(value, "soak")
    except Refused as refusal:
        assert_three_part_message(str(refusal), "`soak`")
    else:
        assert timedelta() < parse_duration(text) <= timedelta(days=1000)
