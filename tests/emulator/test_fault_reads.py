"""Reads that lag behind show a slot as it was before its last write; the slots and the journal have the truth."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from btp_trust_emulator import FaultKind, Slot
from btp_trust_emulator.pki import trust_certificate

ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


def test_the_next_reads_are_stale(authorized_caller: Any) -> None:
    """As many as told, then the truth; the journal says which."""
    old = authorized_caller.slots
    authorized_caller.call("POST", ACTIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, count=2)
    assert [authorized_caller.read(ACTIVE) for _ in range(3)] == [
        old.active,
        old.active,
        authorized_caller.slots.active,
    ]
    entries = authorized_caller.caller.emulator.journal()[1:]
    assert [entry.faults for entry in entries] == [(FaultKind.STALE,), (FaultKind.STALE,), ()]
    assert {entry.after for entry in entries} == {authorized_caller.slots}


def test_reads_are_stale_for_a_while(authorized_caller: Any) -> None:
    """By the clock, that can be moved; such a fault waits no longer when its time is over."""
    old = authorized_caller.slots
    authorized_caller.caller.emulator.rotate(authorized_caller.guid)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, seconds=60)
    assert [authorized_caller.read(ACTIVE), authorized_caller.read(ACTIVE), authorized_caller.read(PASSIVE)] == [
        old.active,
        old.active,
        old.passive,
    ]
    assert [queued.fired for queued in authorized_caller.caller.emulator.faults()] == [3]
    authorized_caller.caller.emulator.advance(60)
    assert [authorized_caller.read(ACTIVE), authorized_caller.read(PASSIVE)] == [old.passive, old.active]
    assert authorized_caller.caller.emulator.faults() == []


def test_slots_are_stale_at_different_times(authorized_caller: Any) -> None:
    """Half of a swap can be seen: the same certificate in both slots."""
    old = authorized_caller.slots
    authorized_caller.call("POST", ROTATE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.PASSIVE, seconds=60)
    assert [authorized_caller.read(ACTIVE), authorized_caller.read(PASSIVE)] == [old.passive, old.passive]
    authorized_caller.caller.emulator.advance(60)
    assert authorized_caller.read(PASSIVE) == old.active


def test_a_slot_that_was_empty_is_empty_to_a_stale_read(authorized_caller: Any) -> None:
    """And one that was emptied is full."""
    old = authorized_caller.slots
    authorized_caller.call("DELETE", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [old.passive, None]
    authorized_caller.call("POST", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    assert authorized_caller.read(PASSIVE) is None
    assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive


def test_metadata_are_stale_too(authorized_caller: Any) -> None:
    """Each slot by its own faults: one request may meet one for each."""
    old = authorized_caller.caller.emulator.certificates(authorized_caller.guid)
    authorized_caller.call("POST", ACTIVE)
    authorized_caller.call("POST", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.ACTIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.PASSIVE)
    xml = base64.b64decode(authorized_caller.call("GET", "").json()["idpMetadata"]).decode()
    assert all("".join(trust_certificate.body(pem).split()) in "".join(xml.split()) for pem in old)
    assert authorized_caller.entry().faults == (FaultKind.STALE, FaultKind.STALE)


def test_a_slot_that_was_never_written_is_not_stale(authorized_caller: Any) -> None:
    """The fault waits for a read of one that was, by somebody whose token is good."""
    fault = authorized_caller.caller.emulator.fault(
        FaultKind.STALE, slot=Slot.ACTIVE, subaccount=authorized_caller.guid
    )
    assert authorized_caller.read(ACTIVE) == authorized_caller.slots.active
    assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive
    authorized_caller.caller.call("GET", ACTIVE, authorization="Bearer nonsense")
    assert [(queued.fault, queued.fired) for queued in authorized_caller.caller.emulator.faults()] == [(fault, 0)]


def test_writes_see_the_truth(authorized_caller: Any) -> None:
    """A swap swaps what is there, not what a read would show."""
    authorized_caller.call("POST", ACTIVE)
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    authorized_caller.call("POST", ROTATE)
    assert (authorized_caller.slots.active, authorized_caller.slots.passive) == (before.passive, before.active)
    assert authorized_caller.entry().faults == ()


def test_a_write_yet_to_come_can_be_hidden(authorized_caller: Any) -> None:
    """Reads before it are right, though the slot had been written before."""
    old = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.STALE_AFTER_WRITE)
    assert authorized_caller.read(PASSIVE) == old.passive
    authorized_caller.call("POST", PASSIVE)
    assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [
        old.passive,
        authorized_caller.slots.passive,
    ]


def test_a_write_yet_to_come_can_be_hidden_for_a_while(authorized_caller: Any) -> None:
    """From the write on; and the next write as well."""
    authorized_caller.caller.emulator.fault(FaultKind.STALE_AFTER_WRITE, seconds=60)
    authorized_caller.caller.emulator.advance(600)
    for _ in range(2):
        old = authorized_caller.slots
        authorized_caller.call("POST", PASSIVE)
        assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [old.passive, old.passive]
        authorized_caller.caller.emulator.advance(60)
        assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive


@pytest.mark.parametrize("kind", [FaultKind.STALE, FaultKind.STALE_AFTER_WRITE])
def test_another_subaccount_is_not_stale(authorized_caller: Any, kind: FaultKind) -> None:
    """A write of one is no write of another."""
    other = authorized_caller.caller.emulator.create_subaccount(generate=True).guid
    authorized_caller.caller.emulator.fault(kind, slot=Slot.ACTIVE)
    authorized_caller.caller.emulator.generate_active(other)
    assert authorized_caller.read(ACTIVE) == authorized_caller.slots.active
