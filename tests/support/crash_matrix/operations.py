"""The operations of the matrix: how a stack comes to the point, the change that is interrupted, what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from btp_trust_emulator import Action
from support import fake_engine
from support.crash_matrix.surroundings import CONNECTION, Scene
from support.pulumi_project import adopting, program, rotating
from support.verification import ASSERTION, S4, check

REGISTRATION = {"connection": CONNECTION, "origin_key": "shop"}


class Trusted(Enum):
    """What another subaccount trusts."""

    ACTIVE = "what signs"
    BOTH = "both certificates"


@dataclass(frozen=True)
class Wanted:
    """What a program declares: which generation is prepared, which one signs, and what else."""

    prepared: str | None = None
    signs: str | None = None
    generate: bool = False
    renew: bool = False
    proves: str = ""
    """The destination by which a rotation is proved: the target's, which may refuse, or what shows who signs."""
    trusted: Trusted | None = None
    """What the other subaccount is told to trust."""

    def arguments(self, active: str | None) -> dict[str, str | bool]:
        """Return what ActiveTrustCertificate is told, while this certificate signs."""
        arguments: dict[str, str | bool] = {"generate": True} if self.generate else {}
        return arguments | ({"renew_fingerprint": active or "", "accept_outage": True} if self.renew else {})

    def in_twin(self, active: str | None) -> fake_engine.Program:
        """Return the program for the twin of the engine."""
        return fake_engine.program(
            self.prepared,
            self.signs,
            trigger={"verify_destinations": [self.proves], "list_affected": True} if self.proves else None,
            active=self.arguments(active),
            trusted=self.registration,
        )

    @property
    def registration(self) -> dict[str, str] | None:
        """What the registration in the other subaccount is told, if there is one; `passive` is what is prepared."""
        if self.trusted is None:
            return None
        return {**REGISTRATION, "passive": "upcoming"} if self.trusted is Trusted.BOTH else REGISTRATION

    @property
    def billing(self) -> str:
        """The line that registers this subaccount in the other one, if the program does."""
        if self.registration is None:
            return ""
        told = (f"{name}={value if name == 'passive' else repr(value)}" for name, value in self.registration.items())
        return f'billing = trust.TrustedIdentityProvider("billing", {", ".join(told)})\n'


class Provider(Enum):
    """Whose program it is."""

    OURS = "btp-trust"
    NAIVE = "naive"

    def text(self, wanted: Wanted, active: str | None) -> str:
        """Write the program for Pulumi."""
        if self is Provider.NAIVE:
            return _naive(wanted)
        if wanted.signs is not None:
            return (
                rotating(wanted.prepared, wanted.signs, trigger=check(wanted.proves) if wanted.proves else "")
                + wanted.billing
            )
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
    scene: Scene = Scene.NOBODY
    trusted: tuple[str, ...] = ()
    """What another subaccount trusts afterwards, in the same words."""

    @property
    def is_refused(self) -> bool:
        """Whether it ends with an error that is kept: the target refuses, and all was undone."""
        return self.scene is Scene.LYING

    @property
    def repeated_swaps(self) -> int:
        """Swaps that are done once more if nobody noted down what came of them: there and back."""
        return self.swaps if self.is_refused else 0

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

PROVEN, PROVING = Wanted(NEW, OLD, proves=ASSERTION), Wanted(NEW, NEW, proves=ASSERTION)
ASKED, ASKING = Wanted(NEW, OLD, proves=S4), Wanted(NEW, NEW, proves=S4)
PROVE = Operation(TRIGGER, "update, rotates and proves", (PROVEN,), PROVING, SWAPPED, swaps=1, scene=Scene.ACCEPTING)
COME_BACK = Operation(
    TRIGGER, "update, rotates and is refused", (ASKED,), ASKING, UNTOUCHED, swaps=2, scene=Scene.LYING
)
TRUSTED = "TrustedIdentityProvider"
REGISTERED, PREPARED_ONLY = Wanted(signs=OLD, trusted=Trusted.ACTIVE), Wanted(NEW, OLD, trusted=Trusted.ACTIVE)
TRUSTED_BOTH, LEFT_BOTH = Wanted(NEW, OLD, trusted=Trusted.BOTH), Wanted(NEW, NEW, trusted=Trusted.BOTH)
RETIRED = Wanted(signs=NEW, trusted=Trusted.ACTIVE)
REGISTER = Operation(TRUSTED, "create", (RECORDED,), REGISTERED, ALONE, scene=Scene.TRUSTING, trusted=(WHAT_SIGNED,))
TRUST_BOTH = Operation(
    TRUSTED,
    "update, trusts both certificates",
    (PREPARED_ONLY,),
    TRUSTED_BOTH,
    UNTOUCHED,
    scene=Scene.TRUSTING,
    trusted=(WHAT_SIGNED, WHAT_WAITED),
)
RETIRE = Operation(
    TRUSTED,
    "update, trusts what signs alone, and the other one is deleted",
    (TRUSTED_BOTH, LEFT_BOTH),
    RETIRED,
    ALONE,
    goes=Slot.PASSIVE,
    scene=Scene.TRUSTING,
    trusted=(WHAT_SIGNED,),
)
UNREGISTER = Operation(TRUSTED, "delete", (REGISTERED,), RECORDED, ALONE, scene=Scene.TRUSTING)

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
        PROVE,
        COME_BACK,
        REGISTER,
        TRUST_BOTH,
        RETIRE,
        UNREGISTER,
    ),
    Provider.NAIVE: (MINT, MINT_NEXT, DELETE, ROTATE, ROLL_BACK),
}


def _naive(wanted: Wanted) -> str:
    upcoming = f'naive_provider.PassiveCertificate("next", generation="{wanted.prepared}")'
    rotation = f'naive_provider.Rotation("rotation", generation="{wanted.signs}")'
    return program("import naive_provider", *([upcoming] if wanted.prepared else []), rotation)
