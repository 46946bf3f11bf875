"""Warnings of ActiveTrustCertificate about the signer, unless another resource of the program gives them."""

from __future__ import annotations

from btp_trust.active.schema import ActiveArgs, ActiveState
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.expiry import ExpiryContext
from btp_trust.runtime.session import Session
from btp_trust.runtime.signer_warnings import SignerChange, change_notice, expiry_notices
from btp_trust.snapshot import Snapshot, has_fingerprint


def change_notices(
    session: Session, state: ActiveState, args: ActiveArgs, snapshot: Snapshot, *, is_trigger_new: bool = False
) -> list[Notice]:
    """Return the warning of a signer that no step of this stack explains.

    A RotationTrigger that this command creates, or that the last one lacked, takes any signer for the first one.
    """
    active, before = snapshot.active, state.deployed_signer
    if active is None or has_fingerprint(active, before):
        return []
    if not (is_trigger_new or state.warns_of_change or args.warns_of_change):
        return []
    # The outcome of a renewal of ours that was killed before it was recorded.
    if before == args.renew_fingerprint and args.accept_outage:
        return []
    return [change_notice(session, SignerChange(before, active, snapshot, state.observed_at))]


def active_expiry_notices(
    session: Session, args: ActiveArgs, snapshot: Snapshot, *, renews: bool = False, may_fail: bool = True
) -> tuple[Notice, ...]:
    """Return the warning of a signer that expires, unless another resource of the program gives it."""
    if not args.warns_of_expiry:
        return ()
    return expiry_notices(session, snapshot, ExpiryContext(renews=renews), may_fail=may_fail)
