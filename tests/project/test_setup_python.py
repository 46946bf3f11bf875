"""The Python and the uv that set the project up, and their settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import setup
from bootstrap import terminal, versions, virtualenv
from bootstrap.machine import Machine, SetupError

if TYPE_CHECKING:
    from project.conftest import FakeMachine

SETUP = Path(setup.__file__)


@pytest.mark.parametrize(
    ("text", "minimum", "enough"),
    [
        ("v3.250.0", "3.214.0", True),
        ("3.214.0-dev.1", "3.214.0", True),
        ("v3.99.9", "3.214.0", False),
        ("go1.26", "1.25.11", True),
        ("go1.9.7", "1.25.11", False),
        ("uv 0.13.9 (build)", "0.8.0", True),
        ("Python 3.10.13", "3.11", False),
        ("", "3.11", False),
    ],
)
def test_versions_are_compared_as_numbers(text: str, minimum: str, enough: bool) -> None:  # noqa: FBT001 - a table
    """Each command prints its version in its own way; a text that lacks a version is too old."""
    assert versions.is_at_least(text, minimum) is enough


def test_an_old_python_hands_over(fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name on PATH that fails to start, such as a shim, is skipped."""
    fake_machine.command("python3.13", "exit 127")
    newer = fake_machine.command("python3.12", "exit 0")
    monkeypatch.setenv("PATH", fake_machine.machine.env["PATH"])
    assert setup.find_newer_python() == str(newer)


def test_a_too_old_python_is_refused(
    fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the found and the required version and the remedy; the exit code is 1."""
    for name in setup.OTHER_NAMES:
        fake_machine.command(name, "exit 1")
    monkeypatch.setenv("PATH", str(fake_machine.folder / "bin"))
    monkeypatch.setattr(setup, "MINIMUM", (99, 0))
    assert setup.main() == 1
    said = capsys.readouterr().err
    for words in ("Python 99.0 or newer is needed", sys.executable, "PYTHON=/path/to/python3"):
        assert words in said


def test_uv_from_path_is_used(fake_machine: FakeMachine) -> None:
    """A new enough uv on PATH is used as it is."""
    found = fake_machine.command("uv", f"echo uv {virtualenv.UV_MINIMUM}")
    assert virtualenv.uv(fake_machine.machine) == found


@pytest.mark.parametrize("on_path", ["", "echo uv 0.4.1"])
def test_a_pinned_uv_is_fetched_once(fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, on_path: str) -> None:
    """The pinned uv goes to the cache, its venv is removed, and the second run finds it there."""
    if on_path:
        fake_machine.command("uv", on_path)
    monkeypatch.setattr(sys, "executable", str(fake_machine.pypi("bin/uv", "")))
    fetched = virtualenv.uv(fake_machine.machine)
    assert fetched == fake_machine.machine.cache / f"uv-{virtualenv.UV_VERSION}/bin/uv"
    assert [file.name for file in fetched.parents[1].iterdir()] == ["bin"]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert virtualenv.uv(fake_machine.machine) == fetched


def test_a_missing_uv_is_refused(fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has both attempts and the remedy, with the output of a Python that lacks the module venv."""
    lame = fake_machine.command("python", "echo No module named venv; exit 1", where="python")
    monkeypatch.setattr(sys, "executable", str(lame))
    with pytest.raises(SetupError) as refusal:
        virtualenv.uv(fake_machine.machine)
    for words in ("PATH lacks uv", "No module named venv", "What to do"):
        assert words in str(refusal.value)


def test_uv_uses_the_projects_environment(fake_machine: FakeMachine) -> None:
    """An active virtual environment stays unchanged, downloads of Python are off, other settings hold."""
    env = {**fake_machine.machine.env, "VIRTUAL_ENV": "/other", "UV_PYTHON": "3.9", "UV_DEFAULT_INDEX": "mirror"}
    env_of_uv = virtualenv.uv_environment(Machine(fake_machine.machine.root, env), fake_machine.machine.venv)
    assert env_of_uv["UV_PROJECT_ENVIRONMENT"] == str(fake_machine.machine.root / ".venv")
    assert env_of_uv["UV_PYTHON_DOWNLOADS"] == "never"
    assert env_of_uv["UV_DEFAULT_INDEX"] == "mirror"
    assert not env_of_uv.keys() & {"VIRTUAL_ENV", "UV_PYTHON"}


def test_a_working_venv_keeps_its_python(fake_machine: FakeMachine) -> None:
    """An upgrade of `python3` keeps the environment; a broken one gets another Python."""
    fake_machine.command(
        "uv", f'case "$1" in sync) echo "$@" >> "{fake_machine.folder}/calls" ;; *) echo uv 9.0.0 ;; esac'
    )
    python = fake_machine.command("python", "echo Python 3.11.7", where="checkout/.venv/bin")
    virtualenv.sync(fake_machine.machine)
    python.write_text("#!/nowhere/python\n")
    virtualenv.sync(fake_machine.machine)
    calls = (fake_machine.folder / "calls").read_text().splitlines()
    assert [call.rpartition(" ")[2] for call in calls] == [str(python), sys.executable]
    assert all("--compile-bytecode --all-extras --group dev" in call for call in calls)


def test_a_failed_sync_has_a_remedy(fake_machine: FakeMachine) -> None:
    """The output of uv is printed before, and the message has the next step."""
    fake_machine.command("uv", 'case "$1" in sync) exit 2 ;; *) echo uv 9.0.0 ;; esac')
    with pytest.raises(SetupError, match=r"(?s)ended with 2.*What to do"):
        virtualenv.sync(fake_machine.machine)


def test_bytecode_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command writes bytecode also where the caller does without: each Pulumi command starts Python three times."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = [sys.executable, str(SETUP), "run", "python", "-c", "import sys; print(sys.dont_write_bytecode)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_background_job_can_be_interrupted() -> None:
    """A command has the default action of SIGINT where the shell ignores it: Pulumi waits for plugins that do."""
    probe = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, str(SETUP), "run", "python", "-c", probe]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_long_command_shows_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line now and then shows the elapsed time."""
    monkeypatch.setattr(terminal, "PROGRESS_SECONDS", 0.05)
    terminal.run_with_progress("Waiting", ["sleep", "0.3"], log=tmp_path / "log", cwd=tmp_path, env={})
    assert "Waiting: 0 s, 0 steps so far" in capsys.readouterr().err
    assert terminal.format_duration(185) == "3 min 05 s"


def test_an_older_python_reads_the_entry() -> None:
    """tools/setup.py compiles with Python 3.7, so that its refusal can be printed there."""
    check = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 7))"
    subprocess.run([sys.executable, "-c", check, SETUP], check=True)


def test_programs_have_their_own_environment(fake_machine: FakeMachine) -> None:
    """The environment of programs takes the group `programs` of the lock file, and `.venv` is left alone."""
    fake_machine.command(
        "uv", 'echo "uv 1.0.0"; if [ "$1" = sync ]; then echo "$UV_PROJECT_ENVIRONMENT $*" > synced; fi'
    )
    virtualenv.sync_programs(fake_machine.machine)
    venv, _, words = (fake_machine.machine.root / "synced").read_text().partition(" ")
    assert venv == str(fake_machine.machine.root / ".venv-programs")
    assert "--no-default-groups --group programs" in words
