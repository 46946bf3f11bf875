"""The audit fails for vulnerabilities, reports unchecked packages, and ends after a minute."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bootstrap import audit
from bootstrap.machine import SetupError
from bootstrap.main import COMMANDS
from bootstrap.virtualenv import UV_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from project.conftest import FakeMachine

SOUND = {"name": "httpx", "version": "0.28.1", "vulns": []}
SKIPPED = {"name": "msgspec", "skip_reason": "Dependency not found: msgspec"}
FLAWED = {
    "name": "starlette",
    "version": "0.1",
    "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["0.2", "1.0"], "aliases": []},
        {"id": "PYSEC-2", "fix_versions": [], "aliases": []},
    ],
}


def report(*packages: dict[str, Any]) -> str:
    """Return the output of pip-audit."""
    return json.dumps({"dependencies": list(packages), "fixes": []})


@pytest.fixture
def install_tools(fake_machine: FakeMachine, tmp_path: Path) -> Any:
    """Install a fake uv and a fake Python with these results of the lock check and of pip-audit."""

    def install(printed: str = report(SOUND), *, code: int = 0, lock: int = 0, script: str = "") -> None:
        fake_machine.command("uv", f'[ "$1" = --version ] && echo "uv {UV_VERSION}" && exit; exit {lock}')
        answer = tmp_path / "answer.json"
        answer.write_text(printed)
        command = script or f"cat {answer}; echo 'requests.ConnectionError: no route (host=secret.example)' >&2"
        python = f'[ "$1" = --version ] && echo "Python 3.12.1" && exit\n{command}; exit {code}'
        fake_machine.command("python", python, where="checkout/.venv/bin")

    return install


def run(fake_machine: FakeMachine) -> None:
    """Run `tools/setup.py audit`."""
    COMMANDS["audit"](fake_machine.machine, ())


def test_good_packages_pass(fake_machine: FakeMachine, install_tools: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The number of audited packages is printed."""
    install_tools(report(SOUND, {**SOUND, "name": "h11"}))
    run(fake_machine)
    output = capfd.readouterr().err
    assert "The lock file matches" in output
    assert "2 packages are free of known vulnerabilities." in output


def test_a_known_vulnerability_fails(fake_machine: FakeMachine, install_tools: Any) -> None:
    """The message has the package, the advisory, and the version to upgrade to."""
    install_tools(report(SOUND, FLAWED, SKIPPED), code=1)
    with pytest.raises(SetupError) as caught:
        run(fake_machine)
    for words in ("starlette 0.1: PYSEC-1, fixed in 0.2, 1.0", "PYSEC-2, without a fix so far", "uv lock"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        pytest.param([SKIPPED, SKIPPED], "The audit failed: the package index has no data", id="all unknown"),
        pytest.param([SOUND, SKIPPED], "1 of 2 packages; it lacks data about: msgspec", id="one unknown"),
    ],
)
def test_an_index_without_advisories_passes(
    fake_machine: FakeMachine,
    install_tools: Any,
    capfd: pytest.CaptureFixture[str],
    packages: list[dict[str, Any]],
    words: str,
) -> None:
    """A message says that the audit is incomplete."""
    install_tools(report(*packages))
    run(fake_machine)
    output = capfd.readouterr().err
    assert words in output
    assert "are free of" not in output


@pytest.mark.parametrize("printed", ["", "Traceback", "{}", "[]", '{"dependencies": [{"name": "x"}]}'])
def test_an_aborted_audit_passes(
    fake_machine: FakeMachine, install_tools: Any, capfd: pytest.CaptureFixture[str], printed: str
) -> None:
    """The message has the last line of the error, except the host."""
    install_tools(printed, code=1)
    run(fake_machine)
    output = capfd.readouterr().err
    assert "The audit failed: pip-audit ended with 1: requests.ConnectionError: no route." in output
    assert "secret.example" not in output


def test_an_endless_audit_is_stopped(
    fake_machine: FakeMachine, install_tools: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit is stopped after a minute, and passes."""
    assert audit.AUDIT_SECONDS <= 60
    monkeypatch.setattr(audit, "AUDIT_SECONDS", 0.2)
    install_tools(script="exec sleep 60")
    run(fake_machine)
    assert "The audit failed: timeout after" in capfd.readouterr().err


def test_an_outdated_lock_file_fails(fake_machine: FakeMachine, install_tools: Any) -> None:
    """The lock file is checked independently of vulnerabilities."""
    install_tools(lock=2)
    with pytest.raises(SetupError, match="differs from"):
        run(fake_machine)


def test_an_endless_lock_check_fails(
    fake_machine: FakeMachine, install_tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A matching lock file is compared offline, so a check without an end is a failure."""
    monkeypatch.setattr(audit, "LOCK_SECONDS", 0.2)
    install_tools()
    fake_machine.command("uv", f'[ "$1" = --version ] && echo "uv {UV_VERSION}" && exit; exec sleep 60')
    with pytest.raises(SetupError, match="the comparison failed"):
        run(fake_machine)


def test_an_audit_needs_the_environment(fake_machine: FakeMachine, install_tools: Any) -> None:
    """The remedy is the setup."""
    install_tools()
    (fake_machine.folder / "checkout/.venv/bin/python").unlink()
    with pytest.raises(SetupError, match="make setup"):
        run(fake_machine)
