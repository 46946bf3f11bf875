"""Cells are resumed as a user would, and only those that left the same behind are resumed together."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from matrix.counts import Counts
from matrix.left import left_behind
from matrix.resume import MINUTE, take_way_out

from btp_trust_emulator import Emulator, Slots
from project import Project, Said

ERROR = """Diagnostics:
  pulumi-python:dynamic/btp-trust:RotationTrigger (rotation):
    error: {}

Resources:
    1 unchanged
"""
AGAIN = "Nothing was recorded and nothing is repeated. Wait a minute, then run `pulumi up` again: it compares first."
DONE = Counts(1, 0, 0, frozenset())


@pytest.fixture
def project(emulator: Emulator, tmp_path: Path) -> Project:
    """A stack that nothing was deployed to."""
    project = Project(tmp_path, emulator, emulator.create_subaccount(generate=True).guid)
    store(project, {})
    return project


def store(project: Project, deployment: dict[str, Any]) -> None:
    """Write Pulumi's state down as its backend does."""
    file = project.folder / "backend/.pulumi/stacks/project/dev.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"checkpoint": {"latest": deployment}}))


def ahead(project: Project) -> float:
    """Return by how many seconds the emulator's clock is ahead of the machine's."""
    return (project.emulator.now - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        (ERROR.format(f"btp_trust.errors.NotDone: Lost.\n    Before: a. Now: a.\n    {AGAIN}"), True),
        (ERROR.format("btp_trust.errors.SlotsChanged: Other slots.\n    Found: b.\n    Ask who did it."), False),
        (ERROR.format(f"btp_trust.errors.NotDone: {AGAIN}\n    Before: a. Now: a.\n    Ask somebody."), False),
        (f"error: the stack is currently locked\n{AGAIN}\n", False),
    ],
)
def test_the_last_line_of_an_error_is_what_is_done(project: Project, text: str, *, is_taken: bool) -> None:
    """A minute goes by if it says so; what nobody has learned yet fails the cell, and so do errors of others."""
    before = ahead(project)

    assert take_way_out(project, Said(1, text)) == is_taken

    assert ahead(project) - before == pytest.approx(MINUTE if is_taken else 0, abs=MINUTE / 2)


def test_what_pulumi_notes_of_itself_is_nothing_that_is_left_behind(project: Project) -> None:
    """Times and random names of its own differ from run to run, and mean nothing."""
    left = []
    for name in ("3f", "a7"):
        provider = {"type": "pulumi:providers:pulumi-python", "id": name, "created": name}
        resource = {"type": "ours", "provider": f"urn::{name}", "inputs": {"a": 1}, "modified": name}
        store(project, {"manifest": {"time": name}, "resources": [provider, resource]})
        left.append(left_behind(project, project.emulator.slots(project.guid), DONE))

    assert left[0] == left[1]


def test_whatever_else_differs_is_left_behind(project: Project) -> None:
    """Inputs, pending operations, the slots, what was done so far."""
    slots = project.emulator.slots(project.guid)
    left = [left_behind(project, slots, DONE)]
    left.append(left_behind(project, slots, Counts(2, 0, 1, frozenset())))
    left.append(left_behind(project, Slots("another", None), DONE))
    for deployment in ({"pending_operations": [{"type": "updating"}]}, {"resources": [{"type": "ours", "inputs": {}}]}):
        store(project, deployment)
        left.append(left_behind(project, slots, DONE))

    assert len(set(left)) == len(left)
