"""Both acts of the demo complete and clean up."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo_environment import filter_output
from support.paths import ROOT
from support.pulumi_project import QUICK_VARIABLES, program_environment

ALONE = (
    "Generate",
    "Adopt",
    "change from outside",
    "Accept",
    "warned of the expiry",
    "Prepare",
    "Rotate",
    "Refuse",
    "Notice drift",
    "Restore",
    "Roll back",
    "by mistake",
    "Retire",
    "next cycle",
    "See the next one coming",
)
TARGETS = (
    "Prepare",
    "too early",
    "Hand over",
    "cannot be reached",
    "Rotate",
    "Retire",
    "next cycle",
    "wrong attestation",
    "Keep the failure",
    "Revert",
    "system that refuses",
    "Roll back",
)


@pytest.mark.parametrize(
    ("act", "titles"),
    [pytest.param("demo", ALONE, id="alone"), pytest.param("demo_targets", TARGETS, id="three targets")],
)
def test_the_demo_completes(act: str, titles: Sequence[str], tmp_path: Path) -> None:
    """Every step of a story runs on the real command line, and the demo removes its folder."""
    with _demo(tmp_path, act) as demo:
        output, _ = demo.communicate(timeout=400)

    assert demo.returncode == 0, output
    assert re.search(r"in a browser: http://127\.0\.0\.1:\d+/_emulator/", output)
    assert all(title in output for title in titles)
    table = output.partition("Slots after each step")[2].splitlines()[2:-2]
    assert len(table) >= len(titles)
    assert "All steps succeeded" in output
    assert "Traceback" not in output
    assert _leftovers(tmp_path) == []


def test_an_interrupted_demo_cleans_up(tmp_path: Path) -> None:
    """A demo that is terminated during a command ends its processes and removes its folder."""
    with _demo(tmp_path) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("$ pulumi preview"):
                break
        time.sleep(1)
        demo.send_signal(signal.SIGTERM)
        output, _ = demo.communicate(timeout=60)

    assert demo.returncode == 128 + signal.SIGINT, output
    assert "all files are removed" in output
    assert _leftovers(tmp_path) == []


FAILED = "    Traceback (most recent call last):\n      File a, line 1, in b\n        c()\n    RuntimeError: d\n"
INTERRUPTED = FAILED.replace("RuntimeError: d", "KeyboardInterrupt")
FOLLOWED = "\n    During handling of the above exception, another exception occurred:\n\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (INTERRUPTED, ""),
        (f"{INTERRUPTED}{FOLLOWED}{FAILED}", ""),
        (f"{FAILED}{FOLLOWED}{INTERRUPTED}", ""),
        (FAILED, FAILED),
        (f"{FAILED}    more\n{INTERRUPTED}", f"{FAILED}    more\n"),
    ],
)
def test_tracebacks_of_interruptions_are_omitted(printed: str, shown: str) -> None:
    """Where the engine interrupts a program is a matter of time; the traceback of a failure stays."""
    lines = filter_output(f"Diagnostics:\n{printed}    error: e\n")
    assert [line for line in lines if line] == f"Diagnostics:\n{shown}    error: e\n".splitlines()


@contextmanager
def _demo(folder: Path, act: str = "demo") -> Iterator[subprocess.Popen[str]]:
    """Run an act of the demo with its own folder for temporary files until the end of the block."""
    environ = {**program_environment(), "TMPDIR": str(folder)}
    quick = [f"--variable={name}={environ[name]}" for name in QUICK_VARIABLES if name in environ]
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / f"{act}.py"), "--key-size", "1024", *quick],
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


def _leftovers(folder: Path) -> list[str]:
    """Return the remaining files of the demo, and processes that use them."""
    processes = [
        line
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(folder) in (line := _read(path)) and "pytest" not in line.partition(str(folder))[0]
    ]
    return [*map(str, folder.glob("btp-trust-demo-*")), *processes]


def _read(path: Path) -> str:
    try:
        return path.read_text().replace("\0", " ")
    except (OSError, UnicodeDecodeError):  # the process has ended, or belongs to another user
        return ""
