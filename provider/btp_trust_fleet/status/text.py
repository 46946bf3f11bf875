"""The text and the JSON of `btp-trust fleet status`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from btp_trust.formatting import format_rfc3339
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, worst
from btp_trust_cli.rendering import STYLES, error_document, indented, render
from btp_trust_fleet.ledger.records import StackEnded
from btp_trust_fleet.plan.text import plural
from btp_trust_fleet.status.position import StackPosition

FORMAT: Final = 1
"""Grows when a field changes its meaning; more fields leave it."""


def _days(position: StackPosition) -> str:
    return "-" if position.certificates.days_left is None else str(position.certificates.days_left)


_COLUMNS: Final[dict[str, Callable[[StackPosition], str]]] = {
    "WAVE": lambda position: position.stack.wave,
    "SUBACCOUNT": lambda position: position.stack.name,
    "DECLARED": lambda position: position.stack.generation,
    "SIGNER": lambda position: position.certificates.signer or "-",
    "DAYS": _days,
    "PASSIVE": lambda position: position.certificates.passive or "-",
    "LAST": lambda position: position.last_words,
    "STACK": lambda position: position.stack.stack,
}


def fleet_status_text(positions: Sequence[StackPosition], *, width: int, is_colored: bool) -> str:
    """Return a line for all, a table in the order of the waves, and what is unreadable."""
    severity = worst(position.severity for position in positions)
    counts = Counter(position.severity for position in positions)
    numbers = ", ".join(f"{counts[each]} {each.name}" for each in MOST_SERIOUS_FIRST if counts[each])
    first = Text.assemble((severity.name, STYLES[severity]), f": {plural(len(positions), 'stack')}, {numbers}")
    parts: list[RenderableType] = [first, Text(""), _table(positions)]
    for position in positions:
        if (error := position.error) is not None:
            parts += [Text(f"\n{position.stack.name}:"), Text(indented(" ".join(str(error).splitlines()), width))]
    return render(parts, width=width, is_colored=is_colored)


def fleet_status_document(positions: Sequence[StackPosition]) -> dict[str, Any]:
    """Return the same for other programs."""
    severity = worst(position.severity for position in positions)
    return {
        "format": FORMAT,
        "state": severity.name,
        "exit_code": int(severity),
        "stacks": [_document(position) for position in positions],
    }


def _table(positions: Sequence[StackPosition]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("STATE", *_COLUMNS):
        table.add_column(title, justify="right" if title == "DAYS" else "left", overflow="fold")
    for position in positions:
        cells = (Text(read(position)) for read in _COLUMNS.values())
        table.add_row(Text(position.severity.name, STYLES[position.severity]), *cells)
    return table


def _document(position: StackPosition) -> dict[str, Any]:
    last = position.last
    return {
        "state": position.severity.name,
        "wave": position.stack.wave,
        "name": position.stack.name,
        "stack": position.stack.stack,
        "connection": position.stack.connection,
        "declared": position.stack.generation,
        "signer": position.certificates.signer,
        "generation": position.certificates.generation,
        "days_left": position.certificates.days_left,
        "passive": position.certificates.passive,
        "last": None
        if last is None
        else {
            "verb": last.verb.value,
            "state": last.state.value if isinstance(last, StackEnded) else "unknown",
            "at": format_rfc3339(last.at),
        },
        "error": error_document(position.error),
    }
