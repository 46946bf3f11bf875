"""A command of the user: its limits, and what ends with it."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from btp_trust.service.credentials.child_process import ChildOutput, Stopped, run_child, stop_all


def python(code: str) -> list[str]:
    """Return the words that run this code."""
    return [sys.executable, "-c", code]


@pytest.fixture
def held_pipe(tmp_path: Path) -> Iterator[tuple[Path, select.poll]]:
    """A named pipe that hangs up when the last process that writes to it has ended, and the poll of its other end."""
    path = tmp_path / "held"
    os.mkfifo(path)
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    yield path, poll
    os.close(end)


def keeping(pipe: Path) -> list[str]:
    """Return a command whose process of its own holds a pipe open for long."""
    return ["sh", "-c", f"(echo begun; exec sleep 60) > {pipe} & wait"]


def has_begun(poll: select.poll) -> bool:
    """Return True once the command has written to its pipe."""
    return bool(poll.poll(10_000))


def has_ended(poll: select.poll) -> bool:
    """Return True once all processes of the command have ended."""
    for _ in range(1000):
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
            return True
        time.sleep(0.01)
    return False


def test_both_streams_are_read() -> None:
    """The status, the output and standard error; standard input is empty, the environment is the one that is given."""
    code = "import os, sys; sys.stdout.write(sys.stdin.read() + os.environ['A']); sys.stderr.write('e'); sys.exit(3)"
    assert run_child(python(code), {"A": "o"}, 30, 100) == ChildOutput(3, b"o", b"e")


def test_relative_program_counts_from_folder(tmp_path: Path) -> None:
    """The command runs in the folder."""
    assert run_child(["pwd"], {"PATH": os.environ["PATH"]}, 30, 1000, folder=tmp_path).output.split() == [
        str(tmp_path).encode()
    ]


def test_output_is_bounded() -> None:
    """One byte more than is allowed is read; the command that prints on is ended by its closed pipe."""
    output = run_child(python("while True: print('y' * 999)"), {}, 30, 5000).output
    assert output == (b"y" * 999 + b"\n") * 5 + b"y"


def test_long_standard_error_is_drained() -> None:
    """Its beginning is kept, and the command goes on."""
    done = run_child(python("import sys; sys.stderr.write('e' * 300_000); print('o')"), {}, 30, 100)
    assert (done.status, done.output, done.errors) == (0, b"o\n", b"e" * 16_000)


def test_request_stops_the_process_group(held_pipe: tuple[Path, select.poll]) -> None:
    """All processes of the command end when the caller says so."""
    pipe, poll = held_pipe
    with pytest.raises(Stopped):
        run_child(keeping(pipe), dict(os.environ), 60, 100, must_stop=lambda: has_begun(poll))
    assert has_ended(poll)


def test_end_of_process_stops_commands(held_pipe: tuple[Path, select.poll]) -> None:
    """`stop_all` ends the commands of all threads."""
    pipe, poll = held_pipe
    statuses: list[int] = []
    thread = Thread(target=lambda: statuses.append(run_child(keeping(pipe), dict(os.environ), 60, 100).status))
    thread.start()
    assert has_begun(poll)
    stop_all()
    thread.join(20)
    assert statuses == [-9]
    assert has_ended(poll)


def test_repr_hides_the_output() -> None:
    """The repr, which may end up in a log, hides what was printed."""
    assert "S3CRET" not in repr(ChildOutput(0, b"S3CRET", b"S3CRET"))
