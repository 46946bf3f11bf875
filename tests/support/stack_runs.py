"""Runs of one stack of a PulumiProject, as a fleet's scheduler starts them."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from btp_trust_fleet.stack_run.run import run_stack
from btp_trust_fleet.stack_run.task import StackOutcome, StackTask, Verb
from support.pulumi_project import PulumiProject, assert_no_secret

_DRIVER: Final = """
import sys, msgspec
from btp_trust_fleet.stack_run.run import run_stack
from btp_trust_fleet.stack_run.task import StackTask
print(run_stack(msgspec.json.decode(sys.argv[1], type=StackTask)))
"""


def stack_task(folder: Path, verb: Verb = Verb.ROTATE, **more: Any) -> StackTask:
    """Return a task of stack `dev`, whose program is in `folder`."""
    places = {"folder": str(folder), "homes": str(folder / "homes"), "logs": str(folder / "logs")}
    return msgspec.convert({"stack": "dev", **places, "verb": verb, **more}, StackTask)


def use_environment(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> None:
    """Replace the environment of this process, which the commands of a run inherit."""
    for name in ("PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def run(project: PulumiProject, verb: Verb, **more: Any) -> StackOutcome:
    """Run the stack of a project whose environment is that of this process. Assert that all texts lack secrets."""
    outcome = run_stack(stack_task(project.program, verb, **more))
    assert_no_secret("\n".join(outcome.lines), project.known_secrets)
    for file in Path(outcome.log or "").iterdir():
        assert_no_secret(file.read_text(), project.known_secrets)
    return outcome


@contextlib.contextmanager
def driver_process(project: PulumiProject, task: StackTask) -> Iterator[subprocess.Popen[bytes]]:
    """Run a task in a process of its own, which the end of the block kills."""
    command = [sys.executable, "-c", _DRIVER, msgspec.json.encode(task).decode()]
    with subprocess.Popen(command, env=project.environment, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def locks(project: PulumiProject) -> list[Path]:
    """Return the locks of the stack."""
    return sorted((project.folder / "backend/.pulumi/locks").rglob("*.json"))
