"""The progress as lines: one for each event, the time first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from btp_trust.formatting import format_rfc3339
from btp_trust_cli.rendering import printable
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.plan.model import short
from btp_trust_fleet.plan.text import plural
from btp_trust_fleet.stack_run.task import StackOutcome
from btp_trust_fleet.table.fleet import FleetStack, Wave

_REASONS: Final = 2
"""Sentences of an outcome that fit into a line: that a stack is locked, and by whom."""


class PlainView:
    """Prints a line for each event.

    Args:
        terminal: Where.
        clock: Tells the time.
    """

    def __init__(self, terminal: Terminal, clock: Callable[[], datetime]) -> None:
        self._terminal, self._clock = terminal, clock

    def planning(self, wave: Wave, stacks: Sequence[FleetStack]) -> None:
        """See `View`."""
        self._show(wave, f"plans {plural(len(stacks), 'stack')} for its approval")

    def started(self, wave: Wave, stack: FleetStack) -> None:
        """See `View`."""
        self._show(wave, f"{stack.name} started")

    def ended(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        """See `View`."""
        self._show(wave, f"{stack.name} {outcome_words(outcome)}")

    def pause(self) -> None:
        """See `View`."""

    def close(self) -> None:
        """End the view."""

    def _show(self, wave: Wave, text: str) -> None:
        self._terminal.show(printable(f"{format_rfc3339(self._clock())} {wave.name}: {text}") + "\n")


def outcome_words(outcome: StackOutcome) -> str:
    """Return how a run has ended, with the signers where they differ, its duration, and why it is other than green."""
    seconds = round((outcome.ended_at - outcome.started_at).total_seconds())
    before, after = short(outcome.signer_before), short(outcome.signer_after)
    signers = f", signer {before} => {after}" if outcome.signer_before != outcome.signer_after else ""
    why = "" if outcome.state.is_green else " ".join(outcome.lines[:_REASONS])
    return f"{outcome.state.value}{signers} ({seconds} s){': ' if why else ''}{why}"
