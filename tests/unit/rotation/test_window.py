"""Windows: when they are open, over both changes of the clocks, leap days and the turn of the year."""

from __future__ import annotations

import functools
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import Refused
from btp_trust.rotation.time_limits import NEVER, parse_duration
from btp_trust.rotation.window import Window, check_window, open_from
from support.fake_engine import assert_three_part_message

BERLIN = "Europe/Berlin"
moments = st.datetimes(datetime(2026, 1, 1), datetime(2032, 12, 31)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(tzinfo=UTC)
)
windows = st.builds(
    Window,
    cron=st.sampled_from(["0 2 * * SUN", "30 2 * * *", "0 0 29 2 *", "0 22 1 1 *", "*/20 * * * *", "0 0 L * *"]),
    duration=st.sampled_from(["1m", "30m", "4h", "3d"]),
    time_zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
)


CHANGING_ZONES = [BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut", "Africa/Cairo"]
"""With half an hour that is skipped, and with a midnight that is."""


@functools.cache
def changes(name: str) -> list[datetime]:
    """Return the moments of four years at which the clocks of a zone are set."""
    zone, hours = ZoneInfo(name), [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=count) for count in range(35_000)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hour for hour, one, two in zip(hours[1:], offsets, offsets[1:], strict=False) if one != two]


@pytest.mark.parametrize(
    ("cron", "duration", "time_zone", "moment", "opens"),
    [
        pytest.param("0 2 * * SUN", "4h", BERLIN, "2028-11-04T12", "2028-11-05T01", id="winter"),
        pytest.param("0 2 * * SUN", "4h", BERLIN, "2028-11-05T04", "2028-11-05T04", id="open"),
        pytest.param("0 2 * * SUN", "4h", BERLIN, "2028-11-05T05", "2028-11-12T01", id="closed again"),
        pytest.param("0 2 * * *", "1h", BERLIN, "2027-03-28T00", "2027-03-28T01", id="the hour is skipped"),
        pytest.param("0 2 * * *", "1h", BERLIN, "2027-03-28T02", "2027-03-29T00", id="after the skipped hour"),
        pytest.param("0 2 * * *", "1h", BERLIN, "2027-10-30T23", "2027-10-31T00", id="the hour comes twice"),
        pytest.param("0 2 * * *", "1h", BERLIN, "2027-10-31T01", "2027-11-01T01", id="it opens once"),
        pytest.param(
            "15 2 * * *", "5m", BERLIN, "2027-10-31T01:10", "2027-11-01T01:15", id="closed in its second pass"
        ),
        pytest.param("0 0 * * SUN", "1d", BERLIN, "2027-10-31T21", "2027-10-31T21", id="time that passes"),
        pytest.param("0 0 * * SUN", "1d", BERLIN, "2027-10-31T22", "2027-11-06T23", id="an hour longer by the clock"),
        pytest.param("0 0 29 2 *", "1d", "UTC", "2026-03-01T00", "2028-02-29T00", id="leap day"),
        pytest.param("0 22 31 12 *", "4h", "UTC", "2029-01-01T01", "2029-01-01T01", id="turn of the year"),
        pytest.param("0 22 31 12 *", "4h", "UTC", "2029-01-01T02", "2029-12-31T22", id="new year"),
    ],
)
def test_window_opens_by_its_clock(cron: str, duration: str, time_zone: str, moment: str, opens: str) -> None:
    """The cron expression is read in the time zone, the duration is time that passes."""
    now, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, opens))
    assert open_from(Window(cron=cron, duration=duration, time_zone=time_zone), now) == expected


@given(windows, moments)
def test_window_is_open_when_it_says(window: Window, moment: datetime) -> None:
    """At the moment that is named it is open, and each earlier one leads to the same answer."""
    opens = open_from(window, moment)
    assert opens >= moment
    assert open_from(window, opens) == opens
    assert opens == moment or open_from(window, opens - timedelta(seconds=1)) == opens
    assert open_from(window, opens + parse_duration(window.duration)) > opens


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        pytest.param(Window(cron="0 2 * *", duration="4h"), "five fields", id="a field is missing"),
        pytest.param(Window(cron="0 0 2 * * *", duration="4h"), "five fields", id="seconds"),
        pytest.param(Window(cron="0 25 * * *", duration="4h"), "Bad hour", id="an hour too late"),
        pytest.param(Window(cron="0 0 30 2 *", duration="4h"), "Bad day-of-month", id="30 February"),
        pytest.param(Window(cron="0 0 */30 2 MON#5", duration="4h"), "no day fits", id="rules that exclude each other"),
        pytest.param(Window(cron="0 2 * * *", duration="4"), "'4'", id="a number as duration"),
        pytest.param(
            Window(cron="0 2 * * *", duration="4h", time_zone="Berlin"),
            "'Berlin' is unknown as a time zone",
            id="half a zone",
        ),
        pytest.param(Window(cron="0 2 * * *", duration="4h", time_zone="../x"), "'../x' is unknown", id="a path"),
        pytest.param(Window(cron="0 2 * * *", duration="4h", time_zone=""), "''", id="an empty zone"),
        pytest.param(Window(cron="0 2 * * *", duration="4h", time_zone="Europe"), "'Europe'", id="a part of a zone"),
        pytest.param(Window(cron="0 2 * * *", duration="4h", time_zone="localtime"), "'localtime'", id="of a machine"),
        pytest.param(Window(cron="@daily", duration="4h"), "five fields", id="a nickname"),
        pytest.param(Window(cron="60 2 * * *", duration="4h"), "Bad minute", id="a minute too late"),
        pytest.param(Window(cron="0 22-2 * * *", duration="4h"), "Bad hour", id="over midnight as a range"),
        pytest.param(Window(cron="0 0 31 4,6 *", duration="4h"), "Bad day-of-month", id="31 April"),
        pytest.param(Window(cron="0 2 * * *", duration="0h"), "'0h'", id="no duration"),
        pytest.param(Window(cron="0 2 * * *", duration="-4h"), "'-4h'", id="a negative duration"),
    ],
)
def test_unusable_windows_are_refused(window: Window, problem: str) -> None:
    """The message says which part, and shows a usable window."""
    with pytest.raises(Refused) as caught:
        check_window(window)
    assert_three_part_message(str(caught.value), "`window` is unusable", problem, "Europe/Berlin")


