"""The modules of the folder import each other downwards only, and the lifecycle of the rotation never."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from btp_trust.rotation import verification

FOLDER = Path(verification.__file__).parent
LAYERS = (
    ("runner",),
    ("automatic_rollback", "preflight", "target_rejection"),
    ("prober",),
    ("probes", "step", "messages", "inspection"),
    ("policy", "refusal_times"),
    ("verdict",),
    ("rejection",),
    ("rejection_words", "target_answer"),
)
ABOVE = {"btp_trust.rotation.lifecycle", "btp_trust.rotation.planning", "btp_trust.rotation.policies"}
PURE = (
    "probes",
    "step",
    "messages",
    "target_rejection",
    "policy",
    "refusal_times",
    "verdict",
    "rejection",
    "rejection_words",
    "target_answer",
)


def imported(module: str) -> set[str]:
    """Return the modules that a module of the folder imports from."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    return {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_every_module_has_a_layer() -> None:
    """A new module has to be given its place."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert modules == {module for layer in LAYERS for module in layer}


@pytest.mark.parametrize(("number", "layer"), list(enumerate(LAYERS)))
def test_imports_point_downwards(number: int, layer: tuple[str, ...]) -> None:
    """A module imports from lower layers only."""
    lower = {f"{verification.__name__}.{module}" for below in LAYERS[number + 1 :] for module in below}
    for module in layer:
        names = imported(module)
        assert {name for name in names if name.startswith(f"{verification.__name__}.")} <= lower
        assert names & ABOVE == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_stay_pure(module: str) -> None:
    """Evaluations and decisions import neither session nor client: what they need is an argument."""
    assert not [name for name in imported(module) if name.startswith("btp_trust.runtime")]
