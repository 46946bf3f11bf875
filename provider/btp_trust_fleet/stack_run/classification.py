"""What a preview would do to the signer, and which verb allows that. Pure.

A swap is read from the input `swap` of RotationTrigger, which changes exactly if a swap is planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from btp_trust.rotation.events import EventKind
from btp_trust_fleet.stack_run.preview_document import PreviewDocument, Step, TriggerInputs, trigger_inputs
from btp_trust_fleet.stack_run.task import Change, Verb

ALLOWED: Final[Mapping[Verb, frozenset[Change]]] = {
    Verb.PLAN: frozenset(),
    Verb.PREPARE: frozenset({Change.PREPARE}),
    # What only records or prepares leaves the signer as it is.
    Verb.ROTATE: frozenset({Change.PREPARE, Change.ROTATE}),
    Verb.ROLL_BACK: frozenset({Change.PREPARE, Change.ROLL_BACK}),
}
"""{verb: the changes that it allows}"""
_SWAPS: Final = {EventKind.ROTATE.value: Change.ROTATE, EventKind.ROLL_BACK.value: Change.ROLL_BACK}
"""{verb of a planned swap: the change}; every other one is a restoration."""
_RECORDING: Final = frozenset({"PassiveTrustCertificate", "RotationTrigger", "ActiveTrustCertificate"})
_PLANNED: Final = ("step", "swap", "switchover")
"""Inputs by which these plan a write."""
_HARMLESS_OPERATIONS: Final = frozenset({"create", "update", "read", "refresh", "same"})


def changing_steps(preview: PreviewDocument) -> list[Step]:
    """Return the steps that change a resource."""
    return [step for step in preview.steps if step.op != "same"]


def classify(preview: PreviewDocument) -> Change:
    """Return what the preview would do. Changes of two kinds of signers in one stack are OTHER: no verb fits both."""
    steps = changing_steps(preview)
    if next(other_changes(preview), None) is not None:
        return Change.OTHER
    signers = set(_signer_changes(steps)) or set(_system_changes(preview))
    if len(signers) > 1:
        return Change.OTHER
    return next(iter(signers)) if signers else Change.PREPARE if steps else Change.NONE


def other_changes(preview: PreviewDocument) -> Iterator[str]:
    """Describe each change that no verb allows."""
    for step in changing_steps(preview):
        if step.op not in _HARMLESS_OPERATIONS:
            yield f"{step.label} has the step {step.op!r}."
        elif _is_foreign(step):
            yield f"{step.label} belongs to another provider."
        # A renewal in place of the signer; a swap that is planned without a reading of the slots.
        elif step.kind in {"ActiveTrustCertificate", "RotationTrigger"} and step.plans("step") is not None:
            yield f"{step.label}: {step.plans('step')}."
        # The same renewal, planned again after one that came to nothing: its sentence is among the inputs already.
        elif step.kind == "ActiveTrustCertificate" and step.op == "update" and step.new_inputs.get("signer") is None:
            yield f"{step.label} leaves open which certificate signs."


def only_records(preview: PreviewDocument) -> bool:
    """Return True if the update records what is in the slots already: it generates, swaps and registers nothing.

    That is what an approved update leaves to the next run if it was killed after its swap.
    """
    return all(step.kind in _RECORDING and not any(map(step.plans, _PLANNED)) for step in changing_steps(preview))


def _is_foreign(step: Step) -> bool:
    state = step.new_state or step.old_state
    is_custom = state is not None and state.custom
    return is_custom and step.kind is None and not step.type.startswith("pulumi:")


def _signer_changes(steps: Iterable[Step]) -> Iterator[Change]:
    for step in steps:
        if step.kind == "RotationTrigger":
            change = _signer_change(trigger_inputs(step.old_inputs), trigger_inputs(step.new_inputs))
            if change is not None:
                yield change


def _signer_change(old: TriggerInputs, new: TriggerInputs) -> Change | None:
    """Return the change of the signer, or of the systems that follow it; None if both stay."""
    if new.swap is not None and new.swap != old.swap:
        return _SWAPS.get(new.swap.verb, Change.RESTORE)
    # The slots are swapped already, by a run that was killed or by a colleague: this one records, verifies, rolls back.
    if old.fingerprint is not None and new.fingerprint != old.fingerprint:
        return Change.ROLL_BACK if new.fingerprint == old.rollback_to else Change.ROTATE
    if new.switchover is not None and new.switchover != old.switchover:
        return _last_change(new)
    return None


def _system_changes(preview: PreviewDocument) -> Iterator[Change]:
    """Return the change to which a write of a communication system belongs: a system follows the last swap."""
    if any(step.plans("write") is not None for step in preview.of_kind("CommunicationSystemTrust")):
        changes = [_last_change(trigger_inputs(step.new_inputs)) for step in preview.of_kind("RotationTrigger")]
        yield from changes or [Change.ROTATE]


def _last_change(inputs: TriggerInputs) -> Change:
    return Change.ROTATE if inputs.swap is None else _SWAPS.get(inputs.swap.verb, Change.RESTORE)
