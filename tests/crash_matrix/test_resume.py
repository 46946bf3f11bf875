"""Cells are resumed as a user would, and only cells with equal residues are resumed together."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import SystemRefused
from btp_trust.rotation.switchover.messages import incomplete_error, rolled_back_error
from btp_trust_emulator import Emulator, Slots
from support.crash_matrix.counts import Counts
from support.crash_matrix.residue import residue
from support.crash_matrix.resume import MINUTE, RESTORE, REVERT, apply_remedy
from support.fake_engine import make_certificate, make_snapshot
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
    """A stack before its first deployment."""
    project = PulumiProject(tmp_path, emulator, emulator.create_subaccount(generate=True).guid)
    store(project, {})
    return project


def store(project: PulumiProject, deployment: dict[str, Any]) -> None:
    """Write Pulumi's state as its backend does."""
    file = project.folder / "backend/.pulumi/stacks/project/dev.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"checkpoint": {"latest": deployment}}))


def seconds_ahead(project: PulumiProject) -> float:
    """Return the seconds by which the emulator's clock is ahead of the machine's."""
    return (project.emulator.now - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(
    ("text", "wait_seconds"),
    [
        (ERROR.format(f"btp_trust.errors.WriteNotApplied: Lost.\n    Before: a. Now: a.\n    {AGAIN}"), MINUTE),
        (ERROR.format(f"btp_trust.errors.RollbackFailed: Stuck.\n    After: b.\n    {AT_ONCE}"), 0),
        (ERROR.format("btp_trust.errors.SlotsChanged: Other slots.\n    Found: b.\n    Ask who did it."), None),
        (ERROR.format(f"btp_trust.errors.WriteNotApplied: {AGAIN}\n    Before: a. Now: a.\n    Ask somebody."), None),
        (f"error: the stack is currently locked\n{AGAIN}\n", None),
    ],
)
def test_the_last_line_is_the_remedy(project: PulumiProject, text: str, wait_seconds: int | None) -> None:
    """A minute passes if the last line says so; unknown remedies and errors of others fail the cell."""
    before = seconds_ahead(project)

    assert apply_remedy(project, CommandOutput(1, text)) == (wait_seconds is not None)

    assert seconds_ahead(project) - before == pytest.approx(wait_seconds or 0, abs=MINUTE / 2)


def test_only_a_kept_rejection_is_reverted() -> None:
    """The error of a failed rollback mentions the revert as well, after another remedy."""
    message = (
        "Generation 'b' was rejected by the target of s4, and {}.\n    Evidence.\n    {}the change of `generation`{}"
    )

    kept = ERROR.format(message.format("was rolled back", "Revert ", ' (generation="a"), let its owner …'))
    stuck = ERROR.format(message.format("the rollback failed", f"{AT_ONCE} By hand: …, then revert ", "."))

    assert (REVERT.search(kept) is not None, REVERT.search(stuck)) == (True, None)


def test_refusing_system_reverts_or_restores() -> None:
    """A swap that was rolled back is reverted; one that an interruption has left is undone by a restoration."""
    error, system = (
        SystemRefused("PATCH was refused: 400.", "Nothing was changed.", "Look.", status=400),
        "erp/BTP (oauth2)",
    )
    now = make_snapshot(make_certificate("a"))
    kept = rolled_back_error("b", "a", {system: error}, now.now, now)
    left = incomplete_error("b", {system: error})

    shown = [ERROR.format("\n    ".join(str(each).split("\n"))) for each in (kept, left)]

    assert [REVERT.search(text) is not None for text in shown] == [True, False]
    assert [RESTORE.search(text) is not None for text in shown] == [False, True]


def test_the_residue_ignores_volatile_keys(project: PulumiProject) -> None:
    """Times and random IDs in the state differ from run to run, and are left out."""
    residues = []
    for name in ("3f", "a7"):
        provider = {"type": "pulumi:providers:pulumi-python", "id": name, "created": name}
        resource = {"type": "ours", "provider": f"urn::{name}", "inputs": {"a": 1}, "modified": name}
        store(project, {"manifest": {"time": name}, "resources": [provider, resource]})
        residues.append(residue(project, project.emulator.slots(project.guid), DONE))

    assert residues[0] == residues[1]


def test_the_residue_has_everything_else(project: PulumiProject) -> None:
    """Inputs, pending operations, slots, trusted certificates and counts are part of the residue."""
    slots = project.emulator.slots(project.guid)
    residues = [residue(project, slots, DONE)]
    residues.append(residue(project, slots, Counts(2, 0, 1, repeated=False, lost=frozenset())))
    residues.append(residue(project, Slots("another", None), DONE))
    residues.append(residue(project, slots, DONE, ("what was active",)))
    for deployment in ({"pending_operations": [{"type": "updating"}]}, {"resources": [{"type": "ours", "inputs": {}}]}):
        store(project, deployment)
        residues.append(residue(project, slots, DONE))

    assert len(set(residues)) == len(residues)
