"""A fleet as the commands and programs use it: waves of stacks, each with what its program declares. Pure, light."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from btp_trust_fleet.table.schema import Approval, FleetFile, SubaccountEntry, WaveEntry

ROW_VARIABLE: Final = "BTP_TRUST_FLEET_ROW"
"""By it a command tells the program which row it has read, and perhaps had approved."""


class FleetStack(Struct, frozen=True):
    """A row of the table, with what its wave declares."""

    name: str
    stack: str
    connection: str
    wave: str
    generation: str
    passive: str | None
    labels: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The row in one line."""
        return msgspec.json.encode(self).decode()


class Wave(Struct, frozen=True):
    """A wave, with its stacks in the order of the table."""

    name: str
    number: int
    """1 for the first."""
    generation: str
    stacks: tuple[FleetStack, ...]
    stop_after: int
    soak: timedelta
    approval: Approval


class Fleet(Struct, frozen=True):
    """All waves, in their order."""

    path: Path
    waves: tuple[Wave, ...]

    @property
    def stacks(self) -> Iterator[FleetStack]:
        """All stacks, in the order of the waves."""
        return (stack for wave in self.waves for stack in wave.stacks)

    def find_wave(self, text: str) -> Wave | None:
        """Return the wave with this name or number."""
        return next((wave for wave in self.waves if text in {wave.name, str(wave.number)}), None)

    def find_stack(self, text: str) -> FleetStack | None:
        """Return the row with this name or stack."""
        return next((stack for stack in self.stacks if text in {stack.name, stack.stack}), None)


def belongs(entry: SubaccountEntry, wave: WaveEntry) -> bool:
    """Return True if a wave has a subaccount: by its name, or by all labels of the wave."""
    return entry.name in wave.subaccounts or (bool(wave.labels) and set(wave.labels) <= set(entry.labels))


def fleet_of(file: FleetFile, path: Path) -> Fleet:
    """Return the fleet of a checked file."""
    return Fleet(path, tuple(_wave(file, wave, number) for number, wave in enumerate(file.waves, start=1)))


def _wave(file: FleetFile, wave: WaveEntry, number: int) -> Wave:
    stacks = tuple(_stack(entry, wave) for entry in file.subaccounts if belongs(entry, wave))
    return Wave(wave.name, number, wave.generation, stacks, wave.stop_after, wave.soak_time, wave.approval)


def _stack(entry: SubaccountEntry, wave: WaveEntry) -> FleetStack:
    return FleetStack(
        entry.name,
        entry.stack_name,
        entry.connection_name,
        wave.name,
        wave.generation,
        wave.passive,
        entry.labels,
    )
