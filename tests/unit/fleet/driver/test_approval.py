"""Approvals of waves."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.driver.approval import Approver, ask_person, interruptible
from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.stack_run.task import Verb
from support.fleet_samples import planned_rotation, sample_fleet, wide_table
from support.terminals import TerminalStream, pipes, printed, screen


def plan_of(folder: Path, approval: str) -> WavePlan:
    """Return the plan of a wave with one rotation."""
    (wave,) = sample_fleet(folder, wide_table(1, approval=approval)).waves
    return WavePlan(wave, (PlannedStack(wave.stacks[0], planned_rotation("s0")),))


def approver_of(folder: Path, terminal: Terminal, answer: str | None = None) -> Approver:
    """Return an approver whose person answers like this; None: a pipeline."""
    return Approver(folder, Verb.ROLL_BACK, terminal, None if answer is None else lambda _: answer)


@pytest.mark.parametrize(("answer", "is_approved"), [("all", True), (" all ", True), ("", False), ("yes", False)])
def test_person_types_the_name(tmp_path: Path, answer: str, *, is_approved: bool) -> None:
    """Of the wave, below its plan; everything else leaves it as it is."""
    terminal = pipes()
    by = approver_of(tmp_path, terminal, answer)(plan_of(tmp_path, "prompt"))
    assert (by is not None) == is_approved
    assert "aaaaaaaa  2" in printed(terminal)
    assert ("stays as it is: its name was left out" in printed(terminal)) != is_approved


def test_nameless_user_may_approve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers have users without a name."""

    def fail() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", fail)
    assert approver_of(tmp_path, pipes(), "all")(plan_of(tmp_path, "prompt")) == "a person at the terminal"


def test_question_names_verb_and_wave(tmp_path: Path) -> None:
    """The wave and the verb are those of the plan above it."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return ""

    Approver(tmp_path, Verb.ROLL_BACK, pipes(), ask)(plan_of(tmp_path, "prompt"))
    assert asked == ["Type all to roll back this wave: "]


def test_pipeline_without_a_person_is_refused(tmp_path: Path) -> None:
    """With the other ways to approve."""
    with pytest.raises(ConfigurationError, match="Run `btp-trust fleet roll-back` in a terminal; or give the wave"):
        approver_of(tmp_path, pipes())(plan_of(tmp_path, "prompt"))


def test_file_holds_the_digest(tmp_path: Path) -> None:
    """As the first word of a line; without it, the command says which line to commit where."""
    plan, terminal = plan_of(tmp_path, "file"), pipes()
    assert approver_of(tmp_path, terminal)(plan) is None
    path = tmp_path / "approvals/all"
    assert f"approvals/all lacks the digest of this plan. After a review, commit a line with it:\n{plan.digest}\n" in (
        printed(terminal)
    )
    path.parent.mkdir()
    path.write_text(f"# the second wave\n\nsha256:other\n{plan.digest}  jane, CHG-7\n")
    assert approver_of(tmp_path, pipes())(plan) == str(path)


def test_file_may_be_of_windows(tmp_path: Path) -> None:
    """A mark at the beginning, and line ends of two characters."""
    plan, path = plan_of(tmp_path, "file"), tmp_path / "approvals/all"
    path.parent.mkdir()
    path.write_bytes(f"\ufeff{plan.digest}\r\n".encode())
    assert approver_of(tmp_path, pipes())(plan) == str(path)


@pytest.mark.parametrize("content", [b"\xff", None])
def test_unreadable_approval_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Other bytes, or a folder."""
    path = tmp_path / "approvals/all"
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is unreadable"):
        approver_of(tmp_path, pipes())(plan_of(tmp_path, "file"))


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "")])
def test_end_of_input_approves_nothing(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    """Ctrl-C, and bytes of another character set, are the end of it too."""

    def fail(_: str) -> str:
        raise end

    monkeypatch.setattr("builtins.input", fail)
    monkeypatch.setattr(sys, "stdin", TerminalStream())
    ask = ask_person(screen())
    assert ask is not None
    assert ask("?") == ""


@pytest.mark.parametrize(
    ("stdin", "terminal"), [(None, screen()), (io.StringIO(), screen()), (TerminalStream(), pipes())]
)
def test_person_needs_a_terminal(monkeypatch: pytest.MonkeyPatch, stdin: Any, terminal: Terminal) -> None:
    """To read the plan, and to answer."""
    monkeypatch.setattr(sys, "stdin", stdin)
    assert ask_person(terminal) is None


def test_question_can_be_interrupted() -> None:
    """While a driver counts interruptions; in another thread, signals are left alone."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    found: list[Any] = []

    def look() -> None:
        with interruptible():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]
