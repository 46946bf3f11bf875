"""Differences between the state of a RotationTrigger, its inputs and the slots. Pure."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from btp_trust.errors import SlotsChanged, StaleRead
from btp_trust.property_bag import same_arguments
from btp_trust.rotation.messages import READ_NEW_PLAN
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.rollback import stale_read_after_swap
from btp_trust.rotation.schema import RotationArgs, RotationInputs, RotationState
from btp_trust.rotation.verification.step import request_may_be_withdrawn
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.snapshot import Snapshot, has_fingerprint


class RotationDifference(Struct, frozen=True):
    """What diff found in one reading of the slots."""

    is_swap_due: bool
    is_switchover_due: bool
    arguments_changed: bool
    outputs_are_behind: bool
    """Another certificate is active than the recorded one, or a generation that had failed is active."""
    caught_up: list[str]
    """Systems that an earlier step has left behind, and that trust the signer since."""
    stale_read: StaleRead | None
    """The slots look as before the last swap, and the last swap is too recent to accept that."""

    @property
    def is_due(self) -> bool:
        """Return True if an update has something to do that the program asks for."""
        return self.is_swap_due or self.is_switchover_due or self.arguments_changed

    @property
    def is_update_due(self) -> bool:
        """Return True if an update has something to do, apart from verifications."""
        return self.is_due or self.outputs_are_behind or bool(self.caught_up)


def due_swap(new: RotationInputs, command_plan: CommandPlan) -> PlannedSwap | None:
    """Return the swap of the inputs, if a check of this command has planned it: the inputs keep one that is done.

    The inputs of a refresh, and those that an interrupted command left, are of another command: there no swap is due.
    """
    return new.swap if new.swap is not None and new.swap.number == command_plan.planned_swap else None


def find_difference(
    state: RotationState,
    new: RotationInputs,
    snapshot: Snapshot,
    *,
    is_swap_planned: bool,
    is_switchover_planned: bool = False,
    trusting_systems: Collection[str] = (),
) -> RotationDifference:
    """Compare the state, the inputs and the slots.

    Args:
        state: What the last deployment recorded.
        new: The inputs.
        snapshot: The slots.
        is_swap_planned: This command has planned the swap of the inputs, see `due_swap`.
        is_switchover_planned: This command has planned the switchover of the inputs, see `due_switchover`.
        trusting_systems: The systems that were seen to trust the declared certificate.
    """
    # Somebody may have swapped since check: then the update has only to record it.
    signs = has_fingerprint(snapshot.active, new.declared_fingerprint)
    return RotationDifference(
        is_swap_due=is_swap_planned and not signs,
        is_switchover_due=is_switchover_planned,
        arguments_changed=arguments_changed(state, new),
        outputs_are_behind=not has_fingerprint(snapshot.active, state.fingerprint)
        or state.recorded_signer is not None  # what a refresh has found stays to be approved
        or (state.failed_generation is not None and signs),  # somebody made it sign: its failure is over
        caught_up=[name for name in state.unswitched if name in trusting_systems],
        stale_read=stale_read_after_swap(snapshot, state),
    )


def arguments_changed(state: RotationState, new: RotationInputs) -> bool:
    """Return True if the program declares something else than the state; a new `verify_now` is a verification."""
    return not same_arguments(new, state, RotationArgs, "verify_now") or request_may_be_withdrawn(state, new)


def systems_still_behind(state: RotationState, new: RotationInputs, trusting: Collection[str]) -> list[str]:
    """Name the systems that an earlier step has left behind, and that nobody has seen to trust the signer since."""
    declared = {switch.name for switch in new.switches}
    return [name for name in state.unswitched if name in declared and name not in trusting]


def refuse_unrecorded_signer(swap: PlannedSwap, state: RotationState) -> None:
    """Refuse a new declaration while another certificate is active than the one it was approved against.

    This holds between the preview and the changes of one `pulumi up` too, which are planned separately.

    Raises:
        SlotsChanged: The active certificate is not the recorded one.
    """
    if swap.only_if_active not in _known_signers(state):
        raise SlotsChanged(
            f"{swap.only_if_active} signs, not {state.fingerprint}, which signed at the last deployment.",
            "Somebody else changed the signer since, so the swap would be another one than this change was reviewed "
            "as.",
            f'Record the active certificate first: `pulumi refresh`, or deploy with generation="{state.generation}"; '
            "then run `pulumi preview` and read the new plan.",
        )


def _known_signers(state: RotationState) -> tuple[str, ...]:
    """Return the possible signers by the state: both ends of a rollback with an unknown outcome."""
    if state.rollback_outcome_unknown is None:
        return (state.fingerprint,)
    return (state.fingerprint, state.declared_fingerprint)


def refuse_unless_signing(new: RotationInputs, snapshot: Snapshot) -> None:
    """Refuse to record another certificate than the declared one.

    Raises:
        SlotsChanged: The active certificate has changed since the plan.
    """
    if not has_fingerprint(snapshot.active, new.declared_fingerprint):
        raise SlotsChanged(
            f"Generation {new.generation!r} signed when this command was planned; now another certificate does.",
            f"Planned for: {new.declared_fingerprint}. Found: {snapshot.slots}.",
            READ_NEW_PLAN,
        )
