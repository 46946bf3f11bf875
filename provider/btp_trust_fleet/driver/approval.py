"""Approvals of waves: a committed file with the digest of the plan, or a person who types the wave's name."""

from __future__ import annotations

import getpass
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from btp_trust.errors import ConfigurationError
from btp_trust_cli.rendering import render
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.plan.model import WavePlan
from btp_trust_fleet.plan.text import wave_parts
from btp_trust_fleet.stack_run.task import Verb
from btp_trust_fleet.table.schema import Approval

FOLDER: Final = "approvals"
"""Beside the table."""


class Approver:
    """Asks for the approval of waves.

    Args:
        folder: The folder of the table.
        verb: What is approved.
        terminal: Where plans are shown.
        ask: Reads a line of the person at the terminal; None in a pipeline.
    """

    def __init__(self, folder: Path, verb: Verb, terminal: Terminal, ask: Callable[[str], str] | None) -> None:
        self._folder, self._verb, self._terminal, self._ask = folder, verb, terminal, ask

    def __call__(self, plan: WavePlan) -> str | None:
        """Return by whom or what a plan is approved, or None.

        Raises:
            ConfigurationError: A person has to be asked, and the command runs in a pipeline.
        """
        parts = wave_parts(plan, self._terminal.width)
        self._terminal.show(render(parts, width=self._terminal.width, is_colored=self._terminal.is_colored) + "\n")
        return self._by_file(plan) if plan.wave.approval is Approval.FILE else self._by_person(plan)

    def _by_file(self, plan: WavePlan) -> str | None:
        path = self._folder / FOLDER / plan.wave.name
        if plan.digest in _digests(path):
            return str(path)
        self._terminal.show(
            f"{FOLDER}/{plan.wave.name} lacks the digest of this plan. After a review, commit a line with it:\n"
            f"{plan.digest}\n\n"
        )
        return None

    def _by_person(self, plan: WavePlan) -> str | None:
        if self._ask is None:
            raise ConfigurationError(
                f"The wave {plan.wave.name} needs a person who approves it.",
                "The table has `approval: prompt` for it, and this command runs outside of a terminal.",
                f"Run `btp-trust fleet {self._verb.value}` in a terminal; or give the wave `approval: file`, or "
                "`approval: none` where the pipeline asks for approvals.",
            )
        with interruptible():
            typed = self._ask(f"Type {plan.wave.name} to {self._verb.value.replace('-', ' ')} this wave: ")
        if typed.strip() == plan.wave.name:
            return _user()
        self._terminal.show(f"The wave {plan.wave.name} stays as it is: its name was left out.\n")
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "a person at the terminal"


def ask_person(terminal: Terminal) -> Callable[[str], str] | None:
    """Return what asks the person at the terminal; None in a pipeline."""
    is_interactive = sys.stdin is not None and sys.stdin.isatty() and terminal.stdout.isatty()
    return _read_line if is_interactive else None


def _read_line(question: str) -> str:
    try:
        return input(question)
    except (EOFError, KeyboardInterrupt, UnicodeDecodeError):  # the last one: bytes of another character set
        return ""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let ctrl-C and SIGTERM end a question: a driver only counts them, and would wait for an answer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _digests(path: Path) -> set[str]:
    """Return the first words of the lines of an approval; the rest of a line is for people."""
    try:
        # Editors of Windows begin a file with a mark.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The approval {path} is unreadable.",
            f"{type(error).__name__}: it has to hold the digest of a plan.",
            "Write the digest that `btp-trust fleet plan` prints into a text file.",
        ) from None
    return {line.split()[0] for line in lines if line.split()}
