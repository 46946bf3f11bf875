"""Exit codes and messages of the command itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli import commands
from btp_trust_cli.__main__ import main, run
from btp_trust_cli.exit_codes import Severity

COMMANDS = {
    "status": "btp_trust_cli.commands.run_status",
    "doctor": "btp_trust_cli.commands.run_doctor",
    "history": "btp_trust_cli.history.command.run_history",
    "report": "btp_trust_cli.report.command.run_report",
    "calendar": "btp_trust_cli.calendar_feed.command.run_calendar",
    "notify": "btp_trust_cli.notify.command.run_notify",
    "metrics": "btp_trust_cli.metrics.command.run_metrics",
}
"""{command: the function that runs it}"""
NEEDED = {"notify": ["--dry-run"]}
"""{command: options without which it refuses to run}"""
HEAVY = {
    "filelock",
    "icalendar",
    "jinja2",
    "prometheus_client",
    "pulumi",
    "btp_trust",
    "httpx",
    "cryptography",
    "rich",
    "msgspec",
    "lxml",
    "btp_trust_fleet",
    "psutil",
    "distributed",
}


FLEET = {
    "init": "btp_trust_fleet.stacks.run_init",
    "plan": "btp_trust_fleet.plan.command.run_plan",
    "status": "btp_trust_fleet.status.command.run_fleet_status",
    "matrix": "btp_trust_fleet.matrix_command.run_matrix",
    "prepare": "btp_trust_fleet.commands.run_drive",
    "rotate": "btp_trust_fleet.commands.run_drive",
    "roll-back": "btp_trust_fleet.commands.run_drive",
}
"""{command of the fleet: the function that runs it}"""


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize(("command", "function"), FLEET.items())
def test_fleet_ends_with_its_severity(
    monkeypatch: pytest.MonkeyPatch, severity: Severity, command: str, function: str
) -> None:
    """Each of the four."""
    monkeypatch.setattr(function, lambda *_: severity)
    assert main(["fleet", command]) == severity


def test_fleet_options_reach_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each option has its place in the request; a verb is the name of its command."""
    requests: list[Any] = []

    def run(request: Any) -> Severity:
        requests.append(request)
        return Severity.OK

    monkeypatch.setattr("btp_trust_fleet.commands.run_drive", run)
    words = ["-C", str(tmp_path), "-f", "t.yaml", "--ledger", "l", "-w", "2", "-s", "a", "-s", "b", "-p", "9"]
    main(["fleet", "roll-back", *words, "--scheduler", "tls://here:1", "--again"])
    main(["fleet", "rotate", "--wait"])
    request, other = requests
    assert (request.verb, request.again, request.scheduler) == ("roll-back", True, "tls://here:1")
    assert (request.folder, request.file, request.ledger) == (tmp_path, Path("t.yaml"), Path("l"))
    assert (request.wave, request.stacks, request.parallel) == ("2", ("a", "b"), 9)
    assert (other.verb, other.wait, other.stacks) == ("rotate", True, ())


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """To be saved for an editor."""
    assert main(["fleet", "schema"]) == Severity.OK
    assert json.loads(capsys.readouterr().out)["title"] == "A fleet of btp-trust"


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        *([name, "--help"] for name in COMMANDS),
        ["fleet", "--help"],
        *(["fleet", name, "--help"] for name in FLEET),
    ],
)
def test_help_is_a_success(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It teaches by examples."""
    assert main(words) == Severity.OK
    shown = capsys.readouterr().out
    assert "Examples: `btp-trust" in shown or "Commands:" in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nope"], "No such command"),
        (["status", "--nope"], "No such option"),
        (["status", "--as-of", "tomorrow"], "Give a day or a moment in UTC"),
        (["status", "--fail-within", "soon"], "Give whole days, for example 14d."),
        (["doctor", "--connection", " "], "Give the name of a connection"),
        (["status", "-c", "tls://jane:secret@host"], "Give the name of a connection"),
        (["notify"], "Give --state PATH"),
        (["notify", "--state", "a", "--as-of", "2028-01-01"], "Add --dry-run"),
        (["fleet", "rotate", "--in-pipeline"], "Add --wave or --stack"),
        (["metrics", "--serve", "here"], "Give a port or an address"),
        (["metrics", "--serve", "1", "--textfile", "a"], "Give one of --textfile and --serve."),
        *(([name, "--stack", "a", "--all-stacks"], "Give one of --stack and --all-stacks.") for name in COMMANDS),
    ],
)
def test_wrong_options_are_unknown(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A monitoring system would take 2, which other commands use for wrong options, for CRITICAL."""
    assert main(words) == Severity.UNKNOWN
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_no_argument_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    """As a question about how to use it; a monitoring system learns that nothing was found out."""
    assert main([]) == Severity.UNKNOWN
    assert "Commands:" in "".join(capsys.readouterr())


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize(("command", "function"), COMMANDS.items())
def test_severity_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, severity: Severity, command: str, function: str
) -> None:
    """Each of the four."""
    monkeypatch.setattr(function, lambda _: severity)
    assert main([command, *NEEDED.get(command, [])]) == severity


