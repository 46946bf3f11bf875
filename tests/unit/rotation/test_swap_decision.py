"""The decision to swap: it makes the passive certificate sign, if that is the declared one, beside an active one."""

from __future__ import annotations

import pytest

from btp_trust.rotation.decision import Action
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.swap_decision import decide_swap
from btp_trust.snapshot import Snapshot
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
DECLARED = Declaration(
    generation="two", deployed_generation="one", recorded_generations={"one": A.fingerprint, "two": B.fingerprint}
)


@pytest.mark.parametrize(
    ("reading", "is_swap"),
    [
        (make_snapshot(A, B), True),
        (make_snapshot(B, A), False),
        (make_snapshot(A), False),
        (make_snapshot(None), False),
    ],
)
def test_passive_certificate_is_swapped_to(reading: Snapshot, *, is_swap: bool) -> None:
    """The declared certificate has to be the passive one, beside an active one."""
    decision = decide_swap(DECLARED, reading)
    assert (decision is not None) == is_swap
    if decision is not None:
        assert (decision.action, decision.slots_before) == (Action.SWAP, reading.slots)
