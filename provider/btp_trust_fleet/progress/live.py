"""The progress on a terminal: a table that is drawn anew, above it a line for each failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from btp_trust_cli.rendering import printable
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.progress.counts import Counts, WaveCounts
from btp_trust_fleet.progress.plain import outcome_words
from btp_trust_fleet.stack_run.task import StackOutcome
from btp_trust_fleet.table.fleet import FleetStack, Wave

_COLUMNS: Final = ("WAVE", "DONE", "FAILED", "LEFT", "TIME LEFT", "RUNNING")
_NAMES: Final = 6
"""Running stacks that are named in a row."""


class LiveView:
    """Shows a table of all waves while stacks run.

    Args:
        terminal: Where.
        counts: How far the waves are.
        clock: Tells the time.
    """

    def __init__(self, terminal: Terminal, counts: Counts, clock: Callable[[], datetime]) -> None:
        self._counts, self._clock, self._planning = counts, clock, ""
        console = Console(file=terminal.stdout, highlight=False, markup=False, no_color=not terminal.is_colored)
        self._live = Live(console=console, get_renderable=self.table, transient=True, refresh_per_second=4)

    def planning(self, wave: Wave, stacks: Sequence[FleetStack]) -> None:
        """See `View`."""
        self._planning = f"planning {wave.name}: {len(stacks)} stacks"
        self._live.start()

    def started(self, wave: Wave, stack: FleetStack) -> None:
        """See `View`."""
        self._counts.start(wave, stack, self._clock())
        self._live.start()

    def ended(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        """See `View`."""
        self._counts.end(wave, stack, outcome)
        if not outcome.state.is_green:
            line = printable(f"{wave.name}: {stack.name} {outcome_words(outcome)}")
            self._live.console.print(Text(line, "red"))

    def pause(self) -> None:
        """See `View`."""
        self._planning = ""
        self._live.stop()

    def close(self) -> None:
        """End the view; the summary takes its place."""
        self._live.stop()

    def table(self) -> Table:
        """Return the table as it is now."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", caption=self._planning)
        for title in _COLUMNS:
            table.add_column(title, overflow="fold")
        for counts in self._counts.waves.values():
            table.add_row(*map(Text, self._cells(counts)))
        return table

    def _cells(self, counts: WaveCounts) -> tuple[str, ...]:
        time_left = self._counts.time_left(counts.wave) if counts.running else None
        return (
            printable(counts.wave.name),
            f"{counts.done} of {counts.total}",
            str(counts.failed or "-"),
            str(counts.left),
            "-" if time_left is None else f"about {time_left}",
            printable(_names(counts)),
        )


def _names(counts: WaveCounts) -> str:
    names = [*counts.running][:_NAMES]
    rest = len(counts.running) - len(names)
    return ", ".join([*names, *([f"and {rest} more"] if rest else [])])
