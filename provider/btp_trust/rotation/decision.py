"""Decisions about the signing slot: an action, its reason, and one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, StrEnum
from types import MappingProxyType

from msgspec import Struct, field

from btp_trust.errors import Refused
from btp_trust.snapshot import Slots


class Action(Enum):
    """What a policy asks for."""

    RECORD = "record"
    """Record the signer; call nothing."""
    SWAP = "swap"
    """Swap the slots, if they still hold exactly `Decision.slots_before`."""
    REPORT = "report"
    """Report that another certificate than the declared one is active; leave the slots alone."""
    WAIT = "wait"
    """Leave a swap alone until its time comes; the deployed generation stays the declared one."""
    WARN = "warn"
    """Warn of a state that only another command resolves, with the remedy."""
    REFUSE = "refuse"
    """Stop the command."""


class Reason(StrEnum):
    """Why a policy decides so: stable words, for tests and logs."""

    BASELINE = "Baseline"
    ALREADY_SIGNS = "AlreadySigns"
    ROTATE = "Rotate"
    ROLL_BACK = "RollBack"
    RESTORE = "Restore"
    DRIFT = "Drift"
    CERTIFICATE_GONE = "CertificateGone"
    NO_ACTIVE = "NoActiveCertificate"
    UNKNOWN_GENERATION = "UnknownGeneration"
    CREATE_NEVER_SWAPS = "CreateNeverSwaps"
    NOT_PREPARED = "NotPrepared"
    CANDIDATE_REMOVED = "CandidateRemoved"
    CANDIDATE_PENDING = "CandidatePending"
    EXPIRED = "Expired"
    NOT_YET_VALID = "NotYetValid"
    NAME_BOUND_OTHERWISE = "NameBoundOtherwise"
    UNTRUSTED = "Untrusted"
    TARGET_PENDING = "TargetPending"
    REVOKED = "Revoked"
    FROZEN = "Frozen"
    OUTSIDE_WINDOW = "OutsideWindow"
    SOAKING = "Soaking"


class Decision(Struct, frozen=True):
    """What to do about the signing slot."""

    action: Action
    reason: Reason
    message: str = ""
    """One sentence, within the 150 characters that `pulumi preview --diff` shows of a string."""
    evidence: str = ""
    """With REPORT and WARN: the contents of the slots. With WAIT: what the swap waits for."""
    remedies: str = ""
    """With REPORT and WARN: what the user may do, down to the line to paste."""
    slots_before: Slots | None = None
    """With SWAP: exactly what both slots must hold."""
    targets: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """With SWAP and WAIT: {target: whether it trusts the next signer, and where that comes from}."""
    trust_warning: str = ""
    """With SWAP: the targets that lack the next signer although the swap is a rollback."""
    waits_until: datetime | None = None
    """With WAIT: from when on the swap passes."""
    refusal: Refused | None = None
    """With REFUSE: the message in three parts."""


def refuse(reason: Reason, what: str, why: str, remedy: str, *, prop: str = "generation") -> Decision:
    """Decide to stop the command, with a message in three parts and the argument to blame."""
    refusal = Refused(what, why, remedy, prop=prop)
    return Decision(Action.REFUSE, reason, refusal.what, refusal=refusal)
