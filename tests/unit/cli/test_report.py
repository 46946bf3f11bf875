"""The page of `btp-trust report`: its time line, its rows, and what it lets a browser do."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust_cli.report.page import report_page
from btp_trust_cli.report.rows import rows_of, time_line
from btp_trust_cli.report.timeline import FUTURE, PAST, TimeLine
from support.report_statuses import EVENTS, HOSTILE, hostile_status, moment_of, report_statuses
from support.statuses import CLOSED, FINE, OLD, ROTATING, status

NOW = datetime(2028, 11, 20, tzinfo=UTC)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


@given(st.lists(moments, max_size=5), moments)
def test_time_line_shows_what_is_near(chosen: list[datetime], now: datetime) -> None:
    """Each near moment is inside, in its order; the others lie on the edge, and the page stays readable."""
    line = TimeLine.around(now, chosen)
    assert 0 < line.x(now) < 100
    assert line.end - line.start <= PAST + FUTURE + timedelta(days=90)
    for moment in chosen:
        assert line.shows(moment) is (now - PAST - timedelta(days=45) <= moment <= line.end and moment >= line.start)
        assert 0 <= line.x(moment) <= 100
    places = [line.x(moment) for moment in sorted(chosen)]
    assert places == sorted(places)
    assert [tick.x for tick in line.ticks] == sorted({tick.x for tick in line.ticks})


def test_long_time_line_has_years_alone() -> None:
    """A short one has quarters as well."""
    long = TimeLine.around(NOW, [NOW - timedelta(days=900), NOW + timedelta(days=900)])
    assert all(tick.is_year for tick in long.ticks)
    short = TimeLine.around(NOW, [])
    assert [tick.label for tick in short.ticks] == ["2029"]
    assert "Apr" in {tick.label for tick in TimeLine.around(NOW, [NOW + timedelta(days=400)]).ticks}


def test_row_has_what_the_status_says() -> None:
    """Bars of both slots, the warning of the signer alone, what is due, and the history in its order."""
    busy = hostile_status()
    (row,) = rows_of([busy], time_line([busy], moment_of([busy])))
    assert [bar.slot for bar in row.bars] == ["active", "passive"]
    assert [bar.due_x is None for bar in row.bars] == [False, True]
    assert [mark.kind for mark in row.marks] == ["rotate", "verify", "roll-back", "found", "restore", "due"]
    assert [event.event for event in row.events] == EVENTS[::-1]
    assert (row.next_step, row.due_since) == ("hand over", "2027-11-02")
    assert HOSTILE.lower() in row.words


def test_row_may_lack_everything() -> None:
    """An unreadable subaccount, one whose warning is off, and ones of another time than the page."""
    silent = replace(status(OLD), limits=ExpiryLimits(timedelta(), timedelta()))
    rows = rows_of([CLOSED, silent, FINE, hostile_status()], TimeLine.around(datetime(2020, 1, 1, tzinfo=UTC), []))
    assert [len(row.bars) for row in rows] == [0, 1, 1, 2]
    assert rows[1].bars[0].due_x is None
    assert all(row.marks == () for row in rows), "what is too far is left out"
    assert [row.due for row in rows[:3]] == ["9999-12-31", "9999-12-31", "2029-06-24"]


def test_policy_allows_own_script_alone() -> None:
    """The Content-Security-Policy has the hashes of the page's style and script, and forbids all else."""
    page = report_page(report_statuses(), NOW)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest.replace('+', '&#43;')}&#39;" in policy[1] or digest in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")


def test_page_names_its_moment() -> None:
    """Read now, or judged at another date; one subaccount is no plural."""
    assert "Nothing is due in 1 subaccount" in report_page([FINE], NOW)
    page = report_page([ROTATING], NOW, NOW)
    assert "Judged as of" in page
    assert "as of 2028-11-20" in page
    assert "1 of 1 subaccount needs attention" in page


def test_filter_compares_as_the_script_does() -> None:
    """The script lowers what is typed: ß stays one letter."""
    (row,) = rows_of([replace(hostile_status(), name="Straße-PROD")], time_line([], moment_of([hostile_status()])))
    assert "straße-prod" in row.words
