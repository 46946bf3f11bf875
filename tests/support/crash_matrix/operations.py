"""The operations of the matrix: the steps before, the interrupted change, its permitted effects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from btp_trust_emulator import Action, Slot
from support import fake_engine
from support.crash_matrix.surroundings import CONNECTION, SYSTEM, TENANT, Surroundings
from support.pulumi_project import adopting_program, program, rotation_program
from support.verification import ASSERTION, S4, verification_arguments

REGISTRATION = {"connection": CONNECTION, "origin_key": "shop"}
SYSTEM_ARGUMENTS = {"connection": TENANT, "system": SYSTEM}


class Trusted(Enum):
    """The certificates that another subaccount trusts."""

    ACTIVE = "the active certificate"
    BOTH = "both certificates"


class TimeLimits(Enum):
    """What a program says about the time of a rotation."""

    NONE = "nothing"
    OPEN = "limits that let it pass"
    WAITING = "a limit for which it waits"

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of the RotationTrigger, which mean the same however long a run takes."""
        arguments: dict[TimeLimits, dict[str, object]] = {
            TimeLimits.NONE: {},
            TimeLimits.OPEN: {
                "soak": "30m",
                # Closed in the last hour of a year.
                "window": {"cron": "0 0 1 1 *", "duration": "8759h"},
                "known_generations": {"2024-11": "0" * 64},
                "revoked": {"2024-11": "its key was in a log"},
                "break_glass": {"2030-11": "for the generation after this one"},
            },
            TimeLimits.WAITING: {"soak": 300, "when": "next_window"},
        }
        return arguments[self]


@dataclass(frozen=True)
class DeclaredProgram:
    """The declarations of a program: the prepared generation, the declared signer, and further arguments."""

    passive_generation: str | None = None
    active_generation: str | None = None
    generate: bool = False
    renew: bool = False
    destination: str = ""
    """The destination that verifies a rotation: that of the target, or one that returns the assertion."""
    trusted: Trusted | None = None
    """The certificates that the other subaccount is to trust."""
    switches: bool = False
    """True if a communication system changes over with the signer."""
    on_drift: str | None = None
    time: TimeLimits = TimeLimits.NONE

    def arguments(self, active: str | None) -> dict[str, str | bool]:
        """Return the arguments of ActiveTrustCertificate while this certificate is active."""
        arguments: dict[str, str | bool] = {"generate": True} if self.generate else {}
        return arguments | ({"renew_fingerprint": active or "", "accept_outage": True} if self.renew else {})

    def for_fake_engine(self, active: str | None) -> fake_engine.Program:
        """Return the program for the fake engine."""
        verification = {"verify_destinations": [self.destination], "list_affected": True} if self.destination else {}
        return fake_engine.program(
            self.passive_generation,
            self.active_generation,
            trigger={**verification, **self.time.arguments},
            active=self.arguments(active),
            trusted=self.registration,
            system=SYSTEM_ARGUMENTS if self.switches else None,
        )

    @property
    def registration(self) -> dict[str, str] | None:
        """The arguments of the TrustedIdentityProvider, if there is one; `passive` links it to the candidate."""
        if self.trusted is None:
            return None
        return {**REGISTRATION, "passive": "upcoming"} if self.trusted is Trusted.BOTH else REGISTRATION

    @property
    def trigger_arguments(self) -> str:
        """The further arguments of the RotationTrigger."""
        verification = verification_arguments(self.destination) if self.destination else ""
        switches = f", switches=[trust.CommunicationSystemTrust('erp', **{SYSTEM_ARGUMENTS})]" if self.switches else ""
        limits = "".join(f", {name}={value!r}" for name, value in self.time.arguments.items())
        return verification + switches + limits + (f", on_drift={self.on_drift!r}" if self.on_drift else "")

    @property
    def registration_line(self) -> str:
        """The line of the program that declares the TrustedIdentityProvider, if there is one."""
        if self.registration is None:
            return ""
        texts = {name: value if name == "passive" else repr(value) for name, value in self.registration.items()}
        arguments = ", ".join(f"{name}={text}" for name, text in texts.items())
        return f'billing = trust.TrustedIdentityProvider("billing", {arguments})\n'


class ProviderKind(Enum):
    """The provider of a program."""

    OURS = "btp-trust"
    NAIVE = "naive"

    def text(self, declared: DeclaredProgram, active: str | None) -> str:
        """Return the program for Pulumi."""
        if self is ProviderKind.NAIVE:
            return _naive(declared)
        if declared.active_generation is not None:
            return (
                rotation_program(
                    declared.passive_generation, declared.active_generation, trigger=declared.trigger_arguments
                )
                + declared.registration_line
            )
        return adopting_program("".join(f", {name}={value!r}" for name, value in declared.arguments(active).items()))


