"""What happened to the certificates of a subaccount, by the slots before and after each request in the journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from btp_trust_emulator import Entry, Slots
from support.crash_matrix.operations import A_NEW_ONE, NOTHING, WHAT_SIGNED, WHAT_WAITED, Operation, Slot


@dataclass(frozen=True)
class Counts:
    """What happened, and how much of it should not have."""

    swaps: int
    mints: int
    double_swaps: int
    """Swaps that nobody declared."""
    repeated: bool
    """What a target refuses was tried once more, for nobody had noted that down."""
    lost: frozenset[str]
    """Certificates that were in a slot, are in none, and were not meant to go: a key minted twice is one of them."""


def count(operation: Operation, before: Slots, entries: Sequence[Entry]) -> Counts:
    """Count over all that happened to the subaccount from `before` on."""
    changes = [(entry.before, entry.after) for entry in entries if entry.before and entry.after]
    swaps = sum(old != new and new == Slots(old.passive, old.active) for old, new in changes)
    mints = sum(len(held(new) - held(old)) for old, new in changes)
    seen = held(before).union(*(held(new) for _, new in changes))
    last = changes[-1][1] if changes else before
    return Counts(
        swaps,
        mints,
        double_swaps=max(0, swaps - operation.swaps - operation.repeated_swaps),
        repeated=swaps > operation.swaps and operation.is_refused,
        lost=seen - held(last) - meant_to_go(operation, before),
    )


def meant_to_go(operation: Operation, before: Slots) -> frozenset[str]:
    """Return the certificate that the operation replaces or deletes."""
    gone = {Slot.ACTIVE: before.active, Slot.PASSIVE: before.passive, None: None}[operation.goes]
    return frozenset({gone} - {None}) if gone else frozenset()


def held(slots: Slots) -> frozenset[str]:
    """Return the certificates in the slots."""
    return frozenset(filter(None, (slots.active, slots.passive)))


def shape(before: Slots, now: Slots) -> tuple[str, str]:
    """Tell what the slots hold now in words of what they held before."""
    active, passive = in_words(before, (now.active, now.passive))
    return active, passive


def in_words(before: Slots, certificates: Iterable[str | None]) -> tuple[str, ...]:
    """Tell certificates in words of what the slots held before."""
    names = {before.passive: WHAT_WAITED, before.active: WHAT_SIGNED, None: NOTHING}
    return tuple(names.get(each, A_NEW_ONE) for each in certificates)
