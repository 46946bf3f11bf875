"""Check the lock file, and audit the locked packages for known vulnerabilities.

An outdated lock file and a vulnerability are failures. An incomplete audit is only reported: a check of the code must
also succeed offline, and with a package index that lacks data about vulnerabilities.
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
The lock file differs from pyproject.toml, or the comparison failed; the output of uv is above.
What to do: run `uv lock`, read what it changed, and commit uv.lock."""
VULNERABLE = """\
Locked packages have known vulnerabilities:
{found}
What to do: run `uv lock --upgrade-package <name>`, test, and commit uv.lock."""
AUDIT_FAILED = "The audit failed: {why}. Vulnerabilities of the locked packages are unknown."
AUDIT_PARTIAL = "The audit covers {audited} of {all} packages; it lacks data about: {unknown}."


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit."""

    vulnerable: tuple[str, ...]
    """A line for each vulnerability."""
    audited: int
    unknown: tuple[str, ...]
    """Names of packages without data."""


def audit(machine: Machine) -> None:
    """Check the lock file and the packages.

    Raises:
        SetupError: The lock file is outdated, or a package has a known vulnerability.
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
            AUDIT_FAILED.format(why=f"the package index has no data about any of {len(report.unknown)} packages")
        )
    elif report.unknown:
        every = report.audited + len(report.unknown)
        print_message(AUDIT_PARTIAL.format(audited=report.audited, all=every, unknown=", ".join(report.unknown)))
    else:
        print_message(f"{report.audited} packages are free of known vulnerabilities.")


def _check_lock(machine: Machine) -> None:
    python = str(virtualenv.working_python(machine) or sys.executable)
    command: list[str | Path] = [virtualenv.uv(machine), *LOCK_CHECK, "--python", python]
    env = virtualenv.uv_environment(machine, machine.venv)
    try:
        done = subprocess.run(command, cwd=machine.root, env=env, stdout=sys.stderr, timeout=LOCK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SetupError(LOCK_OUTDATED) from None
    if done.returncode != 0:
        raise SetupError(LOCK_OUTDATED)
    print_message("The lock file matches pyproject.toml.")


def _run_audit(machine: Machine) -> AuditReport | str:
    """Run pip-audit; return the reason if it failed."""
    python = virtualenv.working_python(machine)
    if python is None:
        raise SetupError(f"{machine.venv} lacks a working Python.\nWhat to do: run `make setup`.")
    command: list[str | Path] = [python, *AUDIT, "--timeout", str(ANSWER_SECONDS), "--format", "json"]
    try:
        done = machine.run(command, AUDIT_SECONDS, {})
    except subprocess.TimeoutExpired:
        return f"timeout after {AUDIT_SECONDS} seconds"
    return read_report(done.stdout) or f"pip-audit ended with {done.returncode}: {_last_line(done.stderr)}"


def read_report(text: str) -> AuditReport | None:
    """Parse the output of pip-audit with `--format json`; return None if it is something else."""
    try:
        packages = json.loads(text)["dependencies"]
        audited = [package for package in packages if "skip_reason" not in package]
        return AuditReport(
            tuple(_vulnerability(package, advisory) for package in audited for advisory in package["vulns"]),
            len(audited),
            tuple(package["name"] for package in packages if "skip_reason" in package),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _vulnerability(package: dict[str, str], advisory: dict[str, list[str]]) -> str:
    versions = ", ".join(advisory["fix_versions"])
    remedy = f"fixed in {versions}" if versions else "without a fix so far"
    return f"  {package['name']} {package['version']}: {advisory['id']}, {remedy}"


def _last_line(text: str) -> str:
    """Return the error, except the address in parentheses."""
    lines = text.strip().splitlines() or ["empty output"]
    return lines[-1].partition("(")[0].strip()
