"""The operations of the matrix: how a stack comes to the point, the change that is interrupted, what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import twin

from btp_trust_emulator import Action
from project import adopting, program, rotating


@dataclass(frozen=True)
class Wanted:
    """What a program declares: which generation is prepared, which one signs, further arguments of the active one."""

    prepared: str | None = None
    signs: str | None = None
    generate: bool = False
    renew: bool = False

    def arguments(self, active: str | None) -> dict[str, str | bool]:
        """Return what ActiveTrustCertificate is told, while this certificate signs."""
        arguments: dict[str, str | bool] = {"generate": True} if self.generate else {}
        return arguments | ({"renew_fingerprint": active or "", "accept_outage": True} if self.renew else {})

    def in_twin(self, active: str | None) -> twin.Program:
        """Return the program for the twin of the engine."""
        return twin.program(self.prepared, self.signs, active=self.arguments(active))


class Provider(Enum):
    """Whose program it is."""

    OURS = "btp-trust"
    NAIVE = "naive"

    def text(self, wanted: Wanted, active: str | None) -> str:
        """Write the program for Pulumi."""
        if self is Provider.NAIVE:
            return _naive(wanted)
        if wanted.signs is not None:
            return rotating(wanted.prepared, wanted.signs)
        return adopting("".join(f", {name}={value!r}" for name, value in wanted.arguments(active).items()))


class Slot(Enum):
    """A slot whose certificate is meant to go."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True)
class Operation:
    """One operation of one resource, as it meets the service."""

    resource: str
    name: str
    before: tuple[Wanted | Action, ...]
    """What happens first, an hour apart."""
    change: Wanted
    end: tuple[str, str]
    """What the slots hold afterwards, in words of what they held before."""
    swaps: int = 0
    mints: int = 0
    goes: Slot | None = None
    """Whose certificate is gone afterwards, as the preview says."""
    begins_empty: bool = False
    """The subaccount has no certificate at all."""
    command: str = "up"

    def __str__(self) -> str:
        """Resource and operation."""
        return f"{self.resource}: {self.name}"


OLD, NEW, NEXT = "2026-11", "2028-11", "2030-11"
ADOPTED, RECORDED, PREPARED = Wanted(), Wanted(signs=OLD), Wanted(NEW, OLD)
ROTATED, LATER = Wanted(NEW, NEW), Wanted(NEXT, NEW)
ACTIVE, PASSIVE, TRIGGER = "ActiveTrustCertificate", "PassiveTrustCertificate", "RotationTrigger"

NOTHING, A_NEW_ONE, WHAT_SIGNED, WHAT_WAITED = "nothing", "a new one", "what was active", "what was passive"
UNTOUCHED, SWAPPED = (WHAT_SIGNED, WHAT_WAITED), (WHAT_WAITED, WHAT_SIGNED)
ALONE, PREPARING = (WHAT_SIGNED, NOTHING), (WHAT_SIGNED, A_NEW_ONE)

MINT = Operation(PASSIVE, "create, generates", (RECORDED,), PREPARED, PREPARING, mints=1)
MINT_NEXT = Operation(
    PASSIVE,
    "update, generates over the displaced one",
    (PREPARED, ROTATED),
    LATER,
    PREPARING,
    mints=1,
    goes=Slot.PASSIVE,
)
DELETE = Operation(PASSIVE, "delete", (PREPARED,), RECORDED, ALONE, goes=Slot.PASSIVE)
ROTATE = Operation(TRIGGER, "update, rotates", (PREPARED,), ROTATED, SWAPPED, swaps=1)
ROLL_BACK = Operation(TRIGGER, "update, rolls back", (PREPARED, ROTATED), PREPARED, SWAPPED, swaps=1)

OPERATIONS = {
    Provider.OURS: (
        Operation(ACTIVE, "create, adopts", (), ADOPTED, ALONE),
        Operation(
            ACTIVE, "create, generates", (), Wanted(generate=True), (A_NEW_ONE, NOTHING), mints=1, begins_empty=True
        ),
        Operation(
            ACTIVE,
            "update, renews in place",
            (ADOPTED,),
            Wanted(renew=True),
            (A_NEW_ONE, NOTHING),
            mints=1,
            goes=Slot.ACTIVE,
        ),
        Operation(
            ACTIVE,
            "refresh after a colleague's swap",
            (PREPARED, Action.ROTATE),
            PREPARED,
            UNTOUCHED,
            command="refresh",
        ),
        MINT,
        Operation(PASSIVE, "create, takes up", (RECORDED, Action.GENERATE_PASSIVE), PREPARED, UNTOUCHED),
        MINT_NEXT,
        DELETE,
        Operation(TRIGGER, "create, records", (ADOPTED,), RECORDED, ALONE),
        ROTATE,
        ROLL_BACK,
    ),
    Provider.NAIVE: (MINT, MINT_NEXT, DELETE, ROTATE, ROLL_BACK),
}


def _naive(wanted: Wanted) -> str:
    upcoming = f'naive.PassiveCertificate("next", generation="{wanted.prepared}")'
    rotation = f'naive.Rotation("rotation", generation="{wanted.signs}")'
    return program("import naive", *([upcoming] if wanted.prepared else []), rotation)
