"""Who may import what: the plan can reach nothing outside, and the two packages do not know each other."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from support.paths import ROOT

PROVIDER = ROOT / "provider"
MODULES = {
    str(path.relative_to(PROVIDER / "btp_trust")): path for path in sorted((PROVIDER / "btp_trust").rglob("*.py"))
}
PURE = (
    "assertion.py",
    "certificate.py",
    "fingerprint.py",
    "forms.py",
    "model.py",
    "pem.py",
    "saml.py",
    "secret_detection.py",
    "settings.py",
    "text_decoding.py",
    "xml_moment.py",
    "errors.py",
    "plan/*",
    *(f"handover/{name}.py" for name in ("assemble", "files", "identity", "kinds", "page", "steps", "target")),
)
MAY_IMPORT = {
    "pulumi": (
        "resources/*",
        "providers.py",
        "inputs.py",
        "trusted_by.py",
        "handover/program.py",
        "secret_guard.py",
        "unknown.py",
    ),
    "httpx": ("service/*", "session.py"),
    "cryptography": ("assertion.py", "certificate.py"),
    "lxml": ("assertion.py",),
    "signxml": ("assertion.py",),
    "subprocess": ("service/user_tokens.py",),
    "btp_trust_emulator": (),
}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
HEAVY = {
    "cryptography",
    "httpx",
    "lxml",
    "signxml",
    "starlette",
    "uvicorn",
    "typer",
    "pydantic",
    "jinja2",
    "hypothesis",
    "btp_trust_emulator",
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_what_reaches_outside_is_imported_only_where_the_architecture_says(package: str) -> None:
    """Pulumi, the network and cryptography each have their modules; all others do without."""
    importing = {name for name, path in MODULES.items() if package in _imported(path)}

    assert {name for name in importing if not _fits(name, MAY_IMPORT[package])} == set()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if any(fnmatch(name, pure) for pure in PURE)))
def test_a_pure_module_sees_neither_network_nor_machine_nor_time(name: str) -> None:
    """It imports nothing that reaches outside, and asks no clock: the time is an argument."""
    path = MODULES[name]

    assert not _imported(path) & {"httpx", "pulumi", "os", "sys", "time", "socket", "subprocess", "pathlib", "io"}
    assert not _calls(path) & CLOCKS


def test_the_clock_is_read_in_one_place() -> None:
    """Only the session asks the machine for the time."""
    assert {name for name, path in MODULES.items() if _calls(path) & CLOCKS} == {"session.py"}


def test_the_emulator_imports_nothing_of_the_provider() -> None:
    """It would confirm the provider's mistakes."""
    for path in sorted((PROVIDER / "btp_trust_emulator").rglob("*.py")):
        assert not _imported(path) & {"btp_trust", "pulumi"}, path


def test_what_the_plugin_loads_on_every_command_stays_light() -> None:
    """No web server and no XML library come in with the providers, and nothing that only a program needs."""
    probe = "import json, sys, btp_trust.providers; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )

    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    assert not [name for name in loaded if name.startswith("btp_trust.handover")]


def test_importing_the_providers_declares_and_prints_nothing() -> None:
    """The plugin imports them in another process than the program's."""
    probe = [sys.executable, "-W", "error", "-c", "import btp_trust, btp_trust.providers"]
    done = subprocess.run(probe, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _imported(path: Path) -> set[str]:
    """The top packages that a module imports, those of type annotations included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def _calls(path: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
