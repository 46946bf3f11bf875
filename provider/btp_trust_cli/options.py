"""Values of options, from their texts. Pure, and light: `--help` loads this module."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_DAY: Final = "%Y-%m-%d"
_DAYS: Final = re.compile(r"(\d{1,4})d?", re.ASCII)
_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:]+\]|[0-9A-Za-z.-]+)?:)?(?P<port>\d{1,5})", re.ASCII)
_YEARS: Final = range(1970, 9900)
_LOOPBACK: Final = "127.0.0.1"
_LAST_PORT: Final = 65_535


def parse_stack_name(text: str) -> str:
    """Return the name of a stack; an empty variable of a script is a mistake, and not the selected stack.

    Raises:
        ValueError: `text` is empty.
    """
    if not (name := text.strip()):
        raise ValueError("Give the name of a stack; leave out --stack for the selected one.")
    return name


def parse_connection_name(text: str) -> str:
    """Return the name of a connection.

    Raises:
        ValueError: `text` is empty or an address, which may hold a password.
    """
    if not (name := text.strip()) or "://" in name:
        raise ValueError("Give the name of a connection, as the program and the configuration have it.")
    return name


def parse_days(text: str) -> timedelta:
    """Parse a number of days.

    Raises:
        ValueError: `text` is something else.
    """
    if (match := _DAYS.fullmatch(text.strip())) is None:
        raise ValueError("Give whole days, for example 14d.")
    return timedelta(days=int(match[1]))


def parse_moment(text: str) -> datetime:
    """Parse a day, which stands for its beginning in UTC, or a moment in RFC 3339.

    Raises:
        ValueError: `text` is something else, or so far away that the years around it leave the calendar.
    """
    for form in (_DAY, _MOMENT):
        try:
            moment = datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if moment.year not in _YEARS:
            raise ValueError(f"Give a year from {_YEARS[0]} to {_YEARS[-1]}.")
        return moment
    raise ValueError("Give a day or a moment in UTC, for example 2028-11-20 or 2028-11-20T08:00:00Z.")


class PlanForm(StrEnum):
    """How the plan of a fleet is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    JSON = "json"


class Pipeline(StrEnum):
    """The system that runs a matrix of jobs."""

    GITHUB = "github"
    GITLAB = "gitlab"


class Address(NamedTuple):
    """Where to serve."""

    host: str
    port: int

    @property
    def shown_host(self) -> str:
        """The host as a URL has it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_address(text: str) -> Address:
    """Parse the address to serve at, HOST:PORT; a port alone is for this machine itself.

    Raises:
        ValueError: `text` is something else.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > _LAST_PORT:
        raise ValueError("Give a port or an address, for example 9964 or 127.0.0.1:9964.")
    return Address((match["host"] or _LOOPBACK).strip("[]"), int(match["port"]))
