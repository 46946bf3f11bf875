"""The terminal: how wide, whether colored, and a bar while the subaccounts are read."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from btp_trust.errors import ConfigurationError
from btp_trust_cli.rendering import PIPE_WIDTH


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command prints."""

    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str]

    @classmethod
    def of_process(cls) -> Terminal:
        """Return the streams of this process; a closed one takes everything."""
        return cls(_open_stream(sys.stdout), _open_stream(sys.stderr), os.environ)

    def show(self, text: str) -> None:
        """Print a text at once; a reader that has seen enough, such as `head`, ends that quietly.

        Raises:
            ConfigurationError: The output cannot be written, to a full disk for example.
        """
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except OSError as error:
            _discard_buffer(self.stdout)
            if not isinstance(error, BrokenPipeError):
                raise ConfigurationError(
                    "The output cannot be written.",
                    f"{type(error).__name__}: {error.strerror}.",
                    "Redirect the output to a file or a pipe that takes it. All else that the command does is done.",
                ) from None

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


def _open_stream(stream: TextIO | None) -> TextIO:
    """Return a stream that takes each character; a closed one (`>&-`) becomes a text in memory."""
    if stream is None:
        return io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        # JSON, OpenMetrics, iCalendar and the page are UTF-8; a terminal shows what its characters allow.
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    return stream


def _discard_buffer(stream: TextIO) -> None:
    """Send what is still to be written to the null device: the end of the process would fail at it once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