@dataclass(frozen=True)
class Operation:
    """One operation of one resource."""

    resource: str
    name: str
    before: tuple[DeclaredProgram | Action, ...]
    """The steps before it, an hour apart."""
    change: DeclaredProgram
    end: tuple[str, str]
    """Contents of the slots afterwards, in words of their contents before."""
    swaps: int = 0
    generated: int = 0
    removed_slot: Slot | None = None
    """The slot whose certificate the preview announces as deleted or replaced."""
    starts_empty: bool = False
    """True if the subaccount starts without a certificate."""
    command: str = "up"
    surroundings: Surroundings = Surroundings.NOBODY
    trusted: tuple[str, ...] = ()
    """Certificates that another subaccount or a communication system trusts afterwards, in the same words."""

    @property
    def is_rejected(self) -> bool:
        """True if the target or the system rejects it: it rolls back, and its state keeps the failure."""
        return self.surroundings in (Surroundings.MISREPORTING, Surroundings.REFUSING)

    @property
    def repeated_swap_count(self) -> int:
        """Number of swaps in a second attempt, after a rejection that was lost before it was recorded."""
        return self.swaps if self.is_rejected else 0

    def __str__(self) -> str:
        """Return resource and operation."""
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

ROTATE_IN_TIME = Operation(
    TRIGGER,
    "update, rotates within its window, soaked, with revoked and break_glass",
    (DeclaredProgram(NEW, OLD, time=TimeLimits.OPEN),),
    DeclaredProgram(NEW, NEW, time=TimeLimits.OPEN),
    SWAPPED,
    swaps=1,
)
WAIT_FOR_TIME = Operation(
    TRIGGER,
    "update, waits for its time",
    (PREPARED,),
    DeclaredProgram(NEW, NEW, time=TimeLimits.WAITING),
    UNTOUCHED,
)

VERIFICATION_PREPARED, VERIFICATION_ROTATED = (
    DeclaredProgram(NEW, OLD, destination=ASSERTION),
    DeclaredProgram(NEW, NEW, destination=ASSERTION),
)
TARGET_PREPARED, TARGET_ROTATED = (
    DeclaredProgram(NEW, OLD, destination=S4),
    DeclaredProgram(NEW, NEW, destination=S4),
)
ROTATE_AND_VERIFY = Operation(
    TRIGGER,
    "update, rotates and verifies",
    (VERIFICATION_PREPARED,),
    VERIFICATION_ROTATED,
    SWAPPED,
    swaps=1,
    surroundings=Surroundings.ACCEPTING,
)
ROTATE_AND_ROLL_BACK = Operation(
    TRIGGER,
    "update, rotates and is rejected",
    (TARGET_PREPARED,),
    TARGET_ROTATED,
    UNTOUCHED,
    swaps=2,
    surroundings=Surroundings.MISREPORTING,
)
SWITCHING_PREPARED, SWITCHING_ROTATED = (
    DeclaredProgram(NEW, OLD, switches=True),
    DeclaredProgram(NEW, NEW, switches=True),
)
ROTATE_AND_SWITCH = Operation(
    TRIGGER,
    "update, rotates and switches a system over",
    (SWITCHING_PREPARED,),
    SWITCHING_ROTATED,
    SWAPPED,
    swaps=1,
    surroundings=Surroundings.SWITCHING,
    trusted=(WAS_PASSIVE,),
)
SWITCH_BACK = Operation(
    TRIGGER,
    "update, rolls back and switches back",
    (SWITCHING_PREPARED, SWITCHING_ROTATED),
    SWITCHING_PREPARED,
    SWAPPED,
    swaps=1,
    surroundings=Surroundings.SWITCHING,
    trusted=(WAS_PASSIVE,),
)
SWITCH_REFUSED = Operation(
    TRIGGER,
    "update, a system refuses after the swap, and both are rolled back",
    (SWITCHING_PREPARED,),
    SWITCHING_ROTATED,
    UNTOUCHED,
    swaps=2,
    surroundings=Surroundings.REFUSING,
    trusted=(WAS_ACTIVE,),
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
    "update, trusts the active certificate alone, and the other one is deleted",
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
        Operation(PASSIVE, "create, adopts", (RECORDED, Action.GENERATE_PASSIVE), PREPARED, UNTOUCHED),
        GENERATE_NEXT,
        DELETE,
        Operation(TRIGGER, "create, records", (ADOPTED,), RECORDED, ACTIVE_ONLY),
        ROTATE,
        ROLL_BACK,
        ROTATE_IN_TIME,
        WAIT_FOR_TIME,
        ROTATE_AND_VERIFY,
        ROTATE_AND_ROLL_BACK,
        ROTATE_AND_SWITCH,
        SWITCH_BACK,
        SWITCH_REFUSED,
        REGISTER,
        TRUST_BOTH,
        RETIRE,
        UNREGISTER,
    ),
    ProviderKind.NAIVE: (GENERATE, GENERATE_NEXT, DELETE, ROTATE, ROLL_BACK),
}


def _naive(declared: DeclaredProgram) -> str:
    upcoming = f'naive_provider.PassiveCertificate("next", generation="{declared.passive_generation}")'
    rotation = f'naive_provider.Rotation("rotation", generation="{declared.active_generation}")'
    return program("import naive_provider", *([upcoming] if declared.passive_generation else []), rotation)
