"""Values of options."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_cli.options import parse_address, parse_days, parse_moment, parse_stack_name


@given(st.integers(0, 9999))
def test_days_with_and_without_unit(days: int) -> None:
    """`14` and `14d` are the same."""
    assert parse_days(f"{days}d") == parse_days(f" {days} ") == timedelta(days=days)


@given(st.dates(date(1970, 1, 1), date(9899, 12, 31)))
def test_day_means_its_beginning(day: date) -> None:
    """In UTC, as a moment of the same second."""
    midnight = datetime.combine(day, time(), UTC)
    assert parse_moment(day.isoformat()) == parse_moment(f"{day.isoformat()}T00:00:00Z") == midnight


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5", "2w", "99999", "١٤"])
def test_other_days_are_refused(text: str) -> None:
    """The message has an example."""
    with pytest.raises(ValueError, match="for example 14d"):
        parse_days(text)


@pytest.mark.parametrize("text", ["", "tomorrow", "2028-13-01", "2028-11-20T08:00:00", "20.11.2028"])
def test_other_moments_are_refused(text: str) -> None:
    """The message has examples."""
    with pytest.raises(ValueError, match="for example 2028-11-20 or"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["0001-01-01", "1969-12-31", "9900-01-01", "9999-12-31T23:59:59Z"])
def test_moment_leaves_years_around_it(text: str) -> None:
    """The first and the last year of the calendar have no room for warnings and the margin of a page."""
    with pytest.raises(ValueError, match="Give a year from 1970 to 9899"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["", " "])
def test_empty_stack_is_refused(text: str) -> None:
    """An unset variable of a script would choose the selected stack, unseen."""
    with pytest.raises(ValueError, match="leave out --stack for the selected one"):
        parse_stack_name(text)
    assert parse_stack_name(" org/trust/dev ") == "org/trust/dev"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9964", ("127.0.0.1", 9964)),
        (":9964", ("127.0.0.1", 9964)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 - an address of a test
        ("[::1]:9964", ("::1", 9964)),
        ("monitor.example:1", ("monitor.example", 1)),
    ],
)
def test_address_is_local_by_default(text: str, address: tuple[str, int]) -> None:
    """The host may be left out: metrics name subaccounts, and are for this machine unless somebody decides else."""
    found = parse_address(text)
    assert found == address
    assert found.shown_host == ("[::1]" if "[" in text else address[0])


@pytest.mark.parametrize("text", ["", "here", "here:", "::1:9964", "1:2:3", "65536", "http://a:1", "a b:1"])
def test_other_addresses_are_refused(text: str) -> None:
    """The message has examples."""
    with pytest.raises(ValueError, match="for example 9964 or"):
        parse_address(text)
