"""Structs of msgspec in several threads."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from support.paths import ROOT

# Structs that no thread has used yet, again and again, by threads that take turns as often as Python allows.
RACE = """
import msgspec
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from btp_trust.parsing import structs

def first_use(shape, start):
    start.wait()
    return {use}

sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(4) as pool:
    for _ in range(200):
        inner = msgspec.defstruct("Inner", [("a", int), ("b", dict[str, str]), ("c", list[int] | None)])
        outer = msgspec.defstruct("Outer", [("first", inner), ("others", dict[str, inner]), ("last", str | None)])
        start = threading.Barrier(4)
        for done in [pool.submit(first_use, outer, start) for _ in range(4)]:
            assert done.result().first.a == 1
"""
VALUE = {"first": {"a": 1, "b": {}, "c": [2]}, "others": {"x": {"a": 3, "b": {"y": "z"}, "c": None}}, "last": "text"}


@pytest.mark.parametrize(
    "use", ["structs.convert({value}, shape)", "structs.decode(msgspec.json.encode({value}), shape)"]
)
def test_first_use_in_several_threads(use: str) -> None:
    """A struct that threads use at the same moment is described before: else msgspec would end the process."""
    code = RACE.format(use=use.format(value=VALUE))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_only_this_module_converts() -> None:
    """What runs in threads converts by this module; three modules run in the one thread of a program or a driver."""
    direct = {
        str(path.relative_to(ROOT / "provider"))
        for package in ("btp_trust", "btp_trust_cli", "btp_trust_fleet")
        for path in (ROOT / "provider" / package).rglob("*.py")
        if _converts(path.read_text())
    }
    assert direct == {
        "btp_trust/parsing/structs.py",
        "btp_trust/handover/hand_over.py",
        "btp_trust_fleet/ledger/ledger_file.py",
        "btp_trust_fleet/table/reading.py",
    }


def _converts(source: str) -> bool:
    """Return True if a module calls msgspec with a shape."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return any(
        name == "msgspec.convert" or (name.startswith("msgspec.json.decode") and call.keywords)
        for call in calls
        if (name := ast.unparse(call.func))
    )
