"""Outputs of RotationTrigger: the signer, and the history of its changes. Pure."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.errors import SlotsChanged
from btp_trust.formatting import format_rfc3339
from btp_trust.property_bag import PropertyBag, certificate_outputs, to_bag
from btp_trust.rotation.messages import READ_NEW_PLAN
from btp_trust.rotation.schema import PREVIEW_ONLY, RotationInputs, RotationState
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.snapshot import Snapshot, has_fingerprint


def signer_outputs(new: RotationInputs, snapshot: Snapshot, limits: ExpiryLimits) -> PropertyBag:
    """Return the arguments, and the outputs about the active certificate.

    Raises:
        SlotsChanged: The active slot is empty.
    """
    if snapshot.active is None:
        raise SlotsChanged(
            "The subaccount has no active certificate any more.",
            "It had one when this command was planned.",
            READ_NEW_PLAN,
        )
    return {
        **to_bag(new, *PREVIEW_ONLY),
        **active_outputs(snapshot.active, limits),
        "subaccount_id": snapshot.subaccount_id,
        "observed_at": format_rfc3339(snapshot.now),
        "swap_number": 0 if new.swap is None else new.swap.number,
    }


def active_outputs(active: Certificate, limits: ExpiryLimits) -> PropertyBag:
    """Return the outputs about the active certificate alone."""
    return {
        **certificate_outputs(active),
        "role": "active",
        "renew_after": limits.renew_after(active.not_after),
    }


def refreshed_outputs(
    bag: PropertyBag, state: RotationState, active: Certificate, snapshot: Snapshot, limits: ExpiryLimits
) -> PropertyBag:
    """Follow the slot, and keep the signer of the last deployment in mind: a deployment has to record the change."""
    outputs = {name: value for name, value in bag.items() if name != "recorded_signer"}
    if not has_fingerprint(active, state.deployed_signer):
        outputs["recorded_signer"] = state.deployed_signer
    if has_fingerprint(active, state.fingerprint):
        return {**outputs, "role": "active"}  # the rest as recorded, also after a change of the settings
    return {**outputs, **active_outputs(active, limits), **history_outputs(snapshot, state)}


def history_outputs(snapshot: Snapshot, state: RotationState) -> PropertyBag:
    """Return the previous signer, when it was replaced, and when the present one was restored."""
    if not has_fingerprint(snapshot.active, state.fingerprint):
        # `restored_at` is about the recorded signer, and ends with it.
        return {"previous_fingerprint": state.fingerprint, "rotated_at": format_rfc3339(snapshot.now)}
    return without_none(
        {
            "previous_fingerprint": state.previous_fingerprint,
            "rotated_at": state.rotated_at,
            # `rolled_back_at` goes with its failure; readings are doubted for the whole minute.
            "restored_at": state.rolled_back_at or state.restored_at,
        }
    )


def restored_at(new: RotationInputs, snapshot: Snapshot, state: RotationState, *, swapped: bool) -> PropertyBag:
    """Return when a swap restored the recorded signer: the drift that it has undone left no trace in the state."""
    # Both fingerprints are the same only if the swap led to the recorded signer.
    is_restored = (
        swapped
        and has_fingerprint(snapshot.active, new.declared_fingerprint)
        and has_fingerprint(snapshot.active, state.fingerprint)
    )
    return {"restored_at": format_rfc3339(snapshot.now)} if is_restored else {}


def without_none(outputs: PropertyBag) -> PropertyBag:
    """Leave out what has no value."""
    return {name: value for name, value in outputs.items() if value is not None}
