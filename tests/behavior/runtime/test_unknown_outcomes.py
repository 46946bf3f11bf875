"""Slot writes after an unknown outcome: retries of error hooks, and other resources of the command."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from btp_trust.errors import OutcomeUnknown, SlotsChanged, TrustError, WriteNotApplied
from btp_trust.runtime import process_session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust_emulator import Emulator
from support.fake_engine import (
    Deployment,
    FakeEngine,
    TransportFault,
    answer_with,
    commit_then_raise,
    interleave,
    program,
    raise_before_sending,
)
from support.slot_writes import ALONE, PREPARED, Counted, WriteScenario, every_write, stack, stale, swap_scenario


def blind(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """Refuse reads alone."""
    return httpx.Response(403, request=request) if request.method == "GET" else send(request)


def behind(scenario: WriteScenario) -> TransportFault:
    """Let the service act, lose its answer, and show the slots from before to all who read."""
    return stale(scenario, 99, httpx.ReadError("reset"))


def unreadable(scenario: WriteScenario) -> TransportFault:
    """Let the service act, lose its answer, and refuse readings for a while."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for path in ("certificate", "certificate/passive"):
            for _ in range(20):
                scenario.engine.transport.inject_once(f"GET {path}", blind)
        return commit_then_raise(httpx.ReadTimeout("lost"))(request, send)

    return fault


UNKNOWN_AFTER = [
    pytest.param(behind, WriteNotApplied, id="stale readings"),
    pytest.param(unreadable, OutcomeUnknown, id="no readings"),
    pytest.param(lambda _: raise_before_sending(httpx.ReadTimeout("lost")), WriteNotApplied, id="it seems undone"),
    pytest.param(lambda _: answer_with(404, html="no route"), WriteNotApplied, id="a page that refuses"),
]


@every_write
@pytest.mark.parametrize(("fault", "error"), UNKNOWN_AFTER)
def test_retry_hook_keeps_unknown_outcome(
    scenario: WriteScenario, fault: Callable[[WriteScenario], TransportFault], error: type[TrustError]
) -> None:
    """After an unknown outcome, each retry of an error hook ends with the same error; the next `up` converges."""
    scenario.engine.retries = 2
    tries = Counted(scenario, fault(scenario))
    scenario.engine.transport.inject_once(scenario.request, tries)
    with pytest.raises(error) as stopped:
        scenario.run()
    ended_with = [str(call.error) for call in scenario.engine.calls[-3:]]
    assert ended_with == [str(stopped.value)] * 3
    assert len({call.method for call in scenario.engine.calls[-3:]}) == 1
    assert scenario.engine.transport.sent.count(scenario.request) - _sent_before(scenario) == 1
    scenario.assert_converges()


def _sent_before(scenario: WriteScenario) -> int:
    """Count how often the write was sent in the deployments before."""
    earlier = scenario.engine.calls[: -scenario.engine.retries - 1]
    return sum(call.sent.count(scenario.request) for call in earlier)


def test_retry_hook_keeps_undone_swap(emulator: Emulator) -> None:
    """A retry of an error hook leaves a swap undone that somebody undid at once."""
    scenario = swap_scenario(emulator)
    scenario.engine.retries = 1
    scenario.engine.transport.inject_once(
        scenario.request, interleave(before=lambda: emulator.rotate(scenario.engine.guid))
    )
    with pytest.raises(SlotsChanged, match="was applied, and yet the slots are as before"):
        scenario.run()
    assert scenario.engine.last_report.writes == [scenario.request]
    assert scenario.engine.slots == scenario.before


@every_write
@pytest.mark.parametrize(
    ("fault", "times"), [(answer_with(403), 1), (raise_before_sending(httpx.ConnectError("no")), MAX_ATTEMPTS)]
)
def test_retry_hook_resends_unapplied_write(scenario: WriteScenario, fault: TransportFault, times: int) -> None:
    """A retry of an error hook compares and sends a write that was certainly unapplied."""
    scenario.engine.retries = 1
    for _ in range(times):
        scenario.engine.transport.inject_once(scenario.request, fault)
    assert scenario.run() == [scenario.request]
    scenario.engine.retries = 0
    scenario.engine.assert_stable(scenario.wanted)


@pytest.mark.parametrize("name", ["default", "second"])
def test_unknown_outcome_stops_other_resources(emulator: Emulator, name: str) -> None:
    """After an unknown outcome, other resources of the command stop too, under every connection of the subaccount."""
    engine = stack(emulator, ALONE, program("b"))
    engine.config["btp-trust:connections"] = json.dumps({"second": emulator.service_key(engine.guid)})
    slots = engine.slots

    def both(deployment: Deployment) -> None:
        with contextlib.suppress(WriteNotApplied):
            deployment.passive(generation="c")
        renewed: dict[str, Any] = {"renew_fingerprint": slots[0], "accept_outage": True}
        deployment.active(connection=None if name == "default" else name, **renewed)

    engine.transport.inject_once("POST certificate/passive", raise_before_sending(httpx.ReadTimeout("lost")))
    with pytest.raises(WriteNotApplied, match="generation of a passive certificate was sent once"):
        engine.up(both)
    assert engine.last_report.writes == []
    assert engine.slots == slots


def test_unknown_outcome_stops_waiting_resource(emulator: Emulator) -> None:
    """A resource that waits for the write lock stops if the outcome before it is unknown."""
    account = _account(stack(emulator, ALONE, PREPARED))
    waiting = threading.Thread(target=lambda: results.append(_tried(account)))
    results: list[BaseException | None] = []
    with account.write_lock.hold():
        waiting.start()
        account.write_lock.record_failure(WriteNotApplied("a", "b", "c"))
    waiting.join()
    assert isinstance(results[0], WriteNotApplied)


def _account(engine: FakeEngine) -> Subaccount:
    engine.preview(PREPARED)
    return process_session.current().subaccount("default", None)


def _tried(account: Subaccount) -> BaseException | None:
    try:
        swap(account, account.snapshot().slots, account.snapshot().slots.passive or "")
    except TrustError as error:
        return error
    return None
