"""The landscape: one `SubaccountStatus` for each subaccount, and what follows from it. Pure.

All commands show this model, each in its own form. The rules about an expiry are those of `btp_trust.runtime.expiry`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from btp_trust.certificate import Certificate
from btp_trust.errors import TrustError
from btp_trust.formatting import find_name, label_fingerprint
from btp_trust.runtime.expiry import DueStep, ExpiryContext, ExpiryFinding, find_expiry, successor_of
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.snapshot import Snapshot, subaccount_label
from btp_trust.trusted_by.statements import TargetStatus
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity
from btp_trust_cli.recorded import Drift, RecordedSubaccount

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """A certificate in a slot."""

    certificate: Certificate
    generation: str | None
    days_left: int
    """Whole days until it expires, by the moment of the status; negative afterwards."""

    @property
    def label(self) -> str:
        """Its short fingerprint, with the generation if the stack knows it."""
        return label_fingerprint(self.certificate.fingerprint, self.generation)


@dataclass(frozen=True, slots=True)
class Due:
    """A step, and when it becomes due."""

    step: DueStep
    at: datetime
    """From then on each command of the stack warns; in the past for a step that is due."""
    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class SubaccountStatus:
    """What is known of one subaccount, reached by one connection."""

    connection: str
    """Empty where the stack itself could not be read."""
    stack: str | None = None
    """The stack with whose configuration and state it was read; None for the environment."""
    limits: ExpiryLimits = field(default_factory=ExpiryLimits)
    subaccount_id: str | None = None
    name: str | None = None
    """By the stack's `display_name`, or else by the token."""
    snapshot: Snapshot | None = None
    """Both slots; None with an error. Its `now` is the moment that all judgements are about."""
    read_at: datetime | None = None
    """When the slots were read, by the service's clock."""
    recorded: RecordedSubaccount | None = None
    """What the state of the stack says about it."""
    error: TrustError | None = None
    """Why it could not be read."""

    @property
    def label(self) -> str:
        """The subaccount in words; the connection or the stack where the subaccount is unknown."""
        if self.subaccount_id is not None:
            return subaccount_label(self.subaccount_id, self.name)
        return f"connection {self.connection}" if self.connection else f"stack {self.stack}"

    @property
    def active(self) -> SlotStatus | None:
        """The signer."""
        return self._slot(None if self.snapshot is None else self.snapshot.active)

    @property
    def passive(self) -> SlotStatus | None:
        """The certificate that waits, or is kept for a rollback."""
        return self._slot(None if self.snapshot is None else self.snapshot.passive)

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """All differences between the slots and the state."""
        return () if self.snapshot is None or self.recorded is None else self.recorded.drifts(self.snapshot)

    @property
    def targets(self) -> tuple[TargetStatus, ...]:
        """What is known of each target about the successor, or else about the signer."""
        return () if self.snapshot is None or self.recorded is None else self.recorded.targets(self.snapshot)

    @property
    def has_successor(self) -> bool:
        """Return True if `targets` are about the successor."""
        return self.snapshot is not None and successor_of(self.snapshot) is not None

    @property
    def finding(self) -> ExpiryFinding | None:
        """What is due now."""
        return self.finding_at(self.snapshot.now) if self.snapshot else None

    def finding_at(self, moment: datetime) -> ExpiryFinding | None:
        """Return what is due at a moment, if the slots and the targets stay as they are."""
        if self.snapshot is None:
            return None
        snapshot = structs.replace(self.snapshot, now=moment)
        context = self.recorded.expiry_context(snapshot) if self.recorded else ExpiryContext()
        return find_expiry(snapshot, self.limits, context)

    @property
    def next_due(self) -> Due | None:
        """The next step and when it becomes due; None without a signer, or where the warning is turned off."""
        if self.snapshot is None or self.snapshot.active is None:
            return None
        due_at = self.limits.warned_from(self.snapshot.active.not_after)
        found = self.finding_at(max(self.snapshot.now, due_at)) if self.finding is None else self.finding
        if found is None:
            return None
        at = due_at if self.finding is None else min(due_at, self.snapshot.now)
        return Due(found.step, at, found.what, found.why, found.remedy)

    @property
    def severity(self) -> Severity:
        """What would end a strict run is critical, what each command warns of is a warning."""
        if self.error is not None or self.snapshot is None:
            return Severity.UNKNOWN
        if (self.finding and self.finding.is_failure) or any(not drift.is_undone for drift in self.drifts):
            return Severity.CRITICAL
        return Severity.WARNING if self.finding or self.drifts else Severity.OK

    def as_of(self, moment: datetime) -> SubaccountStatus:
        """Return the same slots, judged at another moment."""
        return self if self.snapshot is None else replace(self, snapshot=structs.replace(self.snapshot, now=moment))

    def _slot(self, certificate: Certificate | None) -> SlotStatus | None:
        if certificate is None or self.snapshot is None:
            return None
        generation = find_name(self.recorded.names, certificate.fingerprint) if self.recorded else None
        return SlotStatus(certificate, generation, (certificate.not_after - self.snapshot.now).days)


def by_urgency(statuses: Iterable[SubaccountStatus]) -> list[SubaccountStatus]:
    """Sort: the most serious first, then those whose signer expires first, then by name."""
    return sorted(statuses, key=_urgency)


def _urgency(status: SubaccountStatus) -> tuple[int, datetime, str, str]:
    expires = status.active.certificate.not_after if status.active else _NEVER
    return MOST_SERIOUS_FIRST.index(status.severity), expires, status.label, status.stack or ""
