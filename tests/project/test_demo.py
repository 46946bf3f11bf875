"""Both acts of the demo do what they say, and leave nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.paths import ROOT
from support.pulumi_project import clean_environment

ALONE = ("Generate", "Adopt", "Prepare", "Rotate", "Refuse", "Notice", "Restore", "Roll back", "Retire", "next cycle")
TARGETS = ("Prepare", "too early", "Hand over", "Rotate", "Retire", "next cycle", "lies", "nothing again", "Revert")


@pytest.mark.parametrize(
    ("act", "titles"),
    [pytest.param("demo", ALONE, id="alone"), pytest.param("demo_targets", TARGETS, id="two targets")],
)
def test_the_demo_plays_its_story_to_the_end(act: str, titles: Sequence[str], tmp_path: Path) -> None:
    """The longest tests of all: every step of a story, with the real command line."""
    with _demo(tmp_path, act) as demo:
        told, _ = demo.communicate(timeout=400)

    assert demo.returncode == 0, told
    assert all(title in told for title in titles)
    table = told.partition("Which certificate was where")[2].splitlines()[2:-2]
    assert len(table) >= len(titles)
    assert "Each step did what it says" in told
    assert "Traceback" not in told
    assert _left(tmp_path) == []


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ended in the middle of a command, it ends what it started and removes its folder."""
    with _demo(tmp_path) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("$ pulumi preview"):
                break
        time.sleep(1)
        demo.send_signal(signal.SIGTERM)
        told, _ = demo.communicate(timeout=60)

    assert demo.returncode == 128 + signal.SIGINT, told
    assert "nothing is left behind" in told
    assert _left(tmp_path) == []


@contextmanager
def _demo(folder: Path, act: str = "demo") -> Iterator[subprocess.Popen[str]]:
    """Start an act of the demo with a folder for its temporary files, and end it with the test."""
    environ = {**clean_environment(), "TMPDIR": str(folder)}
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / f"{act}.py"), "--key-size", "1024"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _left(folder: Path) -> list[str]:
    """What is still there: files of the demo, and processes that work with them."""
    processes = [
        line
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(folder) in (line := _read(path)) and "pytest" not in line.partition(str(folder))[0]
    ]
    return [*map(str, folder.glob("btp-trust-demo-*")), *processes]


def _read(path: Path) -> str:
    try:
        return path.read_text().replace("\0", " ")
    except (OSError, UnicodeDecodeError):  # it has ended, or is nobody's business
        return ""
