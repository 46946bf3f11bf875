"""Slot writes whose outcome is read: lost, late and malformed responses."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from btp_trust.errors import OutcomeUnknown, WriteNotApplied
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    TransportFault,
    answer_with,
    assert_three_part_message,
    commit_then_answer,
    commit_then_raise,
    raise_before_sending,
)
from support.slot_writes import (
    PAUSES,
    Counted,
    WriteScenario,
    every_write,
    every_write_of_one_slot,
    preparation_scenario,
    renewal_scenario,
    stale,
    swap_scenario,
)

LOST_AFTER = [
    pytest.param(commit_then_raise(httpx.ReadTimeout("lost")), id="a timeout"),
    pytest.param(commit_then_raise(httpx.ReadError("reset")), id="a reset"),
    pytest.param(commit_then_raise(httpx.RemoteProtocolError("cut")), id="an answer that breaks off"),
    pytest.param(commit_then_answer(500), id="a 500"),
    pytest.param(commit_then_answer(503), id="a 503"),
    pytest.param(commit_then_answer(200, html="<html>"), id="a page of a proxy"),
    pytest.param(commit_then_answer(418, json={}), id="an undocumented status"),
    pytest.param(
        commit_then_answer(502, headers={"X-Cf-Routererror": "endpoint_failure"}),
        id="a router that lost it",
    ),
    pytest.param(
        commit_then_answer(404, headers={"X-Cf-Routererror": "endpoint_failure"}, json={"ErrorMessage": "x"}),
        id="a router that hides it behind the documented 404",
    ),
]
LOST_BEFORE = [
    pytest.param(raise_before_sending(httpx.ReadTimeout("lost")), id="a timeout"),
    pytest.param(raise_before_sending(httpx.WriteError("lost")), id="a broken line"),
    pytest.param(answer_with(502, html="<html>"), id="a proxy's 502"),
    pytest.param(answer_with(200, html="<html>"), id="a proxy's 200"),
]


@every_write
@pytest.mark.parametrize("fault", LOST_AFTER)
def test_lost_response_is_resolved(
    scenario: WriteScenario, fault: TransportFault, request: pytest.FixtureRequest
) -> None:
    """A write whose response was lost is found in the slots by one reading, and its outputs are true."""
    scenario.engine.transport.inject_once(scenario.request, fault)
    assert scenario.run() == [scenario.request]
    assert scenario.engine.slots != scenario.before
    assert scenario.engine.pauses == PAUSES[:1]
    output = scenario.engine.last_report.messages
    # After a client error one reading decides, which is over before an announcement could be read.
    is_announced = "will be read until that is certain, for 30 s at most (btp-trust:resolveTimeout)\n" in output
    assert is_announced is ("undocumented" not in request.node.name)
    assert "was done, once: both slots (before: active " in output
    scenario.engine.assert_stable(scenario.wanted)


@every_write
@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_unapplied_write_is_never_repeated(scenario: WriteScenario, fault: TransportFault) -> None:
    """A write that may have arrived is sent once; the slots are read for 30 s, and the next `up` does it."""
    tries = Counted(scenario, fault)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(WriteNotApplied) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert len(tries.journal) == 1
    assert scenario.engine.last_report.writes == []
    assert scenario.engine.pauses == PAUSES
    assert sum(PAUSES) == 30
    scenario.assert_converges()


@every_write
@pytest.mark.parametrize("status", [400, 405, 409, 422])
def test_client_error_is_read_once(scenario: WriteScenario, status: int) -> None:
    """A write with a client error is followed by one reading, and the error has the status."""
    tries = Counted(scenario, answer_with(status, text="refused"))
    scenario.engine.transport.inject_once(scenario.request, tries)
    with pytest.raises(WriteNotApplied, match=f"was refused: .*/saml2Metadata.* Status {status}") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert scenario.engine.pauses == PAUSES[:1]
    assert scenario.engine.last_report.requests[-2:] == ["GET certificate", "GET certificate/passive"]
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()


@every_write
def test_unreadable_slots_leave_outcome_unknown(scenario: WriteScenario) -> None:
    """A lost response with unreadable slots is an OutcomeUnknown; the next `up` finds the write done."""

    def commit_and_cut(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        scenario.engine.transport.inject_always(
            raise_before_sending(httpx.ConnectError("down")), "GET certificate", "GET certificate/passive"
        )
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, commit_and_cut)
    with pytest.raises(OutcomeUnknown) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), "could not be read")
    scenario.engine.transport.clear_faults()
    scenario.engine.emulator.advance(HOUR)
    assert scenario.engine.up(scenario.wanted).writes == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_failed_reading_is_repeated_later(scenario: WriteScenario) -> None:
    """A reading that fails after a lost response is repeated after the next pause."""

    def slow_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        for _ in range(MAX_ATTEMPTS):
            scenario.engine.transport.inject_once("GET certificate", raise_before_sending(httpx.ReadTimeout("slow")))
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, slow_after)
    assert scenario.run() == [scenario.request]
    assert (scenario.engine.pauses[0], scenario.engine.pauses[-1]) == (PAUSES[0], PAUSES[1])
    assert len(scenario.engine.pauses) == 2 + MAX_ATTEMPTS - 1
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_stale_reading_is_repeated_later(scenario: WriteScenario) -> None:
    """A stale reading after a lost response is repeated until the slots show the write."""
    scenario.engine.transport.inject_once(scenario.request, stale(scenario, 2, httpx.ReadTimeout("lost")))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == PAUSES[:3]
    scenario.engine.assert_stable(scenario.wanted)


@every_write
@pytest.mark.parametrize(
    ("limits", "pauses"),
    [
        pytest.param({"resolveTimeout": "1"}, [0.5, 0.5], id="a second to resolve"),
        pytest.param({"resolveTimeout": "60"}, [*PAUSES[:5], *[8.0] * 5, 4.5], id="a minute to resolve"),
        pytest.param(
            {"resolveTimeout": "600", "operationTimeout": "1800"},
            [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[37.5] * 14, 11.5],
            id="ten minutes to resolve",
        ),
        pytest.param({"resolveTimeout": "600", "operationTimeout": "10"}, PAUSES[:4], id="ten seconds in all"),
    ],
)
def test_resolve_timeout_can_be_set(scenario: WriteScenario, limits: dict[str, str], pauses: list[float]) -> None:
    """`resolveTimeout` bounds the readings, and so does the end of the operation."""
    scenario.engine.config |= {f"btp-trust:{name}": value for name, value in limits.items()}
    scenario.engine.transport.inject_once(scenario.request, raise_before_sending(httpx.ReadTimeout("lost")))
    with pytest.raises(WriteNotApplied, match=rf"after {sum(pauses):g} s"):
        scenario.run()
    assert scenario.engine.pauses == pauses
    scenario.assert_converges()


@every_write
def test_slow_write_leaves_outcome_unknown(scenario: WriteScenario) -> None:
    """A write that takes all the time of its operation is an OutcomeUnknown, and the next `up` finds it done."""

    def slow(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        scenario.engine.elapsed += 180.0
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, slow)
    with pytest.raises(OutcomeUnknown, match="could not be read"):
        scenario.run()
    assert scenario.engine.pauses == []
    scenario.engine.emulator.advance(HOUR)
    assert scenario.engine.up(scenario.wanted).writes == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write_of_one_slot
def test_response_prevails_over_stale_reading(scenario: WriteScenario) -> None:
    """A response is newer than a reading that shows the slots as before, and is accepted."""
    scenario.engine.transport.inject_once(scenario.request, stale(scenario, 1))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write_of_one_slot
def test_response_prevails_over_failed_reading(scenario: WriteScenario) -> None:
    """A write is done according to its response, even if the reading after it fails."""

    def down_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for _ in range(MAX_ATTEMPTS):
            scenario.engine.transport.inject_once("GET certificate", answer_with(503))
        return send(request)

    scenario.engine.transport.inject_once(scenario.request, down_after)
    assert scenario.run() == [scenario.request]
    scenario.engine.assert_stable(scenario.wanted)


@pytest.mark.parametrize(
    "make",
    [swap_scenario, preparation_scenario, renewal_scenario],
    ids=lambda make: make.__name__.removesuffix("_scenario").replace("_", " "),
)
def test_malformed_response_is_resolved(emulator: Emulator, make: Callable[..., WriteScenario]) -> None:
    """A response with something else than a certificate is resolved by reading."""
    scenario: WriteScenario = make(emulator)
    body = dict.fromkeys(("certificate", "activeCertificate", "passiveCertificate"), "garbage")
    scenario.engine.transport.inject_once(scenario.request, commit_then_answer(200, json=body))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == PAUSES[:1]
    scenario.engine.assert_stable(scenario.wanted)
