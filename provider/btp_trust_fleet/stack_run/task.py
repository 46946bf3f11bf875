"""The task of running one stack, and its outcome: values that travel as JSON. No field holds a secret."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Verb(StrEnum):
    """What the operator has allowed; the goal is what the program says."""

    PREPARE = "prepare"
    """Create a certificate in the passive slot; the signer stays."""
    ROTATE = "rotate"
    """Swap to a newly declared generation."""
    ROLL_BACK = "roll-back"
    """Swap to the certificate that signed before."""
    PLAN = "plan"
    """Preview only."""


class Change(StrEnum):
    """What the preview says would happen to the signer."""

    NONE = "none"
    """Every resource stays as it is."""
    PREPARE = "prepare"
    """Resources are created or updated, and the signer stays."""
    ROTATE = "rotate"
    ROLL_BACK = "roll-back"
    RESTORE = "restore"
    """A swap that undoes a drift (`on_drift="restore"`): a person has to look at that drift first."""
    OTHER = "other"
    """A deletion, a replacement, a renewal in place, a change of another provider's resource."""


class StackState(StrEnum):
    """How the run of a stack has ended."""

    UNCHANGED = "unchanged"
    """The stack is what the program says."""
    PLANNED = "planned"
    """The verb is PLAN, and the preview shows a change."""
    CHANGED = "changed"
    """The update has done what the preview showed."""
    POSTPONED = "postponed"
    """The rotation waits for its time (`when="next_window"`): run the stack again then."""
    REFUSED = "refused"
    """The verb allows another change, or the approval is for another plan; nothing is written."""
    REJECTED = "rejected"
    """A target rejected the certificate: never run again without a person."""
    FAILED = "failed"
    LOCKED = "locked"
    """Another command holds the lock of the stack; nothing is written."""
    INTERRUPTED = "interrupted"
    LOST = "lost"
    """The worker is gone: what it has done is unknown. Run again, the stack becomes what the program says."""

    @property
    def is_green(self) -> bool:
        """Return True if the stack is what the program says."""
        return self in {StackState.UNCHANGED, StackState.CHANGED}


class StackTask(msgspec.Struct, frozen=True, kw_only=True):
    """A stack to run."""

    stack: str
    folder: str
    """Folder of the Pulumi project."""
    verb: Verb
    row: str | None = None
    """The row of the table: a program that finds another one ends before it declares anything."""
    plan_digest: str | None = None
    """Digest of the changes that are approved; None: all that the verb allows.

    What only records certificates that are in the slots passes with any digest: an approved update that was killed
    leaves that to the next run."""
    homes: str
    """Folder below which each stack has a PULUMI_HOME of its own."""
    logs: str
    """Folder of the logs: one file for each run."""
    timeout_seconds: int = 1800
    """Limit of each of the two commands. Afterwards the command is interrupted."""
    lock_wait_seconds: int = 0
    """How long to wait for the lock of the stack."""


class StackOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the run of a stack has ended."""

    stack: str
    state: StackState
    change: Change = Change.NONE
    lines: tuple[str, ...] = ()
    """Sentences for people, redacted: what the preview says about the swap, an error's three parts."""
    plan_digest: str | None = None
    """Digest of the changes that the preview shows; None before it has been made."""
    signer_before: str | None = None
    """SHA-256 fingerprint, as the state records it: 64 hexadecimal digits. None for a stack of several subaccounts."""
    signer_after: str | None = None
    started_at: datetime
    """With a time zone: UTC."""
    ended_at: datetime
    log: str | None = None
    """Path of the log, on the machine that ran the stack."""
