"""The text of `btp-trust status`: a line for a monitoring system, a table by urgency, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from btp_trust.formatting import format_day
from btp_trust.trusted_by.statements import TrustStatus
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.landscape import SlotStatus, SubaccountStatus
from btp_trust_cli.rendering import PIPE_WIDTH, STYLES, indented, render
from btp_trust_cli.status_document import count

_Column = tuple[str, Callable[[SubaccountStatus], str]]


def status_text(statuses: Sequence[SubaccountStatus], *, width: int = PIPE_WIDTH, is_colored: bool = False) -> str:
    """Return the whole text, without colors unless they are asked for."""
    parts: list[RenderableType] = [_summary(statuses), Text(""), _table(statuses)]
    for status in statuses:
        if texts := [*paragraphs(status)]:
            parts += [Text(f"\n{_heading(status)}"), *(Text(indented(each, width)) for each in texts)]
    return render(parts, width=width, is_colored=is_colored)


def summary_line(statuses: Sequence[SubaccountStatus]) -> str:
    """Return the first line, which monitoring systems show alone."""
    numbers = ", ".join(f"{number} {severity.name}" for severity, number in count(statuses).items() if number)
    subaccounts = "1 subaccount" if len(statuses) == 1 else f"{len(statuses)} subaccounts"
    return f"{worst(status.severity for status in statuses).name}: {subaccounts}, {numbers}"


def _summary(statuses: Sequence[SubaccountStatus]) -> Text:
    line = summary_line(statuses)
    name, _, rest = line.partition(":")
    return Text.assemble((name, STYLES[Severity[name]]), f":{rest}")


def _table(statuses: Sequence[SubaccountStatus]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    columns = [column for column in _COLUMNS if column[0] in _ALWAYS or any(column[1](each) for each in statuses)]
    for title, _ in columns:
        table.add_column(title, justify="right" if title == _DAYS else "left", overflow="fold")
    for status in statuses:
        state = Text(status.severity.name, STYLES[status.severity])
        table.add_row(state, *(Text(read(status) or "-") for title, read in columns if title != _STATE))
    return table


def _signer(status: SubaccountStatus) -> str:
    return status.active.label if status.active else ""


def _passive(status: SubaccountStatus) -> str:
    return status.passive.label if status.passive else ""


def _days(slot: SlotStatus | None) -> str:
    return str(slot.days_left) if slot else ""


def _targets(status: SubaccountStatus) -> str:
    if not status.targets:
        return ""
    trusting = sum(target.status is TrustStatus.YES for target in status.targets)
    return f"{trusting} of {len(status.targets)}"


def next_step(status: SubaccountStatus) -> str:
    """Return the next step in a few words."""
    if status.error is not None:
        return type(status.error).__name__
    if status.drifts:
        return "drift"
    if (due := status.next_due) is None:
        return ""
    return due.step.value if status.finding else f"{due.step.value} from {format_day(due.at)}"


_STATE, _DAYS = "STATE", "DAYS"
_ALWAYS: Final = {_STATE, "SUBACCOUNT", "SIGNER", _DAYS, "PASSIVE", "NEXT STEP"}
_COLUMNS: Final[tuple[_Column, ...]] = (
    (_STATE, lambda status: status.severity.name),
    ("SUBACCOUNT", lambda status: status.label),
    ("SIGNER", _signer),
    (_DAYS, lambda status: _days(status.active)),
    ("PASSIVE", _passive),
    (_DAYS, lambda status: _days(status.passive)),
    ("TARGETS", _targets),
    ("NEXT STEP", next_step),
    ("STACK", lambda status: status.stack or ""),
    ("CONNECTION", lambda status: status.connection),
)


def _heading(status: SubaccountStatus) -> str:
    places = [status.label]
    places += [f"stack {status.stack}"] if status.stack else []
    places += [f"connection {status.connection}"] if status.connection else []
    return f"{', '.join(dict.fromkeys(places))}:"


def paragraphs(status: SubaccountStatus) -> Iterator[str]:
    """Give what a person has to know, with what to do."""
    if status.error is not None:
        yield f"{status.error.what} {status.error.why} {status.error.remedy}"
    for drift in status.drifts:
        yield f"{drift.what} {drift.why} {drift.remedy}"
    if status.finding is not None:
        yield f"{status.finding.what} {status.finding.why} {status.finding.remedy}"
