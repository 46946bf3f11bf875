"""Measure the rotation of many stacks: by the local driver, and by Dask with some workers."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from msgspec import Struct

from dask_nodes import DaskNodes
from fleet.processes import CommandFailed
from fleet.stacks import Stacks, wrong_signers

LOCAL, DASK = "local", "dask"
SECONDS_PER_MINUTE = 60


class Driver(Struct, frozen=True):
    """A way to drive a fleet: where its stacks run, and how many at a time."""

    scheduler: str
    workers: int

    @property
    def name(self) -> str:
        """Its name, as an option has it."""
        return f"{self.scheduler}-{self.workers}"

    @property
    def title(self) -> str:
        """Its name, as a table has it."""
        return "in threads of the driver" if self.scheduler == LOCAL else "on workers of Dask"


DRIVERS: Final = {each.name: each for each in (Driver(LOCAL, 4), *(Driver(DASK, number) for number in (1, 2, 4)))}


class WavesRow(Struct, frozen=True):
    """What a rotation of all stacks took."""

    driver: Driver
    stacks: int
    seconds: float
    cpu_seconds: float
    """Of the driver, of Dask's processes from their start on, and of every command of Pulumi."""
    service_busy: float
    """The part of the time for which the emulator's process used a processor."""
    others_busy: float = 0.0
    """How many processors the work of others used meanwhile, in the mean."""

    @property
    def per_minute(self) -> float:
        """Stacks in a minute."""
        return round(SECONDS_PER_MINUTE * self.stacks / self.seconds, 1)

    @property
    def line(self) -> str:
        """The row as a line."""
        return (
            f"{self.stacks} stacks, {self.driver.workers} at a time {self.driver.title}: {self.seconds:.1f} s, "
            f"{self.per_minute} a minute, {self.cpu_seconds:.1f} s of the processor; emulator busy "
            f"{self.service_busy:.0%}; others used {self.others_busy:g} processors; each rotated exactly once"
        )


class Clocks(NamedTuple):
    """Seconds on the clock, and seconds of the processors: of ended children with their own, and of others."""

    clock: float
    children: float
    others: float

    @classmethod
    def now(cls) -> Self:
        """Return the seconds so far."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        children = usage.ru_utime + usage.ru_stime
        return cls(time.perf_counter(), children, _busy_seconds() - children - time.process_time())

    def __sub__(self, other: Clocks) -> Clocks:
        return Clocks(*(mine - its for mine, its in zip(self, other, strict=True)))


class WrongSwaps(RuntimeError):
    """A subaccount was swapped another number of times than once."""


def measure_all(stacks: Stacks, drivers: Sequence[Driver], report: Callable[[str], None]) -> list[WavesRow]:
    """Rotate all stacks by each driver, from the same state."""
    rows = []
    for driver in drivers:
        rows.append(measure(stacks, driver))
        report(rows[-1].line)
    return rows


def measure(stacks: Stacks, driver: Driver) -> WavesRow:
    """Rotate all stacks once.

    Raises:
        CommandFailed: The driver ended with an error.
        WrongSwaps: A stack was left out, or rotated twice.
    """
    stacks.restore()
    used = Clocks.now()
    with _options(stacks, driver) as options:
        began, own = time.perf_counter(), time.process_time()
        process = stacks.start("rotate", "--parallel", str(driver.workers), *options)
        printed, _ = process.communicate()
        seconds, busy = time.perf_counter() - began, time.process_time() - own
    if process.returncode:
        raise CommandFailed(f"{driver.name} ended with {process.returncode}:\n{printed[-4000:]}")
    if wrong := list(wrong_signers(stacks.signers())):
        raise WrongSwaps(f"{driver.name}: {', '.join(wrong)}")
    used = Clocks.now() - used
    return WavesRow(
        driver,
        len(stacks.names),
        seconds=round(seconds, 1),
        cpu_seconds=round(used.children, 1),
        service_busy=round(busy / seconds, 2),
        others_busy=round(used.others / used.clock, 1),
    )


def _busy_seconds() -> float:
    """Return the seconds for which the processors of this machine were used; Linux alone tells."""
    with contextlib.suppress(FileNotFoundError):
        user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextlib.contextmanager
def _options(stacks: Stacks, driver: Driver) -> Iterator[list[str]]:
    """Yield the options that choose the scheduler, which runs during the block."""
    if driver.scheduler == LOCAL:
        yield []
        return
    nodes = DaskNodes(stacks.project.folder, stacks.environment)
    with nodes.scheduler() as address, nodes.workers(address, driver.workers):
        yield ["--scheduler", address]
