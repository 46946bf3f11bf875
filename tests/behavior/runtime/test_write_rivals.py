"""Slot writes beside somebody else who changes the slots at the same time."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from btp_trust.errors import SlotsChanged, TrustError, WriteNotApplied
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, CheckFailedError, TransportFault, assert_three_part_message, interleave
from support.slot_writes import (
    NEVER_ARRIVED,
    RIVALS,
    Counted,
    WriteScenario,
    every_write,
    every_write_of_one_slot,
    swap_scenario,
)


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_rival_between_attempts_stops_write(scenario: WriteScenario, fault: TransportFault) -> None:
    """A write is given up if somebody changed the slots between two attempts."""

    def refused_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        getattr(scenario.engine.emulator, RIVALS[scenario.request])(scenario.engine.guid)
        return fault(request, send)

    tries = Counted(scenario, refused_and_rival)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(SlotsChanged, match="was not applied") as stopped:
        scenario.run()
    assert_three_part_message(
        str(stopped.value), *[each for each in (*scenario.before, *scenario.engine.slots) if each]
    )
    assert len(tries.journal) == 1


@every_write_of_one_slot
@pytest.mark.parametrize("when", ["before", "after"])
def test_rival_beside_write_is_reported(scenario: WriteScenario, when: str) -> None:
    """The reading after a write shows what somebody did to the other slot."""
    act = getattr(scenario.engine.emulator, RIVALS[scenario.request])
    guid = scenario.engine.guid
    if scenario.request == "DELETE certificate/passive" and when == "before":
        act = scenario.engine.emulator.generate_active
    scenario.engine.transport.inject_once(scenario.request, interleave(**{when: lambda: act(guid)}))
    with pytest.raises(SlotsChanged, match="another client wrote") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.engine.slots if each])
    assert scenario.engine.last_report.writes.count(scenario.request) == 1


@every_write
def test_rival_after_lost_response_is_reported(scenario: WriteScenario) -> None:
    """Slots that differ from what the write leaves are reported; the next `up` converges or says why not."""
    act = getattr(scenario.engine.emulator, RIVALS[scenario.request])
    guid = scenario.engine.guid

    def lost_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        interleave(after=lambda: act(guid))(request, send)
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, lost_and_rival)
    with pytest.raises(SlotsChanged, match="another client wrote") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.engine.slots if each])
    scenario.engine.emulator.advance(HOUR)
    slots = scenario.engine.slots
    try:
        scenario.engine.up(scenario.wanted)
    except (CheckFailedError, TrustError) as refusal:
        assert_three_part_message(getattr(refusal, "reason", str(refusal)))
        assert scenario.engine.slots == slots
    else:
        scenario.engine.assert_stable(scenario.wanted)


def test_undone_swap_after_lost_response(emulator: Emulator) -> None:
    """A swap that somebody undid behind a lost response counts as unapplied, and the next `up` swaps once."""
    scenario = swap_scenario(emulator)

    def undone(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        emulator.rotate(scenario.engine.guid)
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, undone)
    with pytest.raises(WriteNotApplied):
        scenario.run()
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()
    assert scenario.engine.slots == scenario.before[::-1]


def test_deleted_passive_stops_swap(emulator: Emulator) -> None:
    """A swap whose passive certificate somebody deleted is reported as somebody else's change."""
    scenario = swap_scenario(emulator)
    scenario.engine.transport.inject_once(
        scenario.request, interleave(before=lambda: emulator.delete_passive(scenario.engine.guid))
    )
    with pytest.raises(SlotsChanged, match="another client wrote"):
        scenario.run()
    assert scenario.engine.slots == (scenario.before[0], None)
