"""Reads that lag behind show a slot as it was before its last write; the slots and the journal have the truth."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from btp_trust_emulator import Kind, Slot
from btp_trust_emulator.pki import trust_certificate

ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


def test_the_next_reads_are_stale(holder: Any) -> None:
    """As many as told, then the truth; the journal says which."""
    old = holder.slots
    holder.call("POST", ACTIVE)
    holder.caller.emulator.fault(Kind.STALE, count=2)
    assert [holder.read(ACTIVE) for _ in range(3)] == [old.active, old.active, holder.slots.active]
    entries = holder.caller.emulator.journal()[1:]
    assert [entry.faults for entry in entries] == [(Kind.STALE,), (Kind.STALE,), ()]
    assert {entry.after for entry in entries} == {holder.slots}


def test_reads_are_stale_for_a_while(holder: Any) -> None:
    """By the clock, that can be moved; such a fault waits no longer when its time is over."""
    old = holder.slots
    holder.caller.emulator.rotate(holder.guid)
    holder.caller.emulator.fault(Kind.STALE, seconds=60)
    assert [holder.read(ACTIVE), holder.read(ACTIVE), holder.read(PASSIVE)] == [old.active, old.active, old.passive]
    assert [queued.fired for queued in holder.caller.emulator.faults()] == [3]
    holder.caller.emulator.advance(60)
    assert [holder.read(ACTIVE), holder.read(PASSIVE)] == [old.passive, old.active]
    assert holder.caller.emulator.faults() == []


def test_slots_are_stale_at_different_times(holder: Any) -> None:
    """Half of a swap can be seen: the same certificate in both slots."""
    old = holder.slots
    holder.call("POST", ROTATE)
    holder.caller.emulator.fault(Kind.STALE, slot=Slot.PASSIVE, seconds=60)
    assert [holder.read(ACTIVE), holder.read(PASSIVE)] == [old.passive, old.passive]
    holder.caller.emulator.advance(60)
    assert holder.read(PASSIVE) == old.active


def test_a_slot_that_was_empty_is_empty_to_a_stale_read(holder: Any) -> None:
    """And one that was emptied is full."""
    old = holder.slots
    holder.call("DELETE", PASSIVE)
    holder.caller.emulator.fault(Kind.STALE)
    assert [holder.read(PASSIVE), holder.read(PASSIVE)] == [old.passive, None]
    holder.call("POST", PASSIVE)
    holder.caller.emulator.fault(Kind.STALE)
    assert holder.read(PASSIVE) is None
    assert holder.read(PASSIVE) == holder.slots.passive


def test_metadata_are_stale_too(holder: Any) -> None:
    """Each slot by its own faults: one request may meet one for each."""
    old = holder.caller.emulator.certificates(holder.guid)
    holder.call("POST", ACTIVE)
    holder.call("POST", PASSIVE)
    holder.caller.emulator.fault(Kind.STALE, slot=Slot.ACTIVE)
    holder.caller.emulator.fault(Kind.STALE, slot=Slot.PASSIVE)
    xml = base64.b64decode(holder.call("GET", "").json()["idpMetadata"]).decode()
    assert all("".join(trust_certificate.body(pem).split()) in "".join(xml.split()) for pem in old)
    assert holder.entry().faults == (Kind.STALE, Kind.STALE)


def test_a_slot_that_was_never_written_is_not_stale(holder: Any) -> None:
    """The fault waits for a read of one that was, by somebody whose token is good."""
    fault = holder.caller.emulator.fault(Kind.STALE, slot=Slot.ACTIVE, subaccount=holder.guid)
    assert holder.read(ACTIVE) == holder.slots.active
    assert holder.read(PASSIVE) == holder.slots.passive
    holder.caller.call("GET", ACTIVE, authorization="Bearer nonsense")
    assert [(queued.fault, queued.fired) for queued in holder.caller.emulator.faults()] == [(fault, 0)]


def test_writes_see_the_truth(holder: Any) -> None:
    """A swap swaps what is there, not what a read would show."""
    holder.call("POST", ACTIVE)
    before = holder.slots
    holder.caller.emulator.fault(Kind.STALE)
    holder.call("POST", ROTATE)
    assert (holder.slots.active, holder.slots.passive) == (before.passive, before.active)
    assert holder.entry().faults == ()


def test_a_write_yet_to_come_can_be_hidden(holder: Any) -> None:
    """Reads before it are right, though the slot had been written before."""
    old = holder.slots
    holder.caller.emulator.fault(Kind.STALE_AFTER_WRITE)
    assert holder.read(PASSIVE) == old.passive
    holder.call("POST", PASSIVE)
    assert [holder.read(PASSIVE), holder.read(PASSIVE)] == [old.passive, holder.slots.passive]


def test_a_write_yet_to_come_can_be_hidden_for_a_while(holder: Any) -> None:
    """From the write on; and the next write as well."""
    holder.caller.emulator.fault(Kind.STALE_AFTER_WRITE, seconds=60)
    holder.caller.emulator.advance(600)
    for _ in range(2):
        old = holder.slots
        holder.call("POST", PASSIVE)
        assert [holder.read(PASSIVE), holder.read(PASSIVE)] == [old.passive, old.passive]
        holder.caller.emulator.advance(60)
        assert holder.read(PASSIVE) == holder.slots.passive


@pytest.mark.parametrize("kind", [Kind.STALE, Kind.STALE_AFTER_WRITE])
def test_another_subaccount_is_not_stale(holder: Any, kind: Kind) -> None:
    """A write of one is no write of another."""
    other = holder.caller.emulator.create_subaccount(generate=True).guid
    holder.caller.emulator.fault(kind, slot=Slot.ACTIVE)
    holder.caller.emulator.generate_active(other)
    assert holder.read(ACTIVE) == holder.slots.active
