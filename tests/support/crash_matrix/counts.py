"""What happened to the certificates of a subaccount, by the slots before and after each request in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from btp_trust_emulator import JournalEntry, Slots
from support.crash_matrix.operations import NEW_CERTIFICATE, NOTHING, WAS_ACTIVE, WAS_PASSIVE, Operation, Slot


@dataclass(frozen=True)
class Counts:
    """What happened, and how much of it should not have."""

    swaps: int
    generated: int
    double_swaps: int
    """Swaps that nobody declared."""
    repeated: bool
    """What a target refuses was tried once more, for nobody had noted that down."""
    lost: frozenset[str]
    """Certificates that were in a slot, are in none, and were not meant to go: a key minted twice is one of them."""


def count(operation: Operation, before: Slots, entries: Sequence[JournalEntry]) -> Counts:
    """Count over all that happened to the subaccount from `before` on."""
    changes = [(entry.before, entry.after) for entry in entries if entry.before and entry.after]
    swaps = sum(old != new and new == Slots(old.passive, old.active) for old, new in changes)
    generated = sum(len(certificates_in(new) - certificates_in(old)) for old, new in changes)
    seen = certificates_in(before).union(*(certificates_in(new) for _, new in changes))
    last = changes[-1][1] if changes else before
    return Counts(
        swaps,
        generated,
        double_swaps=max(0, swaps - operation.swaps - operation.repeated_swap_count),
        repeated=swaps > operation.swaps and operation.is_refused,
        lost=seen - certificates_in(last) - expected_losses(operation, before),
    )


def expected_losses(operation: Operation, before: Slots) -> frozenset[str]:
    """Return the certificate that the operation replaces or deletes."""
    gone = {Slot.ACTIVE: before.active, Slot.PASSIVE: before.passive, None: None}[operation.removed_slot]
    return frozenset({gone} - {None}) if gone else frozenset()


def certificates_in(slots: Slots) -> frozenset[str]:
    """Return the certificates in the slots."""
    return frozenset(filter(None, (slots.active, slots.passive)))


def slots_in_words(before: Slots, now: Slots) -> tuple[str, str]:
    """Tell what the slots hold now in words of what they held before."""
    active, passive = in_words(before, (now.active, now.passive))
    return active, passive


def in_words(before: Slots, certificates: Iterable[str | None]) -> tuple[str, ...]:
    """Tell certificates in words of what the slots held before."""
    names = {before.passive: WAS_PASSIVE, before.active: WAS_ACTIVE, None: NOTHING}
    return tuple(names.get(each, NEW_CERTIFICATE) for each in certificates)
