"""Stale reads show a slot as it was before its last write; the slots and the journal have the truth."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from btp_trust_emulator import FaultKind, Slot
from btp_trust_emulator.pki import trust_certificate

ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


def test_next_reads_are_stale(authorized_caller: Any) -> None:
    """As many reads as `count` are stale, and the journal says which."""
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


def test_stale_reads_end_by_clock(authorized_caller: Any) -> None:
    """Reads are stale for `seconds` of the clock; after that the fault waits no longer."""
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


def test_slots_are_stale_separately(authorized_caller: Any) -> None:
    """Half of a swap can be seen: the same certificate in both slots."""
    old = authorized_caller.slots
    authorized_caller.call("POST", ROTATE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.PASSIVE, seconds=60)
    assert [authorized_caller.read(ACTIVE), authorized_caller.read(PASSIVE)] == [old.passive, old.passive]
    authorized_caller.caller.emulator.advance(60)
    assert authorized_caller.read(PASSIVE) == old.active


def test_empty_slot_can_be_stale(authorized_caller: Any) -> None:
    """A slot that was empty is empty to a stale read, and one that was emptied is full."""
    old = authorized_caller.slots
    authorized_caller.call("DELETE", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [old.passive, None]
    authorized_caller.call("POST", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    assert authorized_caller.read(PASSIVE) is None
    assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive


def test_metadata_is_stale(authorized_caller: Any) -> None:
    """Metadata shows each slot by its own fault; one request may have one for each."""
    old = authorized_caller.caller.emulator.certificates(authorized_caller.guid)
    authorized_caller.call("POST", ACTIVE)
    authorized_caller.call("POST", PASSIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.ACTIVE)
    authorized_caller.caller.emulator.fault(FaultKind.STALE, slot=Slot.PASSIVE)
    xml = base64.b64decode(authorized_caller.call("GET", "").json()["idpMetadata"]).decode()
    assert all("".join(trust_certificate.body(pem).split()) in "".join(xml.split()) for pem in old)
    assert authorized_caller.entry().faults == (FaultKind.STALE, FaultKind.STALE)


def test_unwritten_slot_is_never_stale(authorized_caller: Any) -> None:
    """The fault waits for a read of a written slot with a valid token."""
    fault = authorized_caller.caller.emulator.fault(
        FaultKind.STALE, slot=Slot.ACTIVE, subaccount=authorized_caller.guid
    )
    assert authorized_caller.read(ACTIVE) == authorized_caller.slots.active
    assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive
    authorized_caller.caller.call("GET", ACTIVE, authorization="Bearer nonsense")
    assert [(queued.fault, queued.fired) for queued in authorized_caller.caller.emulator.faults()] == [(fault, 0)]


def test_writes_ignore_staleness(authorized_caller: Any) -> None:
    """A swap exchanges the true contents."""
    authorized_caller.call("POST", ACTIVE)
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.STALE)
    authorized_caller.call("POST", ROTATE)
    assert (authorized_caller.slots.active, authorized_caller.slots.passive) == (before.passive, before.active)
    assert authorized_caller.entry().faults == ()


def test_future_write_is_hidden(authorized_caller: Any) -> None:
    """Reads before the write are right, although the slot had been written before."""
    old = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.STALE_AFTER_WRITE)
    assert authorized_caller.read(PASSIVE) == old.passive
    authorized_caller.call("POST", PASSIVE)
    assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [
        old.passive,
        authorized_caller.slots.passive,
    ]


def test_future_writes_are_hidden_for_seconds(authorized_caller: Any) -> None:
    """Each next write is hidden from its own time on."""
    authorized_caller.caller.emulator.fault(FaultKind.STALE_AFTER_WRITE, seconds=60)
    authorized_caller.caller.emulator.advance(600)
    for _ in range(2):
        old = authorized_caller.slots
        authorized_caller.call("POST", PASSIVE)
        assert [authorized_caller.read(PASSIVE), authorized_caller.read(PASSIVE)] == [old.passive, old.passive]
        authorized_caller.caller.emulator.advance(60)
        assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive


@pytest.mark.parametrize("kind", [FaultKind.STALE, FaultKind.STALE_AFTER_WRITE])
def test_other_subaccount_is_fresh(authorized_caller: Any, kind: FaultKind) -> None:
    """A write of one subaccount leaves reads of another fresh."""
    other = authorized_caller.caller.emulator.create_subaccount(generate=True).guid
    authorized_caller.caller.emulator.fault(kind, slot=Slot.ACTIVE)
    authorized_caller.caller.emulator.generate_active(other)
    assert authorized_caller.read(ACTIVE) == authorized_caller.slots.active
