"""Warnings about the signer that every command gives: it expires, or another one signs than the stack recorded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import (
    find_name,
    format_day,
    format_rfc3339,
    label_fingerprint,
    parse_rfc3339,
    short_fingerprint,
)
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.expiry import ExpiryContext, expiry_by_state, find_expiry
from btp_trust.runtime.session import Session
from btp_trust.snapshot import Snapshot

_STRICT_OFF: Final = "--config btp-trust:strict=false"


class RecordedSigner(Protocol):
    """What a resource has recorded of the signer."""

    @property
    def fingerprint(self) -> str:
        """Its fingerprint."""

    @property
    def not_after(self) -> str | None:
        """When it expires."""

    @property
    def subaccount_id(self) -> str | None:
        """The GUID of its subaccount."""


def expiry_notices(
    session: Session, snapshot: Snapshot, context: ExpiryContext, *, may_fail: bool = True
) -> tuple[Notice, ...]:
    """Return the warning of a certificate that expires, if one is due.

    Args:
        session: What the process shares.
        snapshot: The slots.
        context: What the resource that speaks knows besides.
        may_fail: Whether the warning may stop a strict run. It may not in a refresh: that comes before the program is
            read, whose steps may be the remedy.
    """
    finding = find_expiry(snapshot, session.expiry_limits, context)
    if finding is None:
        return ()
    if session.strict and finding.is_failure and may_fail:
        return (
            Notice.of_error(
                Refused(finding.what, finding.why, f"{finding.remedy} To let this command pass: `{_STRICT_OFF}`.")
            ),
        )
    line = f"warning: {finding.what} {finding.why} {finding.remedy}"
    return (Notice(line, about=f"expiry in subaccount {snapshot.subaccount_id}"),)


def with_expiry_by_state(session: Session, comparison: Comparison, state: RecordedSigner) -> Comparison:
    """Add what the state tells of the expiry to a comparison that lacks a reading."""
    not_after = _moment(state.not_after)
    now = session.host.clock()  # this machine's: the service's is out of reach
    sentence = not_after and expiry_by_state(state.fingerprint, not_after, now, session.expiry_limits)
    if not sentence:
        return comparison
    notice = Notice(f"warning: {sentence}", about=f"expiry in subaccount {state.subaccount_id}")
    return replace(comparison, notices=(*comparison.notices, notice))


class SignerChange(Struct, frozen=True):
    """Another certificate signs than a stack recorded."""

    before: str
    """Fingerprint of the recorded signer."""
    active: Certificate
    snapshot: Snapshot
    observed_at: str | None = None
    """When the recorded one was last seen to sign."""
    names: Mapping[str, str] = field(default_factory=dict)
    """{generation: fingerprint}"""
    affected: str = ""
    """A sentence about the targets that reject users."""
    between: str | None = None
    """Fingerprint of a third one, which the last deployment recorded as the signer."""

    @property
    def was_swapped(self) -> bool:
        """Return True if the recorded signer is in the passive slot."""
        return self.snapshot.find(self.before) is not None

    def label(self, fingerprint: str) -> str:
        """Name one of both certificates."""
        return label_fingerprint(fingerprint, find_name(self.names, fingerprint))

    @property
    def what(self) -> str:
        """The first part of the message."""
        new, old = self.label(self.active.fingerprint), self.label(self.before)
        return f"{new} signs, not {old}, which this stack recorded as the signer."

    @property
    def _cause(self) -> str:
        """Say who did that: a rotation of this stack that was killed looks like a colleague's swap."""
        recorded = self.snapshot.find(self.before)
        if recorded is None:
            return "Somebody else renewed the certificate in place, or replaced it."
        if find_name(self.names, self.active.fingerprint) and self.active.not_before > recorded.not_before:
            return "A killed run of this stack swapped the slots, or somebody else did."
        return "Somebody else swapped the slots."

    @property
    def why(self) -> str:
        """The second part."""
        affected = self.affected or f"Targets that lack {short_fingerprint(self.active.fingerprint)} reject every user."
        return (
            f"{self._cause} {since(self.active, self.observed_at)}{between_sentence(self.between, self.names)} "
            f"The signer is {validity_of(self.active)}. {affected} {self.snapshot.slots_sentence}"
        )


def change_notice(session: Session, change: SignerChange) -> Notice:
    """Return the warning of a signer that no step of this stack made sign; a strict run ends with it."""
    old, new = short_fingerprint(change.before), short_fingerprint(change.active.fingerprint)
    hint = f" (with `{_STRICT_OFF}`)" if session.strict else ""
    undo = (
        "swap the slots again in the cockpit."
        if change.was_swapped
        else f"impossible, {old} is in no slot any more; rotate instead."
    )
    remedy = (
        f"Ask who did that. To accept it: give {new} to every target, then run `pulumi up`, which records it and sends "
        f"nothing{hint}. To undo it: {undo}"
    )
    return session.warning(change.what, change.why, remedy)


def since(active: Certificate, observed_at: str | None) -> str:
    """Say after which moment the signer changed, as far as that is known."""
    moments = [moment for moment in (active.not_before, _moment(observed_at)) if moment is not None]
    return f"That was after {format_rfc3339(max(moments))}."


def between_sentence(fingerprint: str | None, names: Mapping[str, str]) -> str:
    """Name the signer that the last deployment recorded, where that is neither the declared nor the present one."""
    if fingerprint is None:
        return ""
    return (
        f" The last deployment recorded {label_fingerprint(fingerprint, find_name(names, fingerprint))} as the signer."
    )


def _moment(text: str | None) -> datetime | None:
    """Parse a moment of the state; None for one that is missing, without end, or was changed by hand."""
    with suppress(ValueError):
        return None if text is None else parse_rfc3339(text)
    return None


def validity_of(certificate: Certificate) -> str:
    """Write the first and the last day of a certificate."""
    return f"valid {format_day(certificate.not_before)} to {format_day(certificate.not_after)}"
