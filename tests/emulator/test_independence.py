"""The emulator shares no code with the provider, and its folders import each other in one direction."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import btp_trust_emulator

PACKAGE = Path(btp_trust_emulator.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
LAYERS = ("server", "control", "services", "journal", "faults", "backend", "saml", "pki", "messages")
"""From the top down: a module imports its own layer and those to the right. The journal names kinds of faults."""
VALUES = {"errors", "slots", "switches"}
"""What every layer may import; these import each other alone."""
ENTRY_POINTS = {"__init__", "__main__", "emulator", "emulator_propagation", "emulator_s4"}
"""What may import every layer, and is imported by the entry points alone."""
MAX_TOP_LEVEL_MODULES = 10


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_provider_is_not_imported(module: Path) -> None:
    """A module imports neither the provider nor Pulumi: shared code would repeat the provider's mistakes."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert not {name.partition(".")[0] for name in names} & {"btp_trust", "pulumi"}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())
def test_only_clock_reads_time(module: Path) -> None:
    """The clock is the only module that asks the machine for the time."""
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"datetime.now", "time.time", "datetime.utcnow"}
    ]
    assert module.name == "clock.py" or not calls


def test_imports_have_no_circle() -> None:
    """A reader of a module can read what it imports first, types included."""
    imports = {
        ".".join(("btp_trust_emulator", *Path(name).with_suffix("").parts)): imported(module)
        for name, module in MODULES.items()
        if module.stem != "__init__"
    }
    order = TopologicalSorter({name: names & set(imports) for name, names in imports.items()})
    assert len(list(order.static_order())) == len(imports)


@pytest.mark.parametrize(("name", "module"), MODULES.items(), ids=MODULES.keys())
def test_layers_import_downwards(name: str, module: Path) -> None:
    """A module imports, types included, only its own layer, the layers below it, and plain values."""
    layer = layer_of(name)
    if layer not in ENTRY_POINTS:
        assert {part.split(".")[1] for part in imported(module) if part.count(".")} <= importable(layer)


def test_every_module_has_a_layer() -> None:
    """The layers, the values and the entry points are all that the package consists of."""
    assert {layer_of(name) for name in MODULES} == {*LAYERS, *VALUES, *ENTRY_POINTS}


def test_top_level_is_small() -> None:
    """A reader who opens the package sees at most ten modules beside the folders."""
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_TOP_LEVEL_MODULES


def layer_of(name: str) -> str:
    """Return the folder of a module, or the module's own name at the top of the package."""
    return Path(name).parts[0].removesuffix(".py")


def importable(layer: str) -> set[str]:
    """Return the parts of the package that a layer may import."""
    return VALUES if layer in VALUES else {*LAYERS[LAYERS.index(layer) :], *VALUES}


def imported(module: Path) -> set[str]:
    """Return the full names of what a module imports from its own package."""
    nodes = [
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("btp_trust_emulator")
    ]
    return {node.module or "" for node in nodes} | {
        f"{node.module}.{alias.name}" for node in nodes for alias in node.names
    }
