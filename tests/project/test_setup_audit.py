"""The audit fails for what was found, says what nobody could be asked, and does not wait for ever."""

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
    """What pip-audit prints."""
    return json.dumps({"dependencies": list(packages), "fixes": []})


@pytest.fixture
def lay(fake_machine: FakeMachine, tmp_path: Path) -> Any:
    """Lay a uv whose check of the lock file ends so, and a Python whose pip-audit does."""

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


def test_packages_without_a_flaw_pass(fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """And it is said how many were looked at."""
    lay(report(SOUND, {**SOUND, "name": "h11"}))
    run(fake_machine)
    said = capfd.readouterr().err
    assert "The lock file fits" in said
    assert "No known vulnerability in 2 packages." in said


def test_a_known_vulnerability_fails(fake_machine: FakeMachine, lay: Any) -> None:
    """With the package, the advisory, and what to upgrade to."""
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
def test_an_index_that_knows_nothing_is_no_failure(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], packages: list[dict[str, Any]], words: str
) -> None:
    """It is said, and nobody takes it for a clean bill."""
    lay(report(*packages))
    run(fake_machine)
    said = capfd.readouterr().err
    assert words in said
    assert "No known vulnerability" not in said


@pytest.mark.parametrize("printed", ["", "Traceback", "{}", "[]", '{"dependencies": [{"name": "x"}]}'])
def test_an_audit_that_breaks_off_is_no_failure(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], printed: str
) -> None:
    """Its last word is the reason, without the host that it asked."""
    lay(printed, code=1)
    run(fake_machine)
    said = capfd.readouterr().err
    assert "could not be done: pip-audit ended with 1: requests.ConnectionError: no route." in said
    assert "secret.example" not in said


def test_an_audit_without_an_end_is_ended(
    fake_machine: FakeMachine, lay: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute is enough for a check that may fail to happen."""
    assert audit.AUDIT_SECONDS <= 60
    monkeypatch.setattr(audit, "AUDIT_SECONDS", 0.2)
    lay(script="exec sleep 60")
    run(fake_machine)
    assert "could not be done: no answer within" in capfd.readouterr().err


def test_a_lock_file_that_does_not_fit_fails(fake_machine: FakeMachine, lay: Any) -> None:
    """Whatever is known about vulnerabilities."""
    lay(lock=2)
    with pytest.raises(SetupError, match="does not fit"):
        run(fake_machine)


def test_a_check_of_the_lock_file_without_an_end_fails(
    fake_machine: FakeMachine, lay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fits is compared without asking anybody."""
    monkeypatch.setattr(audit, "LOCK_SECONDS", 0.2)
    lay()
    fake_machine.command("uv", f'[ "$1" = --version ] && echo "uv {UV_VERSION}" && exit; exec sleep 60')
    with pytest.raises(SetupError, match="could not be compared"):
        run(fake_machine)


def test_without_an_environment_there_is_nothing_to_audit(fake_machine: FakeMachine, lay: Any) -> None:
    """The remedy is the setup."""
    lay()
    (fake_machine.folder / "checkout/.venv/bin/python").unlink()
    with pytest.raises(SetupError, match="make setup"):
        run(fake_machine)