def test_options_reach_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option has its place in the request."""
    requests: list[Any] = []

    def run(request: Any) -> Severity:
        requests.append(request)
        return Severity.OK

    monkeypatch.setattr(commands, "run_status", run)
    main(["status", "--stack", "live", "-C", "/tmp", "--json", "--fail-within", "30d", "--as-of", "2028-11-20"])  # noqa: S108
    monkeypatch.setattr(commands, "run_doctor", run)
    main(["doctor", "-c", " eu ", "--connection", "us"])
    request, doctor = requests
    assert doctor.selection.connections == ("eu", "us")
    assert (request.selection.stack, request.selection.folder, request.as_json) == ("live", Path("/tmp"), True)  # noqa: S108
    assert (request.fail_within.days, request.as_of.year) == (30, 2028)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["metrics", "--textfile", "a", "--interval", "5"], "textfile"),
        (["calendar", "--output", "a"], "output"),
        (["notify", "--state", "a", "--resend"], "state"),
    ],
)
def test_files_are_in_the_chosen_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], field: str
) -> None:
    """`--cwd` is the folder of relative paths too; an absolute one stays."""
    requests: list[Any] = []

    def run(request: Any) -> Severity:
        requests.append(request)
        return Severity.OK

    monkeypatch.setattr(COMMANDS[words[0]], run)
    for path in ("a", str(tmp_path / "b")):
        main([words[0], words[1], path, *words[3:], "-C", str(tmp_path)])
    assert [getattr(request, field) for request in requests] == [tmp_path / "a", tmp_path / "b"]
    assert requests[0].selection.folder == tmp_path


def test_report_has_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder of `--cwd`; a hyphen prints the page."""
    requests: list[Any] = []

    def run(request: Any) -> Severity:
        requests.append(request)
        return Severity.OK

    monkeypatch.setattr(COMMANDS["report"], run)
    main(["report", "-C", str(tmp_path)])
    main(["report", "-C", str(tmp_path), "-o", "-", "--as-of", "2028-11-20"])
    assert [request.output for request in requests] == [tmp_path / "btp-trust-report.html", Path("-")]
    assert requests[1].as_of.year == 2028


def test_known_error_has_three_parts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What, why, what to do."""

    def refuse(_: Any) -> None:
        raise ConfigurationError("What.", "Why.", "Remedy.")

    monkeypatch.setattr(commands, "run_status", refuse)
    assert main(["status"]) == Severity.UNKNOWN
    assert capsys.readouterr().err == "btp-trust: What.\nWhy.\nRemedy.\n"


def test_closed_streams_keep_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place for the message, the exit code is still UNKNOWN; Python's own would be WARNING."""

    def refuse(_: Any) -> None:
        raise ConfigurationError("What.", "Why.", "Remedy.")

    monkeypatch.setattr(commands, "run_status", refuse)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["status"]) == Severity.UNKNOWN


