"""The output `history`: each deployment adds what it did to the signer, or found."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_engine import FakeEngine, program


def history(engine: FakeEngine) -> list[dict[str, Any]]:
    """Return the recorded events."""
    return list(engine.outputs("rotation").get("history", ()))


def test_swaps_are_recorded_in_order(engine: FakeEngine) -> None:
    """A rotation and its rollback, each with both certificates; a preparation adds nothing."""
    engine.deploy(program(None, "a"), program("b", "a"))
    assert history(engine) == []
    a, b = engine.slots
    engine.deploy(program("b", "b"), program("b", "a"))
    rotated, back = history(engine)
    assert (rotated["step"], rotated["previous"], rotated["signer"]) == ("rotate", a, b)
    assert (back["step"], back["previous"], back["signer"]) == ("roll back", b, a)
    assert rotated["at"] <= back["at"] == engine.outputs("rotation")["rotated_at"]
    engine.assert_stable(program("b", "a"))


@pytest.mark.parametrize("refreshed", [False, True])
def test_foreign_swap_is_found_once(rotated: FakeEngine, *, refreshed: bool) -> None:
    """The deployment that records it says so, after a refresh as well; undone, that is a restoration."""
    signer = rotated.slots[0]
    rotated.emulator.rotate(rotated.guid)
    if refreshed:
        rotated.refresh()
    rotated.up(program("b", "b"))
    rotated.up(program("b", "b"))
    rotated.deploy(program("b", "b", trigger={"on_drift": "restore"}))
    assert [event["step"] for event in history(rotated)] == ["rotate", "found", "restore"]
    assert history(rotated)[1]["previous"] == signer == history(rotated)[2]["signer"]


def test_reasons_are_kept(rotated: FakeEngine) -> None:
    """Why a generation was revoked, or passed the limits of time."""
    revoked: dict[str, Any] = {"revoked": {"b": "INC-4711"}}
    rotated.deploy(program("c", "b", trigger=revoked), program("c", "c", trigger=revoked))
    assert history(rotated)[-1]["why"] == "INC-4711"
    hurried = {**revoked, "soak": "14d", "break_glass": {"d": "INC-4712"}}
    rotated.deploy(program("d", "c", trigger=hurried), program("d", "d", trigger=hurried))
    assert "INC-4712" in history(rotated)[-1]["why"]
