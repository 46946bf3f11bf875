"""What the matrix counts is what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count as numbers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator import JournalEntry, Slots
from support.crash_matrix.counts import certificates_in, count, slots_in_words
from support.crash_matrix.operations import DELETE, GENERATE, GENERATE_NEXT, ROTATE, ROTATE_AND_ROLL_BACK, Operation

BEFORE = Slots("a", "p")


def journal(before: Slots, words: Sequence[str]) -> list[JournalEntry]:
    """Make the journal of these writes; what is generated has the next number for a name."""
    fresh = numbers(1)
    entries, now = [], before
    for word in words:
        after = now
        if word == "swap" and now.passive is not None:
            after = Slots(now.passive, now.active)
        elif word == "mint":
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
        (GENERATE, Slots("a", None), ["mint"], 0, set()),
        (GENERATE, Slots("a", None), ["mint", "read", "mint"], 0, {"1"}),
        (GENERATE, BEFORE, ["mint"], 0, {"p"}),
        (GENERATE, Slots("a", None), ["swap"], 0, set()),
        (GENERATE, BEFORE, ["swap"], 1, set()),
        (GENERATE_NEXT, BEFORE, ["mint"], 0, set()),
        (GENERATE_NEXT, BEFORE, ["mint", "mint"], 0, {"1"}),
        (DELETE, BEFORE, ["delete"], 0, set()),
        (DELETE, BEFORE, ["swap", "delete"], 1, {"a"}),
        (ROTATE, BEFORE, [], 0, set()),
    ],
)
def test_what_nobody_declared_is_counted(
    operation: Operation, before: Slots, words: list[str], double_swaps: int, lost: set[str]
) -> None:
    """Swaps beyond the declared one; certificates that are gone and were not meant to go."""
    counts = count(operation, before, journal(before, words))

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
def test_what_a_target_refuses_may_be_tried_once_more(
    operation: Operation, swaps: int, double_swaps: int, *, repeated: bool
) -> None:
    """There and back is declared; a second time is counted apart, a third time is too much."""
    counts = count(operation, BEFORE, journal(BEFORE, ["swap"] * swaps))

    assert (counts.double_swaps, counts.repeated) == (double_swaps, repeated)


@given(st.lists(st.sampled_from(["read", "swap", "mint", "renew", "delete"])))
def test_every_change_is_told_by_the_slots(words: list[str]) -> None:
    """Whatever is done in whatever order, each swap and each key is counted, and each certificate accounted for."""
    entries = journal(BEFORE, words)

    counts = count(GENERATE_NEXT, BEFORE, entries)

    last = entries[-1].after if entries else BEFORE
    assert last is not None
    assert counts.generated == words.count("mint") + words.count("renew")
    assert counts.swaps == sum(
        word == "swap" and entry.before != entry.after for word, entry in zip(words, entries, strict=True)
    )
    made = {str(number) for number in range(1, counts.generated + 1)}
    assert made | {"a", "p"} == counts.lost | certificates_in(last) | {"p"}


def test_slots_are_told_in_words_of_what_they_held() -> None:
    """An empty slot is no certificate, before or after."""
    assert slots_in_words(Slots("a", None), Slots("n", None)) == ("a new one", "nothing")
    assert slots_in_words(BEFORE, Slots("p", "a")) == ("what was passive", "what was active")
