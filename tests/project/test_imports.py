"""Who may import what: a plan is pure, and each of the two packages stands alone."""

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
    "arguments.py",
    "certificate.py",
    "errors.py",
    "formatting.py",
    "snapshot.py",
    "parsing/*",
    "saml/*",
    *(f"secret_guard/{name}.py" for name in ("decoding", "der", "detection")),
    "resources/settings.py",
    "trusted_by/*",
    "active/plan.py",
    "passive/messages.py",
    "passive/plan.py",
    "passive/planning.py",
    "communication_system/messages.py",
    "communication_system/plan.py",
    "identity_provider/plan.py",
    "rotation/decision.py",
    "rotation/declaration.py",
    "rotation/evidence.py",
    "rotation/messages.py",
    "rotation/policies.py",
    "rotation/postponement.py",
    "rotation/swap_decision.py",
    "rotation/target_gate.py",
    *(f"rotation/verification/{name}.py" for name in ("policy", "rejection", "target_answer", "verdict")),
    "service/certificate_field.py",
    "service/transport/redaction.py",
    *(
        f"handover/{name}.py"
        for name in (
            "attestation",
            "certificate_view",
            "files",
            "hand_over",
            "markdown",
            "target",
            "target_types",
            "tasks",
        )
    ),
)
MAY_IMPORT = {
    "pulumi": (
        "resources/*",
        "providers.py",
        "property_bag.py",
        "runtime/engine_log.py",
        "handover/program.py",
        "secret_guard/guard.py",
    ),
    "httpx": ("service/*", *(f"runtime/{name}.py" for name in ("host", "open_connections", "communication_systems"))),
    "cryptography": ("saml/assertion.py", "parsing/x509.py"),
    "lxml": ("saml/assertion.py",),
    "signxml": ("saml/assertion.py",),
    "subprocess": ("service/credentials/child_process.py",),
    "btp_trust_emulator": (),
    "btp_trust_cli": (),
    "btp_trust_fleet": (),
    "distributed": (),
    "psutil": (),
    "typer": (),
    "rich": (),
    "filelock": (),
    "icalendar": (),
    "prometheus_client": (),
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
PLUGIN_ONLY = (
    "btp_trust.runtime*",
    "btp_trust.service*",
    "btp_trust.*.lifecycle",
    "btp_trust.handover*",
    "btp_trust.saml*",
    "btp_trust.trusted_by.*",
)
"""Modules that a program does without until it uses hand-over or `trusted_by`."""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_each_package_has_its_importers(package: str) -> None:
    """Pulumi, the network and cryptography each have their modules."""
    importing = {name for name, path in MODULES.items() if package in _imported(path)}

    assert {name for name in importing if not _fits(name, MAY_IMPORT[package])} == set()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if any(fnmatch(name, pure) for pure in PURE)))
def test_a_pure_module_reaches_nothing_outside(name: str) -> None:
    """It imports none of the modules that reach outside, and reads no clock: the time is an argument."""
    path = MODULES[name]

    assert not _imported(path) & {"httpx", "pulumi", "os", "sys", "time", "socket", "subprocess", "pathlib", "io"}
    assert not _calls(path) & CLOCKS


def test_one_module_reads_the_clock() -> None:
    """Only the host asks the machine for the time."""
    assert {name for name, path in MODULES.items() if _calls(path) & CLOCKS} == {"runtime/host.py"}


def test_the_emulator_stands_alone() -> None:
    """Shared code would confirm the provider's mistakes."""
    for path in sorted((PROVIDER / "btp_trust_emulator").rglob("*.py")):
        assert not _imported(path) & {"btp_trust", "pulumi"}, path


def test_importing_the_providers_is_light() -> None:
    """`btp_trust` and its providers load none of the libraries that a call needs, and no hand-over.

    A program imports both, and the plugin the second one: each loads the rest with the first call that uses it.
    """
    probe = "import json, sys, btp_trust.providers; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )

    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
    assert not [name for name in loaded if name.startswith("btp_trust.handover")]


def test_program_loads_nothing_of_plugin() -> None:
    """`import btp_trust` spares a program the HTTP client, cryptography, the XML libraries and the lifecycles."""
    probe = "import json, sys, btp_trust; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )
    packages = {name.partition(".")[0] for name in loaded}
    own = [name for name in loaded if name.startswith("btp_trust.")]

    assert packages & (HEAVY | {"httpx", "cryptography", "tenacity"}) == set()
    assert [name for name in own if any(fnmatch(name, plugin) for plugin in PLUGIN_ONLY)] == []
    assert "xml.sax" not in loaded


def test_certificates_need_the_decoder_alone() -> None:
    """The rest of `cryptography.x509` takes three times as long to load: each command would wait for it."""
    probe = "import json, sys, btp_trust.parsing.x509; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )
    assert "cryptography.hazmat.asn1" in loaded
    assert "cryptography.x509" not in loaded


def test_three_resources_load_no_metadata() -> None:
    """A command with the resources of one subaccount loads nothing that reads registrations or metadata."""
    probe = "; ".join(
        (
            "import json, sys, btp_trust.runtime.session",
            *(f"import btp_trust.{name}.lifecycle" for name in ("passive", "rotation", "active")),
            "print(json.dumps(sorted(sys.modules)))",
        )
    )
    loaded = json.loads(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    )
    unused = {"btp_trust.saml.metadata", "btp_trust.runtime.trust_configuration", "xml.sax"}
    assert unused & {*loaded} == set()


def test_importing_the_providers_is_silent() -> None:
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
