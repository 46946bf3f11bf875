"""The terminal: how wide, whether colored, and a bar while the subaccounts are read."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from btp_trust_cli.rendering import PIPE_WIDTH


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command prints."""

    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]

    @classmethod
    def of_process(cls) -> Terminal:
        """Return the streams of this process."""
        return cls(sys.stdout, sys.stderr, os.environ)

    @property
    def width(self) -> int:
        """Columns of a line; a pipe has no limit."""
        return shutil.get_terminal_size().columns if self.stdout.isatty() else PIPE_WIDTH

    @property
    def is_colored(self) -> bool:
        """Return True on a terminal that shows colors, unless NO_COLOR is set (no-color.org)."""
        return self.stdout.isatty() and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb"

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[], None]]:
        """Show a bar on a terminal, and give what moves it on."""
        if not self.stderr.isatty() or total < 1:
            yield lambda: None
            return
        from rich.console import Console  # noqa: PLC0415 - takes longer than a command without a terminal
        from rich.progress import Progress  # noqa: PLC0415 - same

        with Progress(console=Console(file=self.stderr), transient=True) as bar:
            task = bar.add_task("Reading subaccounts", total=total)
            yield lambda: bar.advance(task)
