"""The text of `btp-trust history`: a table of events for each subaccount, and one of deployments. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust_cli.exit_codes import worst
from btp_trust_cli.history.deployments import Deployment
from btp_trust_cli.history.model import NamedEvent, StackHistory, SubaccountHistory, count_events
from btp_trust_cli.rendering import PIPE_WIDTH, STYLES, indented, render

_Row = TypeVar("_Row")
_Columns = Sequence[tuple[str, Callable[[_Row], str]]]


def history_text(histories: Sequence[StackHistory], *, width: int = PIPE_WIDTH, is_colored: bool = False) -> str:
    """Return the whole text, without colors unless they are asked for."""
    parts: list[RenderableType] = [_summary(histories)]
    for history in histories:
        parts += _stack_parts(history, width)
    return render(parts, width=width, is_colored=is_colored)


def _summary(histories: Sequence[StackHistory]) -> Text:
    changes, verifications = count_events(histories)
    severity = worst(history.severity for history in histories)
    counts = f"{_count(changes, 'change')} of the signer, {_count(verifications, 'verification')}"
    return Text.assemble((severity.name, STYLES[severity]), f": {_count(len(histories), 'stack')}, {counts}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _stack_parts(history: StackHistory, width: int) -> Iterator[RenderableType]:
    if history.error is not None:
        yield Text(f"\nstack {history.stack}:")
        yield Text(indented(f"{history.error.what} {history.error.why} {history.error.remedy}", width))
        return
    for subaccount in history.subaccounts:
        yield Text(f"\n{subaccount.label}, stack {history.stack}:")
        yield _events_table(subaccount, history)
    yield Text(f"\ndeployments of stack {history.stack}:")
    if history.deployments_error is not None:
        yield Text(indented(f"{history.deployments_error.what} {history.deployments_error.why}", width))
    elif history.deployments:
        yield _table(_DEPLOYMENT_COLUMNS, history.deployments)
    else:
        yield Text("  none")


def _events_table(subaccount: SubaccountHistory, history: StackHistory) -> RenderableType:
    if not subaccount.events:
        return Text("  no change of the signer since the first deployment")
    return _table(
        (*_EVENT_COLUMNS, ("DEPLOYMENT", lambda event: _started(history.deployment_of(event)))), subaccount.events
    )


def _table(columns: _Columns[_Row], rows: Sequence[_Row]) -> Table:
    """Return the columns that have a value in any row."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown = [(title, read) for title, read in columns if any(read(row) for row in rows)]
    for title, _ in shown:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(read(row) or "-") for _, read in shown))
    return table


def _started(deployment: Deployment | None) -> str:
    return "" if deployment is None else format_rfc3339(deployment.started_at)


def _changes(deployment: Deployment) -> str:
    return ", ".join(f"{number} {operation}" for operation, number in deployment.changes.items())


_EVENT_COLUMNS: Final[_Columns[NamedEvent]] = (
    ("TIME", lambda event: event.event.at),
    ("STEP", lambda event: event.event.step.value),
    ("FROM", lambda event: event.previous),
    ("TO", lambda event: event.signer),
    ("WHY", lambda event: event.event.why or ""),
)
_DEPLOYMENT_COLUMNS: Final[_Columns[Deployment]] = (
    ("STARTED", _started),
    ("NUMBER", lambda found: str(found.number or "")),
    ("KIND", lambda found: found.kind),
    ("RESULT", lambda found: found.result),
    ("CHANGES", _changes),
    ("COMMIT", lambda found: short_fingerprint(found.commit or "")),
    ("AUTHOR", lambda found: found.author or ""),
    ("MESSAGE", lambda found: found.message),
)
