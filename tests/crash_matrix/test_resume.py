"""Cells are resumed as a user would, and only those that left the same behind are resumed together."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from btp_trust_emulator import Emulator, Slots
from support.crash_matrix.counts import Counts
from support.crash_matrix.residue import residue
from support.crash_matrix.resume import MINUTE, REVERT, apply_remedy
from support.pulumi_project import CommandOutput, PulumiProject

ERROR = """Diagnostics:
  pulumi-python:dynamic/btp-trust:RotationTrigger (rotation):
    error: {}

Resources:
    1 unchanged
"""
AGAIN = "Nothing was recorded and nothing is repeated. Wait a minute, then run `pulumi up` again: it compares first."
AT_ONCE = "Run `pulumi up` again at once: it reads the slots, and rolls back if they still reject."
DONE = Counts(1, 0, 0, repeated=False, lost=frozenset())


@pytest.fixture
def project(emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack that nothing was deployed to."""
    project = PulumiProject(tmp_path, emulator, emulator.create_subaccount(generate=True).guid)
    store(project, {})
    return project


def store(project: PulumiProject, deployment: dict[str, Any]) -> None:
    """Write Pulumi's state down as its backend does."""
    file = project.folder / "backend/.pulumi/stacks/project/dev.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"checkpoint": {"latest": deployment}}))


def ahead(project: PulumiProject) -> float:
    """Return by how many seconds the emulator's clock is ahead of the machine's."""
    return (project.emulator.now - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        (ERROR.format(f"btp_trust.errors.WriteNotApplied: Lost.\n    Before: a. Now: a.\n    {AGAIN}"), MINUTE),
        (ERROR.format(f"btp_trust.errors.RollbackFailed: Stuck.\n    After: b.\n    {AT_ONCE}"), 0),
        (ERROR.format("btp_trust.errors.SlotsChanged: Other slots.\n    Found: b.\n    Ask who did it."), None),
        (ERROR.format(f"btp_trust.errors.WriteNotApplied: {AGAIN}\n    Before: a. Now: a.\n    Ask somebody."), None),
        (f"error: the stack is currently locked\n{AGAIN}\n", None),
    ],
)
def test_the_last_line_of_an_error_is_what_is_done(project: PulumiProject, text: str, waits: int | None) -> None:
    """A minute goes by if it says so; what nobody has learned yet fails the cell, and so do errors of others."""
    before = ahead(project)

    assert apply_remedy(project, CommandOutput(1, text)) == (waits is not None)

    assert ahead(project) - before == pytest.approx(waits or 0, abs=MINUTE / 2)


def test_only_a_refusal_that_is_kept_leads_to_a_revert() -> None:
    """A swap back that failed names the revert as well, and yet something else comes first."""
    told = "Generation 'b' was rejected by the target of s4, and {}.\n    Evidence.\n    {}the change of `generation`{}"

    kept = ERROR.format(told.format("was rolled back", "Revert ", ' (generation="a"), let its owner …'))
    stuck = ERROR.format(told.format("the rollback failed", f"{AT_ONCE} By hand: …, then revert ", "."))

    assert (REVERT.search(kept) is not None, REVERT.search(stuck)) == (True, None)


def test_what_pulumi_notes_of_itself_is_nothing_that_is_left_behind(project: PulumiProject) -> None:
    """Times and random names of its own differ from run to run, and mean nothing."""
    left = []
    for name in ("3f", "a7"):
        provider = {"type": "pulumi:providers:pulumi-python", "id": name, "created": name}
        resource = {"type": "ours", "provider": f"urn::{name}", "inputs": {"a": 1}, "modified": name}
        store(project, {"manifest": {"time": name}, "resources": [provider, resource]})
        left.append(residue(project, project.emulator.slots(project.guid), DONE))

    assert left[0] == left[1]


def test_whatever_else_differs_is_left_behind(project: PulumiProject) -> None:
    """Inputs, pending operations, the slots, whoever trusts them, what was done so far."""
    slots = project.emulator.slots(project.guid)
    left = [residue(project, slots, DONE)]
    left.append(residue(project, slots, Counts(2, 0, 1, repeated=False, lost=frozenset())))
    left.append(residue(project, Slots("another", None), DONE))
    left.append(residue(project, slots, DONE, ("what was active",)))
    for deployment in ({"pending_operations": [{"type": "updating"}]}, {"resources": [{"type": "ours", "inputs": {}}]}):
        store(project, deployment)
        left.append(residue(project, slots, DONE))

    assert len(set(left)) == len(left)
