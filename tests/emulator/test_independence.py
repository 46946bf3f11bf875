"""The emulator shares no code with the provider: it would confirm the provider's mistakes."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import btp_trust_emulator

PACKAGE = Path(btp_trust_emulator.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_no_module_imports_the_provider(module: Path) -> None:
    """Neither the package nor anything in it, nor Pulumi."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert not {name.partition(".")[0] for name in names} & {"btp_trust", "pulumi"}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_the_time_is_read_in_the_clock_alone(module: Path) -> None:
    """No other module asks the machine for the time."""
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "time.time", "datetime.utcnow"}
    ]
    assert module.name == "clock.py" or not calls


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Not even for its types: whoever reads a module has read what it builds on."""
    imports = {
        ".".join(("btp_trust_emulator", *Path(name).with_suffix("").parts)): imported(module)
        for name, module in MODULES.items()
        if module.stem != "__init__"
    }
    order = TopologicalSorter({name: found & set(imports) for name, found in imports.items()})
    assert len(list(order.static_order())) == len(imports)


def imported(module: Path) -> set[str]:
    """The full names of what a module imports from its own package."""
    nodes = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ImportFrom)]
    return {node.module or "" for node in nodes} | {
        f"{node.module}.{each.name}" for node in nodes for each in node.names
    }
