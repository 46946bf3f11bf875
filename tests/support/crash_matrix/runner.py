"""Run a cell: interrupt the operation at its boundary, resume as a user would, and evaluate the result."""

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
from support.crash_matrix.resume import resume, resume_naively, unlock
from support.crash_matrix.workspace import PreparedStack, Workspace, copy_stack
from support.intercepting_proxy import BoundarySide
from support.processes import kill, kill_session, plugin_pid, run_in_background, suspend
from support.pulumi_project import CommandOutput

TIMEOUT_SECONDS = 90
SILENCE_SECONDS = {False: 3, True: 17}
"""{is there a target: seconds without a request after which a surviving plugin is done}"""


class Verdict(Enum):
    """The end of a cell."""

    CONVERGES = "converges"
    REMEDY_APPLIED = "refuses, remedy applied"
    REPEATS = "converges after a second attempt"
    FAILS = "fails"


@dataclass(frozen=True)
class Outcome:
    """The verdict on a cell, with its counts."""

    cell: Cell
    verdict: Verdict
    counts: Counts
    problems: tuple[str, ...] = ()
    """Reasons of a failure."""
    was_resumed: bool = True
    """False if another cell with an equal residue was resumed in its place."""


@dataclass
class CellRunner:
    """Runs the cells of one operation, in any number of threads."""

    prepared: PreparedStack
    folder: Path
    """Folder of the copies."""
    _known: dict[str, Future[Outcome]] = field(default_factory=dict)
    """{residue of killed processes: the outcome after it}"""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run_cell(self, cell: Cell) -> Outcome:
        """Run a cell."""
        folder = self.folder / f"{cell.boundary.number}-{cell.boundary.side.name}-{cell.interruption.name}"
        with copy_stack(self.prepared, folder, cell.boundary) as workspace, interrupt(workspace, cell) as output:
            assert (
                tuple(workspace.proxy.requests_seen[: cell.boundary.number])
                == self.prepared.requests[: cell.boundary.number]
            ), cell
            unlock(workspace.project)
            if output is not None or cell.interruption is Interruption.PULUMI_KILLED:
                return self._resume_and_evaluate(workspace, cell, output)
            text = workspace.residue
            with self._lock:
                is_known = text in self._known
                known = self._known.setdefault(text, Future())
            if not is_known:
                try:
                    known.set_result(self._resume_and_evaluate(workspace, cell, None))
                except BaseException as error:
                    known.set_exception(error)
                    raise
            return replace(known.result(), cell=cell, was_resumed=not is_known)

    def _resume_and_evaluate(self, workspace: Workspace, cell: Cell, output: CommandOutput | None) -> Outcome:
        is_ours = self.prepared.provider is ProviderKind.OURS
        end = (
            resume(workspace.project, output, self.prepared.reverted, self.prepared.restored)
            if is_ours
            else resume_naively(workspace.project, output)
        )
        if cell.interruption is Interruption.PULUMI_KILLED:
            workspace.proxy.released.set()
            while not workspace.proxy.stays_silent(SILENCE_SECONDS[self.prepared.operation.surroundings.is_target]):
                pass
        counts = workspace.counts
        if problems := [*end.problems, *self._problems(workspace, counts)]:
            return Outcome(cell, Verdict.FAILS, counts, tuple(problems))
        if counts.repeated:
            return Outcome(cell, Verdict.REPEATS, counts)
        return Outcome(cell, Verdict.REMEDY_APPLIED if end.remedy_applied else Verdict.CONVERGES, counts)

    def _problems(self, workspace: Workspace, counts: Counts) -> list[str]:
        """Compare the slots with the purpose of the operation, and the state with the slots."""
        problems = []
        if counts.double_swaps:
            problems.append(f"{counts.swaps} swaps")
        if counts.lost:
            problems.append(f"lost: {', '.join(sorted(counts.lost))}")
        if (now := slots_in_words(self.prepared.before, workspace.slots)) != self.prepared.operation.end:
            problems.append(f"the slots hold {now}, not {self.prepared.operation.end}")
        if workspace.trusted != self.prepared.operation.trusted:
            problems.append(f"trusted are {workspace.trusted}, not {self.prepared.operation.trusted}")
        return problems + (state_mismatches(workspace) if self.prepared.provider is ProviderKind.OURS else [])


@contextlib.contextmanager
def interrupt(workspace: Workspace, cell: Cell) -> Iterator[CommandOutput | None]:
    """Run the operation until it is interrupted; surviving processes live until the end of the block.

    Yields the output of Pulumi if all processes survived.
    """
    workspace.proxy.closes_connection = cell.interruption is not Interruption.PULUMI_KILLED
    with run_in_background(workspace.project, cell.operation.command, "--yes", "--skip-preview") as command:
        if cell.interruption is Interruption.CLOSED:
            workspace.proxy.released.set()
        else:
            _kill_at_boundary(workspace, cell, command.process.pid)
        status = command.process.wait(TIMEOUT_SECONDS)
        output = command.printed.read_text()
        assert workspace.proxy.reached.is_set(), f"{cell}: the boundary was never reached\n{output}"
        yield CommandOutput(status, output) if cell.interruption is Interruption.CLOSED else None


def _kill_at_boundary(workspace: Workspace, cell: Cell, leader: int) -> None:
    """Kill while the request waits at its boundary; after the last answer, while the plugin is suspended."""
    assert workspace.proxy.reached.wait(TIMEOUT_SECONDS), f"{cell}: the boundary was never reached"
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


def state_mismatches(workspace: Workspace) -> list[str]:
    """Return the differences between the state and the services."""
    slots, trusted = workspace.project.slots(), workspace.trusted_certificates
    problems = []
    for name, resource in workspace.project.state().items():
        outputs = resource.get("outputs", {})
        is_passive = "PassiveTrustCertificate" in resource["type"]
        if "fingerprint" in outputs and outputs["fingerprint"] not in (slots if is_passive else slots[:1]):
            problems.append(f"{name} has {outputs['fingerprint']}, and the slots hold {slots}")
        if "trusted" in outputs and outputs["trusted"] != trusted:
            problems.append(f"{name} has {outputs['trusted']} as trusted")
    return problems
