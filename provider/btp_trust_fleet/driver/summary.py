"""What a driver's command prints at its end: how far each wave is, what failed, and what to do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from btp_trust.formatting import format_rfc3339
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.rendering import STYLES, indented, render
from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.decision import End, Ending
from btp_trust_fleet.driver.standing import Position, Standing, standing_of
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.records import StackEnded, StackRecord
from btp_trust_fleet.plan.text import plural
from btp_trust_fleet.table.fleet import FleetStack, Wave
from btp_trust_fleet.table.schema import Approval

_SEVERITIES: Final = {
    Ending.DONE: Severity.OK,
    Ending.SOAK: Severity.WARNING,
    Ending.APPROVAL: Severity.WARNING,
    Ending.POSTPONED: Severity.WARNING,
    Ending.EARLIER_WAVE: Severity.WARNING,
    Ending.STOPPED: Severity.WARNING,
    Ending.FAILED: Severity.CRITICAL,
}
_SENTENCES: Final = {
    Ending.SOAK: "wave {wave} may start from {until} on; run the command again then",
    Ending.APPROVAL: "wave {wave} waits for its approval{hint}",
    Ending.POSTPONED: "rotations of wave {wave} wait for their time; run the command again then",
    Ending.EARLIER_WAVE: "wave {wave} comes first, and has stacks that are still to run",
    Ending.STOPPED: "interrupted in wave {wave}; run the command again to go on",
    Ending.FAILED: "wave {wave} has failed, and later waves stay as they are",
}
_WORDS: Final = {
    Position.DONE: "done",
    Position.DUE: "to run",
    Position.WAITING: "locked",
    Position.POSTPONED: "postponed",
    Position.FAILED: "failed",
    Position.REJECTED: "rejected",
}


class Summary(Struct, frozen=True):
    """The end of a command, with the ledger as it is then."""

    campaign: Campaign
    history: History
    end: End
    now: datetime

    @property
    def severity(self) -> Severity:
        """The exit code."""
        return _SEVERITIES[self.end.ending]

    def standings(self, wave: Wave) -> dict[FleetStack, Standing]:
        """Return where each stack of a wave stands."""
        return {stack: standing_of(stack, self.campaign, self.history, self.now) for stack in wave.stacks}


def summary_text(summary: Summary, *, width: int, is_colored: bool) -> str:
    """Return the whole text, without colors unless they are asked for."""
    severity = summary.severity
    first = Text.assemble((severity.name, STYLES[severity]), f": {_sentence(summary)}")
    parts: list[RenderableType] = [first, Text(""), _table(summary)]
    for heading, lines in _paragraphs(summary):
        parts += [Text(f"\n{heading}"), *(Text(indented(line, width)) for line in lines)]
    return render(parts, width=width, is_colored=is_colored)


def _sentence(summary: Summary) -> str:
    if summary.end.ending is Ending.DONE:
        stacks = (stack for wave in summary.campaign.waves for stack in wave.stacks)
        chosen = sum(map(summary.campaign.is_chosen, stacks))
        return f"{plural(chosen, 'stack')} {'is' if chosen == 1 else 'are'} what the table declares"
    return _SENTENCES[summary.end.ending].format(
        wave=summary.end.wave.name if summary.end.wave else "",
        until=format_rfc3339(summary.end.until or summary.now),
        hint=_approval_hint(summary.end.wave),
    )


def _approval_hint(wave: Wave | None) -> str:
    is_file = wave is not None and wave.approval is Approval.FILE
    return f": commit its digest in approvals/{wave.name}" if wave and is_file else ""


def _table(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("WAVE", "STACKS", "STATE"):
        table.add_column(title, justify="right" if title == "STACKS" else "left", overflow="fold")
    for wave in summary.campaign.waves:
        counts = Counter(standing.position for standing in summary.standings(wave).values())
        words = [f"{counts[position]} {word}" for position, word in _WORDS.items() if counts[position]]
        table.add_row(Text(wave.name), Text(str(len(wave.stacks))), Text(", ".join(words)))
    return table


def _paragraphs(summary: Summary) -> Iterator[tuple[str, Sequence[str]]]:
    for wave in summary.campaign.waves:
        for stack, standing in summary.standings(wave).items():
            last = next(summary.history.attempts(summary.campaign.verb, stack), None)
            if standing.position is not Position.DONE and last is not None:
                yield f"{stack.name}, wave {wave.name}: {last_words(last)}", _lines(summary, stack, standing, last)


def last_words(last: StackRecord) -> str:
    """Return what the ledger says last of a stack."""
    verb = last.verb.value.replace("-", " ")
    if isinstance(last, StackEnded):
        return f"{verb} {last.state.value}, {format_rfc3339(last.at)}"
    return f"{verb} unknown, its driver was killed after {format_rfc3339(last.at)}"


def _lines(summary: Summary, stack: FleetStack, standing: Standing, last: StackRecord) -> list[str]:
    if not isinstance(last, StackEnded):
        return ["Run the command again: it brings the stack to what its program says."]
    command = f"btp-trust fleet {summary.campaign.verb.value} --stack {stack.stack}"
    remedy = f"Once its cause is removed: {command}" if standing.position is Position.REJECTED else ""
    return [line for line in (*last.lines, f"Log: {last.log}" if last.log else "", remedy) if line]
