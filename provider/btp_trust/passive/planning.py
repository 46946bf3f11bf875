"""Plan the inputs of PassiveTrustCertificate; the lifecycle prints and records the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from btp_trust.formatting import propose_free_name
from btp_trust.passive import messages
from btp_trust.passive.plan import (
    ADOPTED,
    Adopt,
    DeclaredPassive,
    PassiveStep,
    RecordedCertificates,
    decide,
    plan_without_outputs,
    removal_line,
)
from btp_trust.passive.schema import EMPTY, PassiveArgs, PassiveInputs, PassiveState
from btp_trust.property_bag import with_changes
from btp_trust.snapshot import Snapshot

_RETAINED: Final = "deletes nothing: retain_on_delete leaves both certificates in their slots"


class PlannedInputs(Struct, frozen=True):
    """The result of check."""

    inputs: PassiveInputs
    step: PassiveStep | None = None
    """The step that the other resources of the command have to know of."""
    is_complete: bool = False
    """True if the step can be printed now: diff decides that of an update."""


def request_of(args: PassiveArgs) -> DeclaredPassive:
    """Return the request that these arguments make."""
    return DeclaredPassive(args.generation, args.adopt, args.replace)


def recorded_certificates(state: PassiveState) -> RecordedCertificates:
    """Return the certificates that this state records."""
    return RecordedCertificates(state.fingerprint, state.generations)


def plan_inputs(
    args: PassiveArgs, old: PassiveInputs | None, snapshot: Snapshot, names: Sequence[str]
) -> PlannedInputs:
    """Plan: the step if the generation is new, and the certificate that the passive slot holds.

    Args:
        args: The arguments of the program.
        old: The inputs of the last deployment.
        snapshot: The slots.
        names: The names that a PassiveTrustCertificate of this subaccount had before this command.

    Raises:
        Refused: The generation cannot get a certificate in this way.
    """
    inputs = with_changes(
        PassiveInputs,
        args,
        subaccount_id=snapshot.subaccount_id,
        earlier_generations=earlier_generations(args, old),
        removal=_removal(args, None, snapshot),
    )
    if old is None or old.generation != args.generation:
        return _plan_step(inputs, old, snapshot, names)
    return PlannedInputs(with_changes(PassiveInputs, inputs, **last_step(old)))


def plan_by_state(args: PassiveArgs, old: PassiveInputs | None) -> PassiveInputs:
    """Plan by the last inputs alone."""
    earlier = earlier_generations(args, old)
    if old is None or old.generation != args.generation:
        step = f"get a certificate for {args.generation!r}; planned without looking at the slots"
        return with_changes(PassiveInputs, args, earlier_generations=earlier, step=step)
    return with_changes(
        PassiveInputs,
        args,
        subaccount_id=old.subaccount_id,
        earlier_generations=earlier,
        removal=_RETAINED if args.retain_on_delete else old.removal,
        **last_step(old),
    )


def last_step(old: PassiveInputs) -> dict[str, str | None]:
    """Return the step that is done: left out, it would show with minuses in the next preview."""
    return {"step": old.step, "replaces": old.replaces, "only_if_passive": old.only_if_passive}


def earlier_generations(args: PassiveArgs, old: PassiveInputs | None) -> list[str]:
    """Return the names that this resource bound before, except the declared one."""
    if old is None:
        return []
    used = [*old.earlier_generations, *([] if old.generation in old.earlier_generations else [old.generation])]
    return used if old.generation != args.generation else old.earlier_generations


def next_step(state: PassiveState, new: PassiveInputs, snapshot: Snapshot) -> PassiveStep | None:
    """Decide the step of an update with the recorded certificates; None while the generation stays.

    Raises:
        Refused: Only the recorded certificate shows that the request is wrong.
    """
    if new.generation != state.generation:
        return decide(request_of(new), recorded_certificates(state), snapshot)
    # An adopt= that was carried out may stay in the program.
    if new.adopt not in (None, state.adopt, state.fingerprint):
        free = propose_free_name(state.generation, state.generations)
        raise messages.name_has_certificate(state.generation, state.fingerprint, new.adopt, free)
    return None


def _plan_step(
    inputs: PassiveInputs, old: PassiveInputs | None, snapshot: Snapshot, names: Sequence[str]
) -> PlannedInputs:
    if inputs.generation in inputs.earlier_generations:
        # Its fingerprint is in the outputs: diff finds the certificate, or refuses.
        sentence = f"adopt the certificate of {inputs.generation!r} again; nothing is generated"
        return PlannedInputs(_with_step(inputs, sentence, ADOPTED, snapshot))
    if old is None:
        step = decide(request_of(inputs), RecordedCertificates(), snapshot)
        _refuse_replaced(inputs, step, names)
        sentence = step.sentence(inputs.generation)
    else:
        if inputs.adopt is not None and inputs.adopt == old.adopt:
            raise messages.reused_adopt(inputs.generation, old.generation, inputs.adopt)
        step, sentence = plan_without_outputs(request_of(inputs), snapshot)
    planned = _with_step(inputs, sentence, step.loss, snapshot)
    planned = with_changes(PassiveInputs, planned, removal=_removal(inputs, step, snapshot))
    return PlannedInputs(planned, step, is_complete=old is None)


def _with_step(inputs: PassiveInputs, sentence: str, loss: str, snapshot: Snapshot) -> PassiveInputs:
    precondition = snapshot.slots.passive or EMPTY
    return with_changes(PassiveInputs, inputs, step=sentence, replaces=loss, only_if_passive=precondition)


def _removal(args: PassiveArgs, step: PassiveStep | None, snapshot: Snapshot) -> str:
    return _RETAINED if args.retain_on_delete else removal_line(args.generation, step, snapshot)


def _refuse_replaced(inputs: PassiveInputs, step: PassiveStep, names: Sequence[str]) -> None:
    """Refuse an unasked adoption by a replacement: its check lacks the state, and the check with it came first."""
    if names and inputs.generation not in names and isinstance(step, Adopt) and inputs.adopt is None:
        raise messages.adoption_during_replacement(inputs.generation, step.certificate.fingerprint, names[-1])
