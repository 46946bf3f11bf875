"""A rival acts just before or just after a write, as a colleague in the cockpit would."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from btp_trust_emulator import Action, Kind, Slots

ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


def changed(before: Slots, after: Slots) -> set[str]:
    """The names of the slots that differ."""
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
def test_a_rival_acts_between_our_read_and_our_write(holder: Any, action: Action, slots: set[str]) -> None:
    """The read shows what was; the journal's entry of the write begins with what the rival left."""
    holder.caller.emulator.fault(Kind.RIVAL_BEFORE, action=action)
    read = holder.slots
    assert holder.read(ACTIVE) == read.active
    assert holder.call("POST", PASSIVE).status_code == 200
    entry = holder.entry()
    assert changed(read, entry.before) == slots
    assert changed(entry.before, entry.after) == {"passive"}
    assert (entry.after, entry.faults) == (holder.slots, (Kind.RIVAL_BEFORE,))


def test_a_write_may_fail_by_what_a_rival_did(holder: Any) -> None:
    """Rotating needs the passive certificate that the rival has deleted."""
    holder.caller.emulator.fault(Kind.RIVAL_BEFORE, action=Action.DELETE_PASSIVE, path=None, method="POST")
    before = holder.slots
    assert holder.call("POST", ROTATE).status_code == 404
    assert holder.entry().before == holder.entry().after == holder.slots == replace(before, passive=None)


def test_a_rival_acts_after_our_write_and_before_its_answer(holder: Any) -> None:
    """The answer shows what we did; the slots do not hold it any more."""
    before = holder.slots
    holder.caller.emulator.fault(Kind.RIVAL_AFTER, action=Action.ROTATE)
    assert holder.call("POST", ROTATE).status_code == 200
    entry = holder.entry()
    assert entry.after == Slots(before.passive, before.active)
    assert (holder.slots, entry.faults) == (before, (Kind.RIVAL_AFTER,))


def test_a_rival_and_a_lost_answer_go_together(holder: Any) -> None:
    """One request may meet both rivals and what happens to its answer."""
    emulator, before = holder.caller.emulator, holder.slots
    emulator.fault(Kind.RIVAL_AFTER, action=Action.ROTATE)
    emulator.fault(Kind.DO_THEN_FAIL)
    emulator.fault(Kind.RIVAL_BEFORE, action=Action.ROTATE)
    assert holder.call("POST", ROTATE).status_code == 500
    assert holder.entry().faults == (Kind.RIVAL_AFTER, Kind.DO_THEN_FAIL, Kind.RIVAL_BEFORE)
    assert holder.slots == Slots(before.passive, before.active)


def test_a_rival_waits_for_a_write_that_acts(holder: Any) -> None:
    """Neither a read, nor a token, nor a write that will be refused, nor one that meets a failure."""
    emulator, before = holder.caller.emulator, holder.slots
    emulator.fault(Kind.FAIL, method="POST", path="/destination-configuration/v1/saml2Metadata/rotateCertificate")
    emulator.fault(Kind.RIVAL_BEFORE, action=Action.ROTATE)
    holder.read(ACTIVE)
    holder.caller.token()
    holder.caller.call("POST", ROTATE, content=b"{}", authorization=holder.authorization)
    holder.caller.call("POST", ROTATE, authorization="Bearer nonsense")
    assert holder.slots == before
    assert [(queued.fault.kind, queued.fired) for queued in emulator.faults()] == [(Kind.RIVAL_BEFORE, 0)]


def test_a_rival_may_come_before_a_read(holder: Any) -> None:
    """If the fault asks for the method GET."""
    holder.caller.emulator.fault(Kind.RIVAL_BEFORE, action=Action.ROTATE, method="GET")
    before = holder.slots
    assert holder.read(ACTIVE) == before.passive


def test_a_rival_is_refused_what_a_colleague_is_refused(holder: Any, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to delete twice: the log says so, and the request goes on."""
    holder.caller.emulator.delete_passive(holder.guid)
    holder.caller.emulator.fault(Kind.RIVAL_BEFORE, action=Action.DELETE_PASSIVE)
    assert holder.call("POST", PASSIVE).status_code == 200
    assert "The rival of fault rival_before did nothing: The passive certificate was not deleted." in caplog.text
