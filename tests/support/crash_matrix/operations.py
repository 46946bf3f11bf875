"""The operations of the matrix: how a stack comes to the point, the change that is interrupted, what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from btp_trust_emulator import Action
from support import fake_engine
from support.crash_matrix.surroundings import CONNECTION, Surroundings
from support.pulumi_project import adopting_program, program, rotation_program
from support.verification import ASSERTION, S4, verification_arguments

REGISTRATION = {"connection": CONNECTION, "origin_key": "shop"}


class Trusted(Enum):
    """What another subaccount trusts."""

    ACTIVE = "what signs"
    BOTH = "both certificates"


@dataclass(frozen=True)
class DeclaredProgram:
    """What a program declares: which generation is prepared, which one signs, and what else."""

    passive_generation: str | None = None
    active_generation: str | None = None
    generate: bool = False
    renew: bool = False
    verifies: str = ""
    """The destination by which a rotation is proved: the target's, which may refuse, or what shows who signs."""
    trusted: Trusted | None = None
    """What the other subaccount is told to trust."""

    def arguments(self, active: str | None) -> dict[str, str | bool]:
        """Return what ActiveTrustCertificate is told, while this certificate signs."""
        arguments: dict[str, str | bool] = {"generate": True} if self.generate else {}
        return arguments | ({"renew_fingerprint": active or "", "accept_outage": True} if self.renew else {})

    def for_fake_engine(self, active: str | None) -> fake_engine.Program:
        """Return the program for the twin of the engine."""
        return fake_engine.program(
            self.passive_generation,
            self.active_generation,
            trigger={"verify_destinations": [self.verifies], "list_affected": True} if self.verifies else None,
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
    def registration_line(self) -> str:
        """The line that registers this subaccount in the other one, if the program does."""
        if self.registration is None:
            return ""
        told = (f"{name}={value if name == 'passive' else repr(value)}" for name, value in self.registration.items())
        return f'billing = trust.TrustedIdentityProvider("billing", {", ".join(told)})\n'


class ProviderKind(Enum):
    """Whose program it is."""

    OURS = "btp-trust"
    NAIVE = "naive"

    def text(self, wanted: DeclaredProgram, active: str | None) -> str:
        """Write the program for Pulumi."""
        if self is ProviderKind.NAIVE:
            return _naive(wanted)
        if wanted.active_generation is not None:
            return (
                rotation_program(
                    wanted.passive_generation,
                    wanted.active_generation,
                    trigger=verification_arguments(wanted.verifies) if wanted.verifies else "",
                )
                + wanted.registration_line
            )
        return adopting_program("".join(f", {name}={value!r}" for name, value in wanted.arguments(active).items()))


class Slot(Enum):
    """A slot whose certificate is meant to go."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True)
class Operation:
    """One operation of one resource, as it meets the service."""

    resource: str
    name: str
    before: tuple[DeclaredProgram | Action, ...]
    """What happens first, an hour apart."""
    change: DeclaredProgram
    end: tuple[str, str]
    """What the slots hold afterwards, in words of what they held before."""
    swaps: int = 0
    generated: int = 0
    removed_slot: Slot | None = None
    """Whose certificate is gone afterwards, as the preview says."""
    starts_empty: bool = False
    """The subaccount has no certificate at all."""
    command: str = "up"
    surroundings: Surroundings = Surroundings.NOBODY
    trusted: tuple[str, ...] = ()
    """What another subaccount trusts afterwards, in the same words."""

    @property
    def is_refused(self) -> bool:
        """Whether it ends with an error that is kept: the target refuses, and all was undone."""
        return self.surroundings is Surroundings.MISREPORTING

    @property
    def repeated_swap_count(self) -> int:
        """Swaps that are done once more if nobody noted down what came of them: there and back."""
        return self.swaps if self.is_refused else 0

    def __str__(self) -> str:
        """Resource and operation."""
        return f"{self.resource}: {self.name}"


OLD, NEW, NEXT = "2026-11", "2028-11", "2030-11"
ADOPTED, RECORDED, PREPARED = DeclaredProgram(), DeclaredProgram(active_generation=OLD), DeclaredProgram(NEW, OLD)
ROTATED, LATER = DeclaredProgram(NEW, NEW), DeclaredProgram(NEXT, NEW)
ACTIVE, PASSIVE, TRIGGER = "ActiveTrustCertificate", "PassiveTrustCertificate", "RotationTrigger"

NOTHING, NEW_CERTIFICATE, WAS_ACTIVE, WAS_PASSIVE = "nothing", "a new one", "what was active", "what was passive"
UNTOUCHED, SWAPPED = (WAS_ACTIVE, WAS_PASSIVE), (WAS_PASSIVE, WAS_ACTIVE)
ACTIVE_ONLY, ACTIVE_AND_NEW = (WAS_ACTIVE, NOTHING), (WAS_ACTIVE, NEW_CERTIFICATE)

GENERATE = Operation(PASSIVE, "create, generates", (RECORDED,), PREPARED, ACTIVE_AND_NEW, generated=1)
GENERATE_NEXT = Operation(
    PASSIVE,
    "update, generates over the displaced one",
    (PREPARED, ROTATED),
    LATER,
    ACTIVE_AND_NEW,
    generated=1,
    removed_slot=Slot.PASSIVE,
)
DELETE = Operation(PASSIVE, "delete", (PREPARED,), RECORDED, ACTIVE_ONLY, removed_slot=Slot.PASSIVE)
ROTATE = Operation(TRIGGER, "update, rotates", (PREPARED,), ROTATED, SWAPPED, swaps=1)
ROLL_BACK = Operation(TRIGGER, "update, rolls back", (PREPARED, ROTATED), PREPARED, SWAPPED, swaps=1)

VERIFICATION_PREPARED, VERIFICATION_ROTATED = (
    DeclaredProgram(NEW, OLD, verifies=ASSERTION),
    DeclaredProgram(NEW, NEW, verifies=ASSERTION),
)
TARGET_PREPARED, TARGET_ROTATED = DeclaredProgram(NEW, OLD, verifies=S4), DeclaredProgram(NEW, NEW, verifies=S4)
ROTATE_AND_VERIFY = Operation(
    TRIGGER,
    "update, rotates and proves",
    (VERIFICATION_PREPARED,),
    VERIFICATION_ROTATED,
    SWAPPED,
    swaps=1,
    surroundings=Surroundings.ACCEPTING,
)
ROTATE_AND_ROLL_BACK = Operation(
    TRIGGER,
    "update, rotates and is refused",
    (TARGET_PREPARED,),
    TARGET_ROTATED,
    UNTOUCHED,
    swaps=2,
    surroundings=Surroundings.MISREPORTING,
)
TRUSTED = "TrustedIdentityProvider"
REGISTERED, PREPARED_ONLY = (
    DeclaredProgram(active_generation=OLD, trusted=Trusted.ACTIVE),
    DeclaredProgram(NEW, OLD, trusted=Trusted.ACTIVE),
)
TRUSTED_BOTH, LEFT_BOTH = (
    DeclaredProgram(NEW, OLD, trusted=Trusted.BOTH),
    DeclaredProgram(NEW, NEW, trusted=Trusted.BOTH),
)
RETIRED = DeclaredProgram(active_generation=NEW, trusted=Trusted.ACTIVE)
REGISTER = Operation(
    TRUSTED, "create", (RECORDED,), REGISTERED, ACTIVE_ONLY, surroundings=Surroundings.TRUSTING, trusted=(WAS_ACTIVE,)
)
TRUST_BOTH = Operation(
    TRUSTED,
    "update, trusts both certificates",
    (PREPARED_ONLY,),
    TRUSTED_BOTH,
    UNTOUCHED,
    surroundings=Surroundings.TRUSTING,
    trusted=(WAS_ACTIVE, WAS_PASSIVE),
)
RETIRE = Operation(
    TRUSTED,
    "update, trusts what signs alone, and the other one is deleted",
    (TRUSTED_BOTH, LEFT_BOTH),
    RETIRED,
    ACTIVE_ONLY,
    removed_slot=Slot.PASSIVE,
    surroundings=Surroundings.TRUSTING,
    trusted=(WAS_ACTIVE,),
)
UNREGISTER = Operation(TRUSTED, "delete", (REGISTERED,), RECORDED, ACTIVE_ONLY, surroundings=Surroundings.TRUSTING)

OPERATIONS = {
    ProviderKind.OURS: (
        Operation(ACTIVE, "create, adopts", (), ADOPTED, ACTIVE_ONLY),
        Operation(
            ACTIVE,
            "create, generates",
            (),
            DeclaredProgram(generate=True),
            (NEW_CERTIFICATE, NOTHING),
            generated=1,
            starts_empty=True,
        ),
        Operation(
            ACTIVE,
            "update, renews in place",
            (ADOPTED,),
            DeclaredProgram(renew=True),
            (NEW_CERTIFICATE, NOTHING),
            generated=1,
            removed_slot=Slot.ACTIVE,
        ),
        Operation(
            ACTIVE,
            "refresh after a colleague's swap",
            (PREPARED, Action.ROTATE),
            PREPARED,
            UNTOUCHED,
            command="refresh",
        ),
        GENERATE,
        Operation(PASSIVE, "create, takes up", (RECORDED, Action.GENERATE_PASSIVE), PREPARED, UNTOUCHED),
        GENERATE_NEXT,
        DELETE,
        Operation(TRIGGER, "create, records", (ADOPTED,), RECORDED, ACTIVE_ONLY),
        ROTATE,
        ROLL_BACK,
        ROTATE_AND_VERIFY,
        ROTATE_AND_ROLL_BACK,
        REGISTER,
        TRUST_BOTH,
        RETIRE,
        UNREGISTER,
    ),
    ProviderKind.NAIVE: (GENERATE, GENERATE_NEXT, DELETE, ROTATE, ROLL_BACK),
}


def _naive(wanted: DeclaredProgram) -> str:
    upcoming = f'naive_provider.PassiveCertificate("next", generation="{wanted.passive_generation}")'
    rotation = f'naive_provider.Rotation("rotation", generation="{wanted.active_generation}")'
    return program("import naive_provider", *([upcoming] if wanted.passive_generation else []), rotation)