def opening_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when a window of this wall time opens on a day: once, and when the clock is set, where it skips that."""
    wall = datetime.combine(day, at)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    before = moment - timedelta(hours=3)
    minutes = (before + timedelta(minutes=number) for number in range(6 * 60))
    return next(minute for minute in minutes if minute.astimezone(zone).replace(tzinfo=None) >= wall)


@given(st.data(), st.sampled_from(CHANGING_ZONES), st.sampled_from(["1m", "45m", "2h", "23h", "25h"]))
def test_window_agrees_with_wall_clocks(data: st.DataObject, name: str, duration: str) -> None:
    """Near each change of the clocks it is open exactly from the wall time on, for time that passes."""
    zone, change = ZoneInfo(name), data.draw(st.sampled_from(changes(name)))
    moment = change + timedelta(minutes=data.draw(st.integers(-30 * 60, 30 * 60)))
    # Half of the hours are those that a change may skip or repeat.
    at = data.draw(st.builds(time, st.integers(0, 23) | st.integers(0, 3), st.sampled_from([0, 15, 30, 59])))
    window = Window(cron=f"{at.minute} {at.hour} * * *", duration=duration, time_zone=name)
    today = moment.astimezone(zone).date()
    openings = [opening_of(today + timedelta(days=more), at, zone) for more in (-2, -1, 0, 1)]
    is_open = any(opens <= moment < opens + parse_duration(duration) for opens in openings)
    assert (open_from(window, moment) == moment) == is_open


@given(
    st.text("0123456789*/,-LW#? ", max_size=14)
    | st.from_regex(r"\A(\*|[0-9]{1,2}|\*/[0-9]{1,2})( (\*|[0-9]{1,2})){4}\Z"),
    st.text(max_size=8) | st.sampled_from(["UTC", BERLIN, "Etc/GMT+12", "\0", "/etc/passwd", "a" * 300, "\ud800"]),
    moments,
)
def test_each_window_is_usable_or_refused(cron: str, time_zone: str, moment: datetime) -> None:
    """For any text, the answer is a window that opens, or a refusal in three parts."""
    window = Window(cron=cron, duration="4h", time_zone=time_zone)
    try:
        check_window(window)
    except Refused as refusal:
        assert_three_part_message(str(refusal), "`window` is ")
    else:
        assert open_from(window, moment) >= moment


def test_last_year_has_no_next_window() -> None:
    """The end of the calendar has an answer."""
    assert open_from(Window(cron="0 0 1 1 *", duration="1h"), datetime(9999, 6, 1, tzinfo=UTC)) == NEVER
    assert open_from(Window(cron="* * * * *", duration="1h", time_zone="Asia/Tokyo"), NEVER) == NEVER


@pytest.mark.parametrize(
    "window",
    [
        Window(cron="0 2 * * *", duration="24h", time_zone=BERLIN),
        Window(cron="0 2 * * SUN", duration="8d"),
        Window(cron="* * * * *", duration="1m"),
    ],
)
def test_window_without_pause_is_refused(window: Window) -> None:
    """It would let each rotation pass, and look like a limit."""
    with pytest.raises(Refused) as caught:
        check_window(window)
    assert_three_part_message(str(caught.value), "`window` is always open", str(window), "shorter `duration`")


@pytest.mark.parametrize(
    "window",
    [
        Window(cron="0 2 * * *", duration="1439m"),
        Window(cron="0 2 * * MON-FRI", duration="30h"),
        Window(cron="* * * * MON-FRI", duration="1h"),
        Window(cron="* * 1-28 * *", duration="1m"),
        Window(cron="0 0 29 2 *", duration="1000d"),
        Window(cron="0 0 29 2 MON#5", duration="1000d"),
    ],
)
def test_pause_makes_window_usable(window: Window) -> None:
    """One at some time is enough: a weekend, a minute of the day, a day in four years."""
    check_window(window)


def test_plugin_loads_cronsim_on_demand() -> None:
    """Commands pay for a window only if they have one."""
    code = "import sys, btp_trust.providers; sys.exit('cronsim' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
