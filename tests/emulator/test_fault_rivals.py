"""A rival acts just before or just after a write, as a colleague in the cockpit would."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from btp_trust_emulator import Action, FaultKind, Slots

ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


def changed(before: Slots, after: Slots) -> set[str]:
    """Return the names of the slots that differ."""
    return {name for name in ("active", "passive") if getattr(before, name) != getattr(after, name)}


@pytest.mark.parametrize(
    ("action", "slots"),
    [
        pytest.param(Action.GENERATE_ACTIVE, {"active"}, id="renews active"),
        pytest.param(Action.GENERATE_PASSIVE, {"passive"}, id="renews passive"),
        pytest.param(Action.ROTATE, {"active", "passive"}, id="swaps"),
        pytest.param(Action.DELETE_PASSIVE, {"passive"}, id="deletes passive"),
    ],
)
def test_rival_acts_between_read_and_write(authorized_caller: Any, action: Action, slots: set[str]) -> None:
    """The read shows the old slots; the journal's entry of the write begins with the rival's."""
    authorized_caller.caller.emulator.fault(FaultKind.RIVAL_BEFORE, action=action)
    read = authorized_caller.slots
    assert authorized_caller.read(ACTIVE) == read.active
    assert authorized_caller.call("POST", PASSIVE).status_code == 200
    entry = authorized_caller.entry()
    assert changed(read, entry.before) == slots
    assert changed(entry.before, entry.after) == {"passive"}
    assert (entry.after, entry.faults) == (authorized_caller.slots, (FaultKind.RIVAL_BEFORE,))


def test_rival_can_break_write(authorized_caller: Any) -> None:
    """Rotating needs the passive certificate, which the rival has deleted."""
    authorized_caller.caller.emulator.fault(
        FaultKind.RIVAL_BEFORE, action=Action.DELETE_PASSIVE, path=None, method="POST"
    )
    before = authorized_caller.slots
    assert authorized_caller.call("POST", ROTATE).status_code == 404
    assert (
        authorized_caller.entry().before
        == authorized_caller.entry().after
        == authorized_caller.slots
        == replace(before, passive=None)
    )


def test_rival_acts_before_response(authorized_caller: Any) -> None:
    """The response shows our write; the slots have the rival's."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.RIVAL_AFTER, action=Action.ROTATE)
    assert authorized_caller.call("POST", ROTATE).status_code == 200
    entry = authorized_caller.entry()
    assert entry.after == Slots(before.passive, before.active)
    assert (authorized_caller.slots, entry.faults) == (before, (FaultKind.RIVAL_AFTER,))


def test_rivals_combine_with_lost_response(authorized_caller: Any) -> None:
    """One request may have both rivals and a fault of its response."""
    emulator, before = authorized_caller.caller.emulator, authorized_caller.slots
    emulator.fault(FaultKind.RIVAL_AFTER, action=Action.ROTATE)
    emulator.fault(FaultKind.DO_THEN_FAIL)
    emulator.fault(FaultKind.RIVAL_BEFORE, action=Action.ROTATE)
    assert authorized_caller.call("POST", ROTATE).status_code == 500
    assert authorized_caller.entry().faults == (FaultKind.RIVAL_AFTER, FaultKind.DO_THEN_FAIL, FaultKind.RIVAL_BEFORE)
    assert authorized_caller.slots == Slots(before.passive, before.active)


def test_rival_waits_for_acting_write(authorized_caller: Any) -> None:
    """The rival ignores reads, tokens, refused writes, and writes with a failure."""
    emulator, before = authorized_caller.caller.emulator, authorized_caller.slots
    emulator.fault(FaultKind.FAIL, method="POST", path="/destination-configuration/v1/saml2Metadata/rotateCertificate")
    emulator.fault(FaultKind.RIVAL_BEFORE, action=Action.ROTATE)
    authorized_caller.read(ACTIVE)
    authorized_caller.caller.token()
    authorized_caller.caller.call("POST", ROTATE, content=b"{}", authorization=authorized_caller.authorization)
    authorized_caller.caller.call("POST", ROTATE, authorization="Bearer nonsense")
    assert authorized_caller.slots == before
    assert [(queued.fault.kind, queued.fired) for queued in emulator.faults()] == [(FaultKind.RIVAL_BEFORE, 0)]


def test_rival_may_precede_read(authorized_caller: Any) -> None:
    """With the method GET, the rival acts before a read."""
    authorized_caller.caller.emulator.fault(FaultKind.RIVAL_BEFORE, action=Action.ROTATE, method="GET")
    before = authorized_caller.slots
    assert authorized_caller.read(ACTIVE) == before.passive


def test_refused_rival_is_logged(authorized_caller: Any, caplog: pytest.LogCaptureFixture) -> None:
    """If the cockpit would refuse the rival's action, the log says so, and the request goes on."""
    authorized_caller.caller.emulator.delete_passive(authorized_caller.guid)
    authorized_caller.caller.emulator.fault(FaultKind.RIVAL_BEFORE, action=Action.DELETE_PASSIVE)
    assert authorized_caller.call("POST", PASSIVE).status_code == 200
    assert "The rival of fault rival_before did nothing: The passive certificate was not deleted." in caplog.text
