"""The output `history` of RotationTrigger: what this deployment adds to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from btp_trust.formatting import format_rfc3339
from btp_trust.property_bag import PropertyBag, to_bag
from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.revocation import revocation
from btp_trust.rotation.schema import RotationState
from btp_trust.rotation.verification.step import RotationStep
from btp_trust.snapshot import has_fingerprint

MAX_CHANGES: Final = 20
"""Changes of the signer that the state keeps: with one rotation a year, a working life."""
MAX_VERIFICATIONS: Final = 10
"""Counted apart: a pipeline that verifies each night would drive the changes out."""


def event_outputs(step: RotationStep, outputs: RotationState) -> PropertyBag:
    """Return the history with what this deployment did.

    Args:
        step: The step, with the slots right after its swap.
        outputs: All other outputs of the deployment.
    """
    events = bounded([*step.state.history, *_events(step, outputs)])
    return {"history": [to_bag(event) for event in events]} if events else {}


def bounded(events: Sequence[Event]) -> list[Event]:
    """Keep the latest events of both sorts, in their order."""
    verifications = [event for event in events if event.step is EventKind.VERIFY]
    changes = [event for event in events if event.step is not EventKind.VERIFY]
    kept = {id(event) for event in (*changes[-MAX_CHANGES:], *verifications[-MAX_VERIFICATIONS:])}
    return [event for event in events if id(event) in kept]


def _events(step: RotationStep, outputs: RotationState) -> Iterator[Event]:
    yield from _change(step)
    if found := _new_evidence(step.state, outputs):
        yield _verification(found)
    # Each deployment writes that output anew: in an update it is never an earlier rollback's.
    if outputs.rolled_back_at is not None and step.slots.active is not None:
        yield Event(
            at=outputs.rolled_back_at,
            step=EventKind.ROLL_BACK,
            signer=outputs.fingerprint,
            previous=step.slots.active.fingerprint,
            why=(outputs.rollback_outcome_unknown or outputs.failure).partition("\n")[0] or None,
        )


def _change(step: RotationStep) -> Iterator[Event]:
    """Return the swap of this deployment, or somebody else's that it has found."""
    at, plan, signer = format_rfc3339(step.slots.now), step.new.swap, step.slots.active
    if step.swapped and plan is not None:
        previous = plan.only_if_active
        why = plan.break_glass or revocation(step.new, previous)
        declared = step.new.declared_fingerprint
        yield Event(at=at, step=EventKind(plan.verb), signer=declared, previous=previous, why=why)
    elif signer is not None and not has_fingerprint(signer, step.state.deployed_signer):
        yield Event(at=at, step=EventKind.FOUND, signer=signer.fingerprint, previous=step.state.deployed_signer)


def _new_evidence(state: RotationState, outputs: RotationState) -> dict[str, Evidence]:
    return {name: found for name, found in outputs.verified.items() if found != state.verified.get(name)}


def _verification(found: Mapping[str, Evidence]) -> Event:
    last = max(found.values(), key=lambda evidence: evidence.at)
    results = ", ".join(f"{name}: {evidence.verdict.value}" for name, evidence in found.items())
    return Event(at=last.at, step=EventKind.VERIFY, signer=last.fingerprint, why=results)
