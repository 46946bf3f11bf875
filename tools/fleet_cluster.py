"""Show a fleet on a Dask cluster whose worker is killed in the middle: `make fleet-cluster`.

A scheduler and workers run as processes on 127.0.0.1, each worker with the keys of the subaccounts in its environment.
All stacks are prepared, then rotated; during the rotation, one worker gets `kill -9`. Its stacks are LOST, and are run
again. At the end, the emulator's journal says how often each subaccount was swapped. All files are in a temporary
folder, which is removed in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from btp_trust_emulator import Emulator
from btp_trust_fleet.schedulers.dask_cluster import DaskScheduler
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask, Verb
from dask_nodes import DaskNodes
from demo_environment import DemoFailedError, expect, run_to_end, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM: Final = """\
import pulumi
import btp_trust as trust

where = pulumi.get_stack()
upcoming = trust.PassiveTrustCertificate("next", connection=where, generation="2028-11")
rotation = trust.RotationTrigger("rotation", connection=where, generation="{signs}", candidate=upcoming)
trust.ActiveTrustCertificate("signing", connection=where, rotation=rotation)
"""
PREPARED, ROTATED = PROGRAM.format(signs="2026-11"), PROGRAM.format(signs="2028-11")
SWAP: Final = "rotateCertificate"
SECONDS: Final = 300.0


@dataclass(frozen=True)
class Fleet:
    """Stacks, each with a subaccount of the emulator, and a folder with their program."""

    folder: Path
    emulator: Emulator
    guids: dict[str, str]
    """{stack: GUID}"""

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the workers: the backend and the service keys."""
        keys = {stack: json.dumps(self.emulator.service_key(guid)) for stack, guid in self.guids.items()}
        return {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "demo",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            **{f"BTP_TRUST_SERVICE_KEY_{stack.upper()}": key for stack, key in keys.items()},
        }

    @property
    def nodes(self) -> DaskNodes:
        """What starts the cluster."""
        return DaskNodes(self.folder, self.environment)

    def task(self, stack: str, verb: Verb) -> StackTask:
        """Return the task of one stack."""
        return StackTask(
            stack=stack,
            folder=str(self.folder / "program"),
            verb=verb,
            homes=str(self.folder / "homes"),
            logs=str(self.folder / "logs"),
            lock_wait_seconds=120,
        )

    def write(self, program: str) -> None:
        """Replace the program."""
        (self.folder / "program/__main__.py").write_text(program)

    def swaps(self) -> dict[str, int]:
        """Return {stack: how often its slots were swapped}, by the journal of the emulator."""
        calls = Counter(entry.subaccount for entry in self.emulator.journal() if entry.path.endswith(SWAP))
        return {stack: calls[guid] for stack, guid in self.guids.items()}


@contextlib.contextmanager
def create_fleet(number: int) -> Iterator[Fleet]:
    """Create the subaccounts and the stacks."""
    with tempfile.TemporaryDirectory() as name, Emulator(socket=True, key_size=1024) as emulator:
        names = [f"S{index:02}" for index in range(1, number + 1)]
        guids = {stack: emulator.create_subaccount(generate=True).guid for stack in names}
        fleet = Fleet(Path(name), emulator, guids)
        for folder in ("program", "backend", "home"):
            (fleet.folder / folder).mkdir()
        (fleet.folder / "program/Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
        fleet.write(PREPARED)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda stack: create_stack(fleet, stack), names))
        yield fleet


def create_stack(fleet: Fleet, stack: str) -> None:
    """Create one stack."""
    command = ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"]
    status, printed = run_to_end(command, fleet.folder / "program", fleet.environment)
    expect(status == 0, f"`{' '.join(command)}` ends with 0:\n{printed}")


def run_all(
    fleet: Fleet, scheduler: DaskScheduler, verb: Verb, victim: subprocess.Popen[str] | None = None
) -> list[StackOutcome]:
    """Run all stacks, and each lost one once more; kill a worker after the first outcome."""
    outcomes: list[StackOutcome] = []
    for stack in fleet.guids:
        scheduler.submit(fleet.task(stack, verb))
    lost: set[str] = set()
    while len(outcomes) < len(fleet.guids) + len(lost):
        outcome = scheduler.next_outcome(SECONDS)
        expect(outcome is not None, "a stack ends")
        if outcome is not None:
            outcomes.append(outcome)
            say(f"  {outcome.stack}: {outcome.state} ({outcome.change})")
            if outcome.state is StackState.LOST and outcome.stack not in lost:
                lost.add(outcome.stack)
                scheduler.submit(fleet.task(outcome.stack, verb))
        if victim is not None and victim.poll() is None:
            say(f"  kill -9 of the worker with process {victim.pid}")
            victim.kill()
    return outcomes


def show(stacks: int, workers: int) -> None:
    """Prepare and rotate a fleet, and compare the outcomes with the emulator's journal.

    Raises:
        DemoFailedError: A stack is missing, or was swapped twice.
    """
    with (
        create_fleet(stacks) as fleet,
        fleet.nodes.scheduler() as address,
        fleet.nodes.workers(address, workers) as processes,
    ):
        scheduler = DaskScheduler(address)
        say(f"{stacks} stacks on {workers} workers of {address}", "", "Prepare 2028-11:")
        expect_states(run_all(fleet, scheduler, Verb.PREPARE), {StackState.CHANGED})
        fleet.write(ROTATED)
        say("", "Rotate to 2028-11:")
        outcomes = run_all(fleet, scheduler, Verb.ROTATE, processes[0])
        scheduler.close()
        expect_states(outcomes, {StackState.CHANGED, StackState.UNCHANGED})
        report(fleet, outcomes)


def expect_states(outcomes: Sequence[StackOutcome], states: set[StackState]) -> None:
    """Check that the last outcome of each stack is one of these."""
    last = {outcome.stack: outcome for outcome in outcomes}
    for outcome in last.values():
        expect(outcome.state in states, f"{outcome.stack} ends well: {outcome.state}\n" + "\n".join(outcome.lines))


def report(fleet: Fleet, outcomes: Sequence[StackOutcome]) -> None:
    """Compare the swaps with the journal."""
    lost = [outcome.stack for outcome in outcomes if outcome.state is StackState.LOST]
    swaps = fleet.swaps()
    expect(set(swaps.values()) == {1}, f"each subaccount was swapped once: {swaps}")
    say("", f"Lost with their worker, and run again: {', '.join(lost) or 'none'}.")
    say(f"Swaps by the journal: exactly one in each of {len(swaps)} subaccounts.")


def main() -> int:
    """Run with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stacks", type=int, default=12)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    try:
        show(options.stacks, options.workers)
    except DemoFailedError as error:
        say(f"The demonstration failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
