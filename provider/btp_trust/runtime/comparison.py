"""What diff finds: it returns that, and `Session.print_notices` prints the lines of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the user under the diagnostics of the command."""

    line: str
    about: str | None = None
    """The matter, of which one line is enough; the line itself by default."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a resource is due for an update, and what the user has to know of that."""

    is_update_due: bool
    notices: tuple[Notice, ...] = ()
