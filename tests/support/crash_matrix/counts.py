"""Changes of a subaccount's certificates, by the slots before and after each request in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from btp_trust_emulator import JournalEntry, Slot, Slots
from support.crash_matrix.operations import NEW_CERTIFICATE, NOTHING, WAS_ACTIVE, WAS_PASSIVE, Operation


@dataclass(frozen=True)
class Counts:
    """Changes, and how many of them are faults."""

    swaps: int
    generated: int
    double_swaps: int
    """Swaps beyond the declared ones."""
    repeated: bool
    """True if a rejected rotation ran once more, because its rejection was lost before it was recorded."""
    lost: frozenset[str]
    """Certificates that have left the slots unannounced, such as one of two that a repeated request generated."""


def count_changes(operation: Operation, before: Slots, entries: Sequence[JournalEntry]) -> Counts:
    """Count the changes of the subaccount from `before` on."""
    changes = [(entry.before, entry.after) for entry in entries if entry.before and entry.after]
    swaps = sum(old != new and new == Slots(old.passive, old.active) for old, new in changes)
    generated = sum(len(certificates_in(new) - certificates_in(old)) for old, new in changes)
    seen = certificates_in(before).union(*(certificates_in(new) for _, new in changes))
    last = changes[-1][1] if changes else before
    return Counts(
        swaps,
        generated,
        double_swaps=max(0, swaps - operation.swaps - operation.repeated_swap_count),
        repeated=swaps > operation.swaps and operation.is_rejected,
        lost=seen - certificates_in(last) - expected_losses(operation, before),
    )


def expected_losses(operation: Operation, before: Slots) -> frozenset[str]:
    """Return the certificate that the operation replaces or deletes."""
    certificate = {Slot.ACTIVE: before.active, Slot.PASSIVE: before.passive, None: None}[operation.removed_slot]
    return frozenset({certificate}) if certificate else frozenset()


def certificates_in(slots: Slots) -> frozenset[str]:
    """Return the certificates in the slots."""
    return frozenset(filter(None, (slots.active, slots.passive)))


def slots_in_words(before: Slots, now: Slots) -> tuple[str, str]:
    """Return the contents of the slots in words of their contents before."""
    active, passive = in_words(before, (now.active, now.passive))
    return active, passive


def in_words(before: Slots, certificates: Iterable[str | None]) -> tuple[str, ...]:
    """Return certificates in words of the contents of the slots before."""
    names = {before.passive: WAS_PASSIVE, before.active: WAS_ACTIVE, None: NOTHING}
    return tuple(names.get(certificate, NEW_CERTIFICATE) for certificate in certificates)
