"""Plan the switchover of the systems. Pure.

| the system trusts | a swap is planned | the declared certificate signs |
|---|---|---|
| the next signer | it stays | it stays |
| the other certificate in the slots | it switches over right after the swap | it switches over: a run was interrupted |
| another certificate, or an empty field | the swap is refused | a warning |
| (its reading failed) | the swap is refused; `continue` makes that a warning | a warning |
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, TrustError
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.messages import label
from btp_trust.rotation.revocation import revocation
from btp_trust.rotation.schema import RotationInputs
from btp_trust.rotation.switchover import messages
from btp_trust.rotation.switchover.messages import Problem
from btp_trust.rotation.switchover.reading import Systems
from btp_trust.rotation.switchover.schema import OnSwitchFailure, PlannedSwitch, PlannedSwitchover
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.snapshot import Snapshot


class SwitchoverPlan(Struct, frozen=True):
    """What a command does about the systems."""

    planned: PlannedSwitchover | None = None
    """For the inputs: the switchover of this command, else the last one."""
    to: Certificate | None = None
    """What the systems are to trust, if a switchover is due."""
    has_swap: bool = False
    """Whether the signer changes with them."""
    lacking: Sequence[str] = ()
    """The systems that are to change."""
    trusting: Sequence[str] = ()
    """The systems that trust it already."""
    warnings: Sequence[Problem] = ()
    """What a person has to resolve, in three parts each."""
    left: str | None = None
    """The line about systems that a creation leaves behind. It stays a warning in strict mode: an error would block the
    creation, and with it the deployment that switches them over."""

    @property
    def is_due(self) -> bool:
        """Return True if this command has planned the switchover of the inputs."""
        return self.to is not None

    @property
    def lines(self) -> list[str]:
        """The systems that are to change, for a preview without `--diff`."""
        planned = {} if self.planned is None else self.planned.systems
        return [
            messages.switches(name, planned[name].trusts, planned[name].will_trust, has_swap=self.has_swap)
            for name in self.lacking
        ]


def switch_certificates(decision: Decision, snapshot: Snapshot) -> tuple[Certificate, Certificate | None] | None:
    """Return the certificate that the systems are to trust and the one that they may trust before.

    While another certificate signs than declared, there is none to switch to: the systems stay with the signer.
    """
    if decision.action is Action.SWAP and snapshot.passive is not None:
        return snapshot.passive, snapshot.active
    if decision.action is Action.RECORD and snapshot.active is not None:
        return snapshot.active, snapshot.passive
    return None


def plan_switchover(
    declaration: Declaration,
    decision: Decision,
    snapshot: Snapshot,
    systems: Systems,
    last: PlannedSwitchover | None,
) -> SwitchoverPlan:
    """Plan which systems change over, or refuse the swap that would leave one behind.

    Args:
        declaration: What the program declares.
        decision: What is to be done about the slots.
        snapshot: The slots.
        systems: What the systems trust.
        last: The last switchover that was planned.

    Raises:
        TrustError: The reading of a system failed, or it trusts a third certificate, and a swap is planned.
    """
    certificates = switch_certificates(decision, snapshot)
    if certificates is None or not systems.readings:
        return SwitchoverPlan(last)
    to, before = certificates
    has_swap = decision.action is Action.SWAP
    warnings = _problems(declaration, systems, to, before, has_swap=has_swap)
    is_created = declaration.deployed_generation is None
    lacking = systems.trusting(before)
    if is_created or not (has_swap or lacking):
        left = messages.left_by_creation(lacking, to) if lacking else None
        return SwitchoverPlan(last, trusting=systems.trusting(to), warnings=warnings, left=left)
    planned = PlannedSwitchover(
        number=1 + (0 if last is None else last.number),
        step=messages.step(has_swap=has_swap),
        gap=messages.gap(has_swap=has_swap),
        failure=messages.consequence(_failure_policy(declaration, before), has_swap=has_swap),
        systems=_lines(declaration, systems, to, before, lacking),
    )
    return SwitchoverPlan(planned, to, has_swap, lacking, systems.trusting(to), warnings)


def _problems(
    declaration: Declaration, systems: Systems, to: Certificate, before: Certificate | None, *, has_swap: bool
) -> list[Problem]:
    """Return the warnings about systems whose reading failed, or that trust a third certificate.

    Raises:
        TrustError: One of them stops the swap.
    """
    foreign = [
        messages.trusts_other(name, found, to, has_swap=has_swap) for name, found in systems.foreign(to, before).items()
    ]
    if has_swap and foreign:
        raise Refused(*foreign[0], prop="switches")
    may_go_on = not has_swap or declaration.on_switch_failure is OnSwitchFailure.CONTINUE
    unread = [messages.unread(name, error, has_swap=has_swap) for name, error in systems.unread.items()]
    if unread and not may_go_on:
        name, error = next(iter(systems.unread.items()))
        raise _refused_unread(name, error)
    return [*foreign, *unread]


def _failure_policy(declaration: Declaration, before: Certificate | None) -> OnSwitchFailure:
    """Return what a system causes that refuses the certificate: a revoked signer is never returned to."""
    is_revoked = before is not None and revocation(declaration, before.fingerprint) is not None
    return OnSwitchFailure.CONTINUE if is_revoked else declaration.on_switch_failure


def _refused_unread(name: str, error: TrustError) -> TrustError:
    """Return the error with its own class, by which users know what to do."""
    return error.prefixed(f"The swap waits until {name} can be read: ")


def _lines(
    declaration: Declaration,
    systems: Systems,
    to: Certificate,
    before: Certificate | None,
    lacking: Sequence[str],
) -> dict[str, PlannedSwitch]:
    new = label(to, declaration.generation_of(to))
    old = "" if before is None else label(before, declaration.generation_of(before))
    unread = systems.unread
    return {
        name: PlannedSwitch(
            trusts="unknown: its reading failed" if name in unread else old if name in lacking else new,
            will_trust=messages.left_to_people(new) if name in unread else new,
        )
        for name in systems.readings
    }


def due_switchover(new: RotationInputs, command_plan: CommandPlan) -> PlannedSwitchover | None:
    """Return the switchover of the inputs, if a check of this command has planned it, see `due_swap`."""
    planned = new.switchover
    return planned if planned is not None and planned.number == command_plan.planned_switchover else None
