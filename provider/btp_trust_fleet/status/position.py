"""Where each stack of a fleet is: by its state and the ledger, and by the service if that was read. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from btp_trust.errors import TrustError
from btp_trust.formatting import find_name, label_fingerprint, parse_rfc3339
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.recorded import RecordedSubaccount
from btp_trust_fleet.driver.summary import last_words
from btp_trust_fleet.ledger.records import StackEnded, StackRecord
from btp_trust_fleet.stack_run.task import StackState
from btp_trust_fleet.table.fleet import FleetStack

_UNKNOWN_ENDS = (StackState.LOST, StackState.INTERRUPTED, StackState.LOCKED)


class Certificates(Struct, frozen=True):
    """Both certificates, in words."""

    signer: str | None = None
    generation: str | None = None
    """The signer's name in this stack."""
    days_left: int | None = None
    passive: str | None = None
    severity: Severity = Severity.OK
    """Of the subaccount, where the service was read."""


class StackPosition(Struct, frozen=True):
    """A row of `btp-trust fleet status`."""

    stack: FleetStack
    certificates: Certificates
    last: StackRecord | None = None
    error: TrustError | None = None
    """Why the state or the service is unreadable."""

    @property
    def last_words(self) -> str:
        """What the ledger says last."""
        return "-" if self.last is None else last_words(self.last)

    @property
    def is_as_declared(self) -> bool:
        """Return True if the declared generation signs."""
        return self.certificates.generation == self.stack.generation

    @property
    def severity(self) -> Severity:
        """The most serious of the readings, the ledger and the declaration."""
        declared = Severity.OK if self.is_as_declared else Severity.WARNING
        read = Severity.OK if self.error is None else Severity.UNKNOWN
        return worst([read, self._of_ledger, declared, self.certificates.severity])

    @property
    def _of_ledger(self) -> Severity:
        if self.last is None:
            return Severity.OK
        if not isinstance(self.last, StackEnded) or self.last.state in _UNKNOWN_ENDS:
            return Severity.UNKNOWN
        if self.last.state is StackState.POSTPONED:
            return Severity.WARNING
        return Severity.OK if self.last.state.is_green else Severity.CRITICAL


def recorded_certificates(recorded: RecordedSubaccount | None, now: datetime) -> Certificates:
    """Return what the state of a stack says; nothing of a stack before its first deployment."""
    if recorded is None:
        return Certificates()
    signer, not_after = _signer(recorded)
    if signer is None:
        return Certificates()
    name = find_name(recorded.names, signer)
    passive = _passive(recorded, signer)
    return Certificates(
        label_fingerprint(signer, name),
        name,
        None if not_after is None else (parse_rfc3339(not_after) - now).days,
        None if passive is None else label_fingerprint(passive, find_name(recorded.names, passive)),
    )


def read_certificates(status: SubaccountStatus) -> Certificates:
    """Return what the service says."""
    active, passive = status.active, status.passive
    if active is None:
        return Certificates(passive=passive.label if passive else None, severity=status.severity)
    return Certificates(
        active.label, active.generation, active.days_left, passive.label if passive else None, status.severity
    )


def _signer(recorded: RecordedSubaccount) -> tuple[str | None, str | None]:
    """Return the fingerprint and the expiry of the signer."""
    if recorded.rotation is not None:
        return recorded.rotation.fingerprint, recorded.rotation.not_after
    if recorded.active is not None:
        return recorded.active.fingerprint, recorded.active.not_after
    return None, None


def _passive(recorded: RecordedSubaccount, signer: str) -> str | None:
    """Return the fingerprint in the passive slot: the candidate's, or after its rotation the one that signed before."""
    if recorded.passive is not None and recorded.passive.fingerprint != signer:
        return recorded.passive.fingerprint
    return None if recorded.rotation is None else recorded.rotation.previous_fingerprint
