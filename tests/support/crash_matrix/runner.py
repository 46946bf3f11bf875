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
from support.crash_matrix.counts import Counts, shape
from support.crash_matrix.operations import Provider
from support.crash_matrix.residue import left_behind
from support.crash_matrix.resume import resume, resume_naively, unlock
from support.crash_matrix.surroundings import trusted
from support.crash_matrix.workspace import Base, Stage, copied
from support.intercepting_proxy import Side
from support.processes import freeze, kill, kill_session, plugin, running
from support.pulumi_project import Project, Said

PATIENCE_SECONDS = 90
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
    complaints: tuple[str, ...] = ()
    """Why it fails."""
    was_resumed: bool = True
    """If not, another cell had left behind exactly the same, and was resumed from there."""


@dataclass
class Player:
    """Plays the cells of one operation; any number of them at a time."""

    base: Base
    folder: Path
    """Where the copies go."""
    _known: dict[str, Future[Outcome]] = field(default_factory=dict)
    """What becomes of that which a killed process left behind."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, cell: Cell) -> Outcome:
        """Play a cell."""
        folder = self.folder / f"{cell.moment.number}-{cell.moment.side.name}-{cell.interruption.name}"
        with copied(self.base, folder, cell.moment) as stage, interrupted(stage, cell) as said:
            assert tuple(stage.way.passed[: cell.moment.number]) == self.base.requests[: cell.moment.number], cell
            unlock(stage.project)
            if said is not None or cell.interruption is Interruption.PULUMI_KILLED:
                return self._resumed(stage, cell, said)
            left = left_behind(stage.project, self.base.before, stage.counts, stage.trusted)
            with self._lock:
                is_known = left in self._known
                known = self._known.setdefault(left, Future())
            if not is_known:
                try:
                    known.set_result(self._resumed(stage, cell, None))
                except BaseException as error:
                    known.set_exception(error)
                    raise
            return replace(known.result(), cell=cell, was_resumed=not is_known)

    def _resumed(self, stage: Stage, cell: Cell, said: Said | None) -> Outcome:
        is_ours = self.base.provider is Provider.OURS
        end = resume(stage.project, said, self.base.reverted) if is_ours else resume_naively(stage.project, said)
        if cell.interruption is Interruption.PULUMI_KILLED:
            stage.way.go_on.set()
            while not stage.way.is_silent(SILENCE_SECONDS[self.base.operation.scene.is_target]):
                pass
        counts = stage.counts
        if complaints := [*end.complaints, *self._complaints(stage, counts)]:
            return Outcome(cell, Verdict.FAILS, counts, tuple(complaints))
        if counts.repeated:
            return Outcome(cell, Verdict.REPEATS, counts)
        return Outcome(cell, Verdict.WAY_OUT if end.refused else Verdict.CONVERGES, counts)

    def _complaints(self, stage: Stage, counts: Counts) -> list[str]:
        """Compare the slots with what the operation is for, and what the state says with the slots."""
        found = []
        if counts.double_swaps:
            found.append(f"{counts.swaps} swaps")
        if counts.lost:
            found.append(f"lost: {', '.join(sorted(counts.lost))}")
        if (now := shape(self.base.before, stage.slots)) != self.base.operation.end:
            found.append(f"the slots hold {now}, not {self.base.operation.end}")
        if stage.trusted != self.base.operation.trusted:
            found.append(f"trusted are {stage.trusted}, not {self.base.operation.trusted}")
        return found + (untrue(stage.project) if self.base.provider is Provider.OURS else [])


@contextlib.contextmanager
def interrupted(stage: Stage, cell: Cell) -> Iterator[Said | None]:
    """Run the operation until it is interrupted; what lives on does so inside the block.

    Gives what Pulumi said to its end, if nothing was killed.
    """
    stage.way.loses = cell.interruption is not Interruption.PULUMI_KILLED
    with running(stage.project, cell.operation.command, "--yes", "--skip-preview") as command:
        if cell.interruption is Interruption.CLOSED:
            stage.way.go_on.set()
        else:
            _strike(stage, cell, command.process.pid)
        status = command.process.wait(PATIENCE_SECONDS)
        said = command.printed.read_text()
        assert stage.way.arrived.is_set(), f"{cell}: never came to that moment\n{said}"
        yield Said(status, said) if cell.interruption is Interruption.CLOSED else None


def _strike(stage: Stage, cell: Cell, leader: int) -> None:
    """Kill while the request waits; after the last answer, while who got it cannot do anything with it yet."""
    assert stage.way.arrived.wait(PATIENCE_SECONDS), f"{cell}: never came to that moment"
    provider = plugin(leader)
    if cell.moment.side is Side.ANSWERED:
        freeze(provider)
        stage.way.go_on.set()
        assert stage.way.delivered.wait(PATIENCE_SECONDS)
    if cell.interruption is Interruption.PULUMI_KILLED:
        kill(leader)
        return
    if cell.interruption is Interruption.ALL_KILLED:
        kill_session(leader)
    else:
        kill(provider)
    stage.way.go_on.set()


def untrue(project: Project) -> list[str]:
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
