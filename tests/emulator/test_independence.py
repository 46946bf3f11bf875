"""The emulator shares no code with the provider: it would confirm the provider's mistakes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import btp_trust_emulator

MODULES = sorted(Path(btp_trust_emulator.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_imports_the_provider(module: Path) -> None:
    """Neither the package nor anything in it, nor Pulumi."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert not {name.partition(".")[0] for name in names} & {"btp_trust", "pulumi"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_the_time_is_read_in_the_clock_alone(module: Path) -> None:
    """No other module asks the machine for the time."""
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "time.time", "datetime.utcnow"}
    ]
    assert module.name == "clock.py" or not calls
