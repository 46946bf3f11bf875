"""Check the lock file, and ask for known vulnerabilities of what it installs.

A lock file that does not fit, or a vulnerability, is a failure. That nobody could be asked is none, and is said: where
a package index answers nothing about vulnerabilities, or there is no network, a check of the code must not fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import virtualenv
from bootstrap.machine import SetupError
from bootstrap.terminal import print_message

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine import Machine

LOCK_SECONDS = 60
AUDIT_SECONDS = 60
ANSWER_SECONDS = 5
LOCK_CHECK = ("lock", "--check", "--no-progress")
AUDIT = ("-m", "pip_audit", "--local", "--skip-editable", "--desc", "off", "--progress-spinner", "off")
LOCK_OUTDATED = """\
The lock file does not fit pyproject.toml, or could not be compared with it; uv's own words stand above.
What to do: run `uv lock`, read what it changed, and commit uv.lock."""
VULNERABLE = """\
Locked packages have known vulnerabilities:
{found}
What to do: run `uv lock --upgrade-package <name>`, test, and commit uv.lock."""
AUDIT_FAILED = "The audit could not be done: {why}. Nothing is known about vulnerabilities of the locked packages."
AUDIT_PARTIAL = "The audit could be done for {audited} of {all} packages; nothing is known about: {unknown}."


@dataclass(frozen=True)
class AuditReport:
    """What is known about vulnerabilities."""

    vulnerable: tuple[str, ...]
    """A line for each vulnerability."""
    audited: int
    unknown: tuple[str, ...]
    """Packages that nobody could say anything about."""


def audit(machine: Machine) -> None:
    """Check the lock file and the packages.

    Raises:
        CannotGoOnError: The lock file does not fit, or a package has a known vulnerability.
    """
    _check_lock(machine)
    report = _run_audit(machine)
    if isinstance(report, str):
        print_message(AUDIT_FAILED.format(why=report))
        return
    if report.vulnerable:
        raise SetupError(VULNERABLE.format(found="\n".join(report.vulnerable)))
    if not report.audited:
        print_message(
            AUDIT_FAILED.format(why=f"the package index says nothing about any of {len(report.unknown)} packages")
        )
    elif report.unknown:
        every = report.audited + len(report.unknown)
        print_message(AUDIT_PARTIAL.format(audited=report.audited, all=every, unknown=", ".join(report.unknown)))
    else:
        print_message(f"No known vulnerability in {report.audited} packages.")


def _check_lock(machine: Machine) -> None:
    python = str(virtualenv.working_python(machine) or sys.executable)
    command: list[str | Path] = [virtualenv.uv(machine), *LOCK_CHECK, "--python", python]
    env = virtualenv.uv_environment(machine)
    try:
        done = subprocess.run(command, cwd=machine.root, env=env, stdout=sys.stderr, timeout=LOCK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SetupError(LOCK_OUTDATED) from None
    if done.returncode != 0:
        raise SetupError(LOCK_OUTDATED)
    print_message("The lock file fits pyproject.toml.")


def _run_audit(machine: Machine) -> AuditReport | str:
    """Let pip-audit ask the package index; return why it could not."""
    python = virtualenv.working_python(machine)
    if python is None:
        raise SetupError(f"{machine.venv} has no Python that runs.\nWhat to do: run `make setup`.")
    command: list[str | Path] = [python, *AUDIT, "--timeout", str(ANSWER_SECONDS), "--format", "json"]
    try:
        done = machine.run(command, AUDIT_SECONDS, {})
    except subprocess.TimeoutExpired:
        return f"no answer within {AUDIT_SECONDS} seconds"
    return read_report(done.stdout) or f"pip-audit ended with {done.returncode}: {_last_line(done.stderr)}"


def read_report(text: str) -> AuditReport | None:
    """Read what pip-audit prints with `--format json`; None if it is no report."""
    try:
        packages = json.loads(text)["dependencies"]
        asked = [package for package in packages if "skip_reason" not in package]
        return AuditReport(
            tuple(_vulnerability(package, each) for package in asked for each in package["vulns"]),
            len(asked),
            tuple(package["name"] for package in packages if "skip_reason" in package),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _vulnerability(package: dict[str, str], found: dict[str, list[str]]) -> str:
    mended = ", ".join(found["fix_versions"]) or "no version yet"
    return f"  {package['name']} {package['version']}: {found['id']}, mended in {mended}"


def _last_line(text: str) -> str:
    """The error itself, without the address that was asked."""
    lines = text.strip().splitlines() or ["no word"]
    return lines[-1].partition("(")[0].strip()
