"""The counts of the matrix match the changes of the slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count as numbers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator import JournalEntry, Slots
from support.crash_matrix.counts import certificates_in, count_changes, slots_in_words
from support.crash_matrix.operations import DELETE, GENERATE, GENERATE_NEXT, ROTATE, ROTATE_AND_ROLL_BACK, Operation

BEFORE = Slots("a", "p")


def journal(before: Slots, words: Sequence[str]) -> list[JournalEntry]:
    """Return the journal of these writes; generated certificates are named 1, 2, 3 and so on."""
    fresh = numbers(1)
    entries, now = [], before
    for word in words:
        after = now
        if word == "swap" and now.passive is not None:
            after = Slots(now.passive, now.active)
        elif word == "generate":
            after = Slots(now.active, str(next(fresh)))
        elif word == "renew":
            after = Slots(str(next(fresh)), now.passive)
        elif word == "delete":
            after = Slots(now.active, None)
        entries.append(JournalEntry(datetime.now(UTC), "POST", "/", 200, "subaccount", now, after))
        now = after
    return entries


@pytest.mark.parametrize(
    ("operation", "before", "words", "double_swaps", "lost"),
    [
        (ROTATE, BEFORE, ["read", "swap", "read"], 0, set()),
        (ROTATE, BEFORE, ["swap", "swap"], 1, set()),
        (GENERATE, Slots("a", None), ["generate"], 0, set()),
        (GENERATE, Slots("a", None), ["generate", "read", "generate"], 0, {"1"}),
        (GENERATE, BEFORE, ["generate"], 0, {"p"}),
        (GENERATE, Slots("a", None), ["swap"], 0, set()),
        (GENERATE, BEFORE, ["swap"], 1, set()),
        (GENERATE_NEXT, BEFORE, ["generate"], 0, set()),
        (GENERATE_NEXT, BEFORE, ["generate", "generate"], 0, {"1"}),
        (DELETE, BEFORE, ["delete"], 0, set()),
        (DELETE, BEFORE, ["swap", "delete"], 1, {"a"}),
        (ROTATE, BEFORE, [], 0, set()),
    ],
)
def test_undeclared_changes_are_counted(
    operation: Operation, before: Slots, words: list[str], double_swaps: int, lost: set[str]
) -> None:
    """Swaps beyond the declared ones, and certificates that left the slots unannounced, are counted."""
    counts = count_changes(operation, before, journal(before, words))

    assert counts.double_swaps == double_swaps
    assert counts.lost == frozenset(lost)


@pytest.mark.parametrize(
    ("operation", "swaps", "double_swaps", "repeated"),
    [
        (ROTATE_AND_ROLL_BACK, 2, 0, False),
        (ROTATE_AND_ROLL_BACK, 4, 0, True),
        (ROTATE_AND_ROLL_BACK, 6, 2, True),
        (ROTATE, 2, 1, False),
    ],
)
def test_a_rejected_rotation_may_repeat_once(
    operation: Operation, swaps: int, double_swaps: int, *, repeated: bool
) -> None:
    """A second rotation and rollback count as repeated, a third one as undeclared swaps."""
    counts = count_changes(operation, BEFORE, journal(BEFORE, ["swap"] * swaps))

    assert (counts.double_swaps, counts.repeated) == (double_swaps, repeated)


@given(st.lists(st.sampled_from(["read", "swap", "generate", "renew", "delete"])))
def test_counts_follow_any_sequence(words: list[str]) -> None:
    """For any sequence of writes, each swap and each key is counted, and each certificate is accounted for."""
    entries = journal(BEFORE, words)

    counts = count_changes(GENERATE_NEXT, BEFORE, entries)

    last = entries[-1].after if entries else BEFORE
    assert last is not None
    assert counts.generated == words.count("generate") + words.count("renew")
    assert counts.swaps == sum(
        word == "swap" and entry.before != entry.after for word, entry in zip(words, entries, strict=True)
    )
    generated = {str(number) for number in range(1, counts.generated + 1)}
    assert generated | {"a", "p"} == counts.lost | certificates_in(last) | {"p"}


def test_slots_in_words_of_before() -> None:
    """Contents of slots are named by the contents before; an empty slot is "nothing" before and after."""
    assert slots_in_words(Slots("a", None), Slots("n", None)) == ("a new one", "nothing")
    assert slots_in_words(BEFORE, Slots("p", "a")) == ("what was passive", "what was active")
