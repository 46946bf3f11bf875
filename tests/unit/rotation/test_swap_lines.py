"""The lines of a planned swap: each fits into a preview and stays as it is, done or saved in a plan."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.formatting import PREVIEW_WIDTH, format_day
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.policies import decide
from btp_trust.rotation.swap_lines import plan_swap
from btp_trust.snapshot import Snapshot
from support.fake_engine import make_certificate, make_snapshot

A, B = make_certificate("a"), make_certificate("b", created_on_day=30)
EXPIRED = make_certificate("a", valid_days=50)


def plan(snapshot: Snapshot, earlier: str, last: PlannedSwap | None = None) -> PlannedSwap:
    """Plan the rotation to `B` from a signer with this name."""
    names = {earlier: A.fingerprint, "2026-02": B.fingerprint}
    declaration = Declaration(generation="2026-02", deployed_generation=earlier, recorded_generations=names)
    decision = decide(declaration, snapshot)
    swap = plan_swap(declaration, decision, snapshot, last, verification="none", affects=["s4"])
    assert swap is not None
    return swap


def test_lines_say_what_reviewers_need() -> None:
    """Both certificates with their days, the SHA-1 of the next signer, and the end of the rollback."""
    swap = plan(make_snapshot(A, B), "2026-01")
    digest = hashlib.sha1(b"BODY", usedforsecurity=False).hexdigest().upper()

    assert swap.number == 1
    assert swap.step.startswith("rotate: passive bbbbbbbb (2026-02) becomes active")
    assert swap.only_if_active == A.fingerprint
    assert swap.becomes_active == "bbbbbbbb (2026-02), exists since 2026-01-31, expires 2028-01-31"
    assert swap.becomes_active_sha1.replace(":", "") == digest
    assert swap.becomes_passive == f"aaaaaaaa (2026-01), expires {format_day(A.not_after)}"
    assert swap.rollback.startswith(f"until aaaaaaaa (2026-01) expires on {format_day(A.not_after)}, ")
    assert (swap.verification, swap.affects) == ("none", ["s4"])


@given(st.lists(st.integers(31, A.not_after.toordinal() - date(2026, 1, 1).toordinal() - 1), min_size=2))
def test_lines_of_saved_plan_stay(days: list[int]) -> None:
    """A plan that is carried out another day has the same lines, until a certificate expires."""
    swaps = [plan(make_snapshot(A, B, day=day), "2026-01") for day in days]

    assert all(swap == swaps[0] for swap in swaps)


def test_expired_signer_ends_the_rollback() -> None:
    """A rotation out of an expired certificate says that a rollback is impossible."""
    swap = plan(make_snapshot(EXPIRED, B), "2026-01")

    assert swap.becomes_passive == "aaaaaaaa (2026-01), expired 2026-02-20"
    assert swap.rollback == "impossible: aaaaaaaa (2026-01) expired 2026-02-20"


@pytest.mark.parametrize("length", [7, 30, 31, 32, 60, 200])
def test_lines_fit_into_a_preview(length: int) -> None:
    """A long name is left out, the step apart, which repeats the program's own names."""
    swap = plan(make_snapshot(A, B), "n" * length)

    assert max(map(len, (swap.becomes_active, swap.becomes_passive, swap.rollback))) <= PREVIEW_WIDTH
    assert swap.becomes_passive.startswith("aaaaaaaa")


def test_done_swap_stays() -> None:
    """With the declared certificate active the last swap is returned as it is; the next one has the next number."""
    last = plan(make_snapshot(A, B), "2026-01")

    assert plan(make_snapshot(B, A, day=400), "2026-01", last) is last
    assert plan(make_snapshot(A, B), "2026-01", last).number == 2