def test_bug_hides_its_values(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither WARNING, which is Python's own exit code, nor the text of the error, which may be a secret."""

    def fail(_: Any) -> None:
        raise ValueError("s3cret")

    monkeypatch.setattr(commands, "run_status", fail)
    assert main(["status"]) == Severity.UNKNOWN
    shown = capsys.readouterr().err
    assert "a bug: ValueError" in shown
    assert "test_main.py" in shown
    assert "s3cret" not in shown


def test_interruption_keeps_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends as shells expect."""

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_status", interrupt)
    assert main(["status"]) == 130


INTERRUPTED = """
import os, signal, sys, threading, time
from btp_trust_cli import commands
from btp_trust_cli.__main__ import run
from btp_trust_cli.reading import at_once_each

def read(number):
    os.write(1, b"%d\\n" % number)  # at once: of two threads, print mixes the lines
    time.sleep(60)

def gather(_):
    main_thread = threading.main_thread().ident
    threading.Timer(0.5, signal.pthread_kill, (main_thread, signal.SIGINT)).start()
    at_once_each(read, [(number,) for number in range(100)], lambda: None, 2)

commands.run_status = gather
sys.argv = ["btp-trust", "status"]
run()
"""


def test_interruption_waits_for_no_request() -> None:
    """Hundreds of slow requests may be under way or waiting for their turn; those that wait never begin."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, sorted(done.stdout.split())) == (130, ["0", "1"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("code", [0, 3, 130])
def test_process_ends_with_the_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Of each end, the interrupted one as well."""
    ends: list[int] = []
    monkeypatch.setattr("btp_trust_cli.__main__.main", lambda: code)
    monkeypatch.setattr(os, "_exit", ends.append)
    with pytest.raises(SystemExit) as end:
        run()
    assert (end.value.code, ends) == (code, [130] if code == 130 else [])


@pytest.mark.parametrize("has_run_commands", [True, False])
def test_interruption_stops_key_commands(monkeypatch: pytest.MonkeyPatch, *, has_run_commands: bool) -> None:
    """They have process groups of their own, which a terminal leaves alone; without one, nothing is loaded."""
    ends: list[str] = []
    module = types.SimpleNamespace(stop_all=lambda: ends.append("stopped")) if has_run_commands else None
    monkeypatch.setitem(sys.modules, "btp_trust.service.credentials.child_process", module)
    monkeypatch.setattr("btp_trust_cli.__main__.main", lambda: 130)
    monkeypatch.setattr(os, "_exit", lambda _: ends.append("exit"))
    with pytest.raises(SystemExit):
        run()
    assert ends == [*(["stopped"] if has_run_commands else []), "exit"]


@pytest.mark.parametrize(("missing", "command"), [("typer", "status"), ("rich", "status"), ("jinja2", "report")])
def test_missing_extra_is_named(missing: str, command: str) -> None:
    """Without the extra, the command says how to install it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from btp_trust_cli.__main__ import main; sys.exit(main(WORDS))"
    )
    code = code.replace("WORDS", f"[{command!r}]")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == Severity.UNKNOWN
    assert done.stderr.startswith(f"btp-trust: the library {missing} is missing.\n")
    assert done.stderr.endswith("python -m pip install 'btp-trust[cli]'\n")


def test_missing_own_module_is_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The extra is blamed only for its own libraries."""
    monkeypatch.setitem(sys.modules, "btp_trust_cli.app", None)
    assert main([]) == Severity.UNKNOWN
    assert "a bug: ModuleNotFoundError" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    """`--help` answers at once: what a command needs is imported by that command."""
    code = "import json, sys, btp_trust_cli.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in json.loads(done.stdout)} & HEAVY == set()


def run_completion(**variables: str) -> str:
    """Run the command as a shell does that asks for completions, or for the script that asks for them."""
    command = [sys.executable, "-m", "btp_trust_cli"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("shell", "asked"),
    [
        ("bash", {"COMP_WORDS": "btp-trust st", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "btp-trust st"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "btp-trust st", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_shell_completes_commands(shell: str, asked: dict[str, str]) -> None:
    """As the script that `--install-completion` installs asks for it; that script names the command."""
    offered = run_completion(_BTP_TRUST_COMPLETE=f"complete_{shell}", **asked)
    assert re.findall("[a-z]+", offered.replace("_arguments", ""))[0] == "status"
    assert "doctor" not in offered
    assert "btp-trust" in run_completion(_BTP_TRUST_COMPLETE=f"source_{shell}")
