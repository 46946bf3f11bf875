"""Play a cell: interrupt the operation at its moment, resume as a user would, and judge what came of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from support.crash_matrix.cells import Cell, Interruption
from support.crash_matrix.counts import Counts, slots_in_words
from support.crash_matrix.operations import ProviderKind
from support.crash_matrix.residue import residue
from support.crash_matrix.resume import resume, resume_naively, unlock
from support.crash_matrix.surroundings import trusted
from support.crash_matrix.workspace import PreparedStack, Workspace, copy_stack
from support.intercepting_proxy import BoundarySide
from support.processes import kill, kill_session, plugin_pid, run_in_background, suspend
from support.pulumi_project import CommandOutput, PulumiProject

TIMEOUT_SECONDS = 90
SILENCE_SECONDS = {False: 3, True: 17}
"""After so long without a request, a plugin that lives on has done what it does; longer if it tries a target."""


class Verdict(Enum):
    """How a cell ends."""

    CONVERGES = "converges"
    WAY_OUT = "refuses, way out taken"
    REPEATS = "converges after a second try"
    FAILS = "fails"


@dataclass(frozen=True)
class Outcome:
    """What came of a cell."""

    cell: Cell
    verdict: Verdict
    counts: Counts
    problems: tuple[str, ...] = ()
    """Why it fails."""
    was_resumed: bool = True
    """If not, another cell had left behind exactly the same, and was resumed from there."""


@dataclass
class CellRunner:
    """Plays the cells of one operation; any number of them at a time."""

    base: PreparedStack
    folder: Path
    """Where the copies go."""
    _known: dict[str, Future[Outcome]] = field(default_factory=dict)
    """What becomes of that which a killed process left behind."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run_cell(self, cell: Cell) -> Outcome:
        """Play a cell."""
        folder = self.folder / f"{cell.boundary.number}-{cell.boundary.side.name}-{cell.interruption.name}"
        with copy_stack(self.base, folder, cell.boundary) as workspace, interrupt(workspace, cell) as output:
            assert (
                tuple(workspace.proxy.requests_seen[: cell.boundary.number])
                == self.base.requests[: cell.boundary.number]
            ), cell
            unlock(workspace.project)
            if output is not None or cell.interruption is Interruption.PULUMI_KILLED:
                return self._resume_and_evaluate(workspace, cell, output)
            left = residue(workspace.project, self.base.before, workspace.counts, workspace.trusted)
            with self._lock:
                is_known = left in self._known
                known = self._known.setdefault(left, Future())
            if not is_known:
                try:
                    known.set_result(self._resume_and_evaluate(workspace, cell, None))
                except BaseException as error:
                    known.set_exception(error)
                    raise
            return replace(known.result(), cell=cell, was_resumed=not is_known)

    def _resume_and_evaluate(self, workspace: Workspace, cell: Cell, output: CommandOutput | None) -> Outcome:
        is_ours = self.base.provider is ProviderKind.OURS
        end = (
            resume(workspace.project, output, self.base.reverted)
            if is_ours
            else resume_naively(workspace.project, output)
        )
        if cell.interruption is Interruption.PULUMI_KILLED:
            workspace.proxy.released.set()
            while not workspace.proxy.stays_silent(SILENCE_SECONDS[self.base.operation.surroundings.is_target]):
                pass
        counts = workspace.counts
        if problems := [*end.problems, *self._complaints(workspace, counts)]:
            return Outcome(cell, Verdict.FAILS, counts, tuple(problems))
        if counts.repeated:
            return Outcome(cell, Verdict.REPEATS, counts)
        return Outcome(cell, Verdict.WAY_OUT if end.refused else Verdict.CONVERGES, counts)

    def _complaints(self, workspace: Workspace, counts: Counts) -> list[str]:
        """Compare the slots with what the operation is for, and what the state says with the slots."""
        found = []
        if counts.double_swaps:
            found.append(f"{counts.swaps} swaps")
        if counts.lost:
            found.append(f"lost: {', '.join(sorted(counts.lost))}")
        if (now := slots_in_words(self.base.before, workspace.slots)) != self.base.operation.end:
            found.append(f"the slots hold {now}, not {self.base.operation.end}")
        if workspace.trusted != self.base.operation.trusted:
            found.append(f"trusted are {workspace.trusted}, not {self.base.operation.trusted}")
        return found + (state_mismatches(workspace.project) if self.base.provider is ProviderKind.OURS else [])


@contextlib.contextmanager
def interrupt(workspace: Workspace, cell: Cell) -> Iterator[CommandOutput | None]:
    """Run the operation until it is interrupted; what lives on does so inside the block.

    Gives what Pulumi said to its end, if nothing was killed.
    """
    workspace.proxy.closes_connection = cell.interruption is not Interruption.PULUMI_KILLED
    with run_in_background(workspace.project, cell.operation.command, "--yes", "--skip-preview") as command:
        if cell.interruption is Interruption.CLOSED:
            workspace.proxy.released.set()
        else:
            _kill_at_boundary(workspace, cell, command.process.pid)
        status = command.process.wait(TIMEOUT_SECONDS)
        output = command.printed.read_text()
        assert workspace.proxy.reached.is_set(), f"{cell}: never came to that moment\n{output}"
        yield CommandOutput(status, output) if cell.interruption is Interruption.CLOSED else None


def _kill_at_boundary(workspace: Workspace, cell: Cell, leader: int) -> None:
    """Kill while the request waits; after the last answer, while who got it cannot do anything with it yet."""
    assert workspace.proxy.reached.wait(TIMEOUT_SECONDS), f"{cell}: never came to that moment"
    provider = plugin_pid(leader)
    if cell.boundary.side is BoundarySide.ANSWERED:
        suspend(provider)
        workspace.proxy.released.set()
        assert workspace.proxy.response_delivered.wait(TIMEOUT_SECONDS)
    if cell.interruption is Interruption.PULUMI_KILLED:
        kill(leader)
        return
    if cell.interruption is Interruption.ALL_KILLED:
        kill_session(leader)
    else:
        kill(provider)
    workspace.proxy.released.set()


def state_mismatches(project: PulumiProject) -> list[str]:
    """Return what the state says of certificates and the service does not.

    The role of a passive resource may be that of its last reading: the pages say so.
    """
    slots = project.slots()
    found = []
    for name, resource in project.state().items():
        outputs = resource.get("outputs", {})
        is_passive = "PassiveTrustCertificate" in resource["type"]
        if "role" in outputs and outputs["fingerprint"] not in (slots if is_passive else slots[:1]):
            found.append(f"{name} says {outputs['fingerprint']}, and the slots hold {slots}")
        if "trusted" in outputs and outputs["trusted"] != trusted(project.emulator, outputs["subaccount_id"]):
            found.append(f"{name} says that {outputs['trusted']} is trusted")
    return found
