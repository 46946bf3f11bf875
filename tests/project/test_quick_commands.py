"""What stands in for a slow command gives the same as the command."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support import vault
from support.processes import wait_until
from support.pulumi_project import AS_INSTALLED, PulumiProject, adopting_program, program_environment, write_program
from support.quick_python import LAUNCHER, QUESTIONS

KEY = "btp-trust:userToken"
PROBE = """\
import os, sys
of_shells = {"_", "PWD", "LC_CTYPE", "PYTHONEXECUTABLE"}
variables = {name: value for name, value in sorted(os.environ.items()) if name not in of_shells}
print(sys.argv, sys.path, os.getcwd(), sys.executable, __name__, __file__, variables, sys.stdin.read())
raise SystemExit(3)
"""
INTERRUPTED = """\
import time
try:
    print("runs", flush=True)
    time.sleep(99)
except KeyboardInterrupt:
    raise SystemExit(5)
"""


@pytest.fixture(params=["passphrase", vault.PROVIDER])
def project(request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack that is a copy of another one, with each provider of secrets."""
    guid = emulator.create_subaccount().guid
    first, second = (
        PulumiProject(tmp_path / name, emulator, guid, secrets_provider=request.param) for name in ("first", "second")
    )
    first.create_stack(adopting_program())
    return second.create_stack(adopting_program())


@pytest.mark.parametrize("words", QUESTIONS.values(), ids=QUESTIONS)
def test_kept_answers_are_python_s(words: list[str], tmp_path: Path) -> None:
    """The launcher gives the answers of Python, from a file; another question goes to Python."""
    environment = program_environment()
    real = output(["python3", *words], environment)
    assert output([str(LAUNCHER), *words], environment) == real
    kept_elsewhere = {**environment, "QUICK_PYTHON_SERVER": f"{tmp_path}/socket"}
    (tmp_path / "version").write_text("kept")
    (tmp_path / "packages").write_text("kept")
    assert output([str(LAUNCHER), *words], kept_elsewhere) == "kept"
    assert output([str(LAUNCHER), "-c", "print('asked')"], kept_elsewhere) == "asked\n"


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "plain"])
def test_pulumi_reads_written_settings(project: PulumiProject, *, secret: bool) -> None:
    """Pulumi decrypts a written secret, shows a written value, and misses a removed one."""
    project.set_config(KEY, "decoy: {}", secret=secret)
    listed = json.loads(project.pulumi("config", "--json").text)
    assert listed[KEY]["secret"] == secret
    assert project.pulumi("config", "get", KEY).text.strip() == "decoy: {}"
    project.remove_config(KEY)
    assert KEY not in project.pulumi("config", "--json")


def test_copied_stack_is_selected(project: PulumiProject) -> None:
    """A copy has the name of its stack, and no resources."""
    assert [each["name"] for each in json.loads(project.pulumi("stack", "ls", "--json").text)] == [project.stack]
    assert project.state() == {}


def test_quick_python_runs_as_python(tmp_path: Path) -> None:
    """A script sees the same words, paths and variables, reads the same stream, ends with the same status."""
    script = tmp_path / "pulumi-language-python-exec"
    script.write_text(PROBE)
    quick, real = (
        subprocess.run(
            [python, str(script), "a", "b c"],
            cwd=tmp_path,
            env=probe_environment(),
            input="text",
            capture_output=True,
            text=True,
            check=False,
        )
        for python in (LAUNCHER, "python3")
    )
    assert (quick.returncode, real.returncode) == (3, 3), quick.stderr
    assert quick.stdout == real.stdout


def test_state_is_what_pulumi_exports(tmp_path: Path) -> None:
    """The resources in the file of a stack are those of an export."""
    with Emulator(socket=True, key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        project = PulumiProject(tmp_path, emulator, guid).create_stack(adopting_program()).set_service_key()
        project.up()
    exported = json.loads(project.pulumi("stack", "export").text)["deployment"]["resources"]
    assert list(project.state().values()) == exported


def test_quick_python_previews_as_python(tmp_path: Path) -> None:
    """Program and plugin run in both ways, and Pulumi shows the same."""
    with Emulator(socket=True, key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        project = PulumiProject(tmp_path, emulator, guid).create_stack(adopting_program()).set_service_key()
        quick, real = (
            re.sub(r"Duration: .*|^@.*", "", project.preview("--diff").text, flags=re.MULTILINE).split()
            for project.variables in ({}, AS_INSTALLED)
        )
    assert quick == real


def test_quick_edits_reach_python(tmp_path: Path) -> None:
    """A program of the same length, written at once, is run in place of the bytecode of the one before."""
    printed = []
    for text in ("print(1)", "print(2)", "print(3)"):
        write_program(tmp_path / "edited.py", text)
        printed.append(
            output(["python3", "-c", "import edited"], {**program_environment(), "PYTHONPATH": str(tmp_path)})
        )
    assert printed == ["1\n", "2\n", "3\n"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 5), (signal.SIGKILL, -signal.SIGKILL)])
def test_quick_python_passes_signals_on(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """A process is interrupted, and killed, with the launcher: its streams are closed."""
    script = tmp_path / "pulumi-language-python-exec"
    script.write_text(INTERRUPTED)
    with subprocess.Popen([LAUNCHER, script], env=probe_environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(number)
        assert process.stdout.read() == b""
    assert process.returncode == status


def probe_environment() -> dict[str, str]:
    """Return the environment of commands, once its server answers."""
    environment = program_environment()
    wait_until(Path(environment["QUICK_PYTHON_SERVER"]).exists)
    return environment


def output(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command prints."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
