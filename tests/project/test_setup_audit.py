"""The audit fails for vulnerabilities, reports packages that it could not check, and ends after a minute."""

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
def lay(fake_machine: FakeMachine, tmp_path: Path) -> Any:
    """Install a fake uv and a fake Python with these results of the lock check and of pip-audit."""

    def laid(printed: str = report(SOUND), *, code: int = 0, lock: int = 0, script: str = "") -> None:
        fake_machine.command("uv", f'[ "$1" = --version ] && echo "uv {UV_VERSION}" && exit; exit {lock}')
        answer = tmp_path / "answer.json"
        answer.write_text(printed)
        command = script or f"cat {answer}; echo 'requests.ConnectionError: no route (host=secret.example)' >&2"
        python = f'[ "$1" = --version ] && echo "Python 3.12.1" && exit\n{command}; exit {code}'
        fake_machine.command("python", python, where="checkout/.venv/bin")

    return laid


def run(fake_machine: FakeMachine) -> None:
    """Run `tools/setup.py audit`."""
    COMMANDS["audit"](fake_machine.machine, ())


def test_good_packages_pass(fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The number of audited packages is printed."""
    lay(report(SOUND, {**SOUND, "name": "h11"}))
    run(fake_machine)
    said = capfd.readouterr().err
    assert "The lock file fits" in said
    assert "No known vulnerability in 2 packages." in said


def test_a_known_vulnerability_fails(fake_machine: FakeMachine, lay: Any) -> None:
    """The message has the package, the advisory, and the version to upgrade to."""
    lay(report(SOUND, FLAWED, SKIPPED), code=1)
    with pytest.raises(SetupError) as caught:
        run(fake_machine)
    for words in ("starlette 0.1: PYSEC-1, mended in 0.2, 1.0", "PYSEC-2, mended in no version yet", "uv lock"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        pytest.param([SKIPPED, SKIPPED], "could not be done: the package index says nothing", id="of nothing"),
        pytest.param([SOUND, SKIPPED], "1 of 2 packages; nothing is known about: msgspec", id="of some"),
    ],
)
def test_an_index_without_advisories_passes(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], packages: list[dict[str, Any]], words: str
) -> None:
    """A message says that the audit is incomplete."""
    lay(report(*packages))
    run(fake_machine)
    said = capfd.readouterr().err
    assert words in said
    assert "No known vulnerability" not in said


@pytest.mark.parametrize("printed", ["", "Traceback", "{}", "[]", '{"dependencies": [{"name": "x"}]}'])
def test_an_aborted_audit_passes(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], printed: str
) -> None:
    """The message has the last line of the error, except the host."""
    lay(printed, code=1)
    run(fake_machine)
    said = capfd.readouterr().err
    assert "could not be done: pip-audit ended with 1: requests.ConnectionError: no route." in said
    assert "secret.example" not in said


def test_an_endless_audit_is_stopped(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit is stopped after a minute, and passes."""
    assert audit.AUDIT_SECONDS <= 60
    monkeypatch.setattr(audit, "AUDIT_SECONDS", 0.2)
    lay(script="exec sleep 60")
    run(fake_machine)
    assert "could not be done: no answer within" in capfd.readouterr().err


def test_an_outdated_lock_file_fails(fake_machine: FakeMachine, lay: Any) -> None:
    """The lock file is checked independently of vulnerabilities."""
    lay(lock=2)
    with pytest.raises(SetupError, match="does not fit"):
        run(fake_machine)


def test_an_endless_lock_check_fails(fake_machine: FakeMachine, lay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matching lock file is compared offline, so a check without an end is a failure."""
    monkeypatch.setattr(audit, "LOCK_SECONDS", 0.2)
    lay()
    fake_machine.command("uv", f'[ "$1" = --version ] && echo "uv {UV_VERSION}" && exit; exec sleep 60')
    with pytest.raises(SetupError, match="could not be compared"):
        run(fake_machine)


def test_an_audit_needs_the_environment(fake_machine: FakeMachine, lay: Any) -> None:
    """The remedy is the setup."""
    lay()
    (fake_machine.folder / "checkout/.venv/bin/python").unlink()
    with pytest.raises(SetupError, match="make setup"):
        run(fake_machine)
