"""Writes of a registration on a bad line, and beside others who change it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from btp_trust.errors import OutcomeUnknown, SlotsChanged, TargetChanged, UnexpectedResponse, WriteNotApplied
from btp_trust.runtime import process_session
from support.fake_engine import (
    Deployment,
    FakeEngine,
    TransportFault,
    answer_with,
    assert_three_part_message,
    commit_then_answer,
    commit_then_raise,
    interleave,
    raise_before_sending,
)
from support.registrations import DELETE, GET, ORIGIN, POST, PUT, Api, due, program, trusted

LOST: list[tuple[TransportFault, bool]] = [
    (commit_then_raise(httpx.ReadTimeout("slow")), True),
    (commit_then_answer(503), True),
    (commit_then_answer(502, html="proxy"), True),
    (commit_then_answer(200, html="proxy"), True),
    (raise_before_sending(httpx.ReadTimeout("slow")), False),
    (answer_with(500), False),
    (answer_with(404, html="proxy"), False),
]
lost = pytest.mark.parametrize(("fault", "acted"), LOST)


@lost
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_lost_response_is_resolved(engine: FakeEngine, request_: str, fault: TransportFault, *, acted: bool) -> None:
    """A lost response is resolved by reading, and the next `up` converges."""
    wanted = due(engine, request_)
    engine.transport.inject_once(request_, fault)
    try:
        engine.up(wanted)
    except WriteNotApplied as error:
        assert_three_part_message(str(error), ORIGIN, f"({engine.target_guid[:8]}): ")
        assert not acted
    else:
        assert acted
    assert engine.last_report.writes == ([request_] if acted else [])
    engine.deploy(wanted)
    assert trusted(engine) == (set() if request_ == DELETE else {engine.slots[0]})


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_retry_hook_sends_one_write(engine: FakeEngine, request_: str, *, acted: bool) -> None:
    """After an unknown outcome, each retry of an error hook ends with the same error."""
    wanted = due(engine, request_)
    before = Api(engine).all()
    error = httpx.ReadTimeout("slow")
    shown = answer_with(200, json=list(before.values()))
    for _ in range(9):
        engine.transport.inject_once(GET, shown, after=0)

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        return (commit_then_raise if acted else raise_before_sending)(error)(request, send)

    engine.transport.inject_once(request_, fault)
    engine.retries = 2
    sent = len(engine.transport.sent)
    with pytest.raises(WriteNotApplied) as stopped:
        engine.up(wanted, skip_preview=True)
    assert engine.transport.sent[sent:].count(request_) == 1
    assert [str(call.error) for call in engine.calls[-3:]] == [str(stopped.value)] * 3
    engine.transport.clear_faults()
    engine.up(wanted)
    assert engine.preview(wanted).has_no_changes


def test_uncertain_slots_stop_registration(engine: FakeEngine) -> None:
    """A slot write with an unknown outcome stops registrations of these slots."""
    engine.deploy(program())

    def both(deployment: Deployment) -> None:
        with contextlib.suppress(WriteNotApplied):
            deployment.passive(generation="b")
        deployment.trusted(connection="billing", origin_key=ORIGIN, name="renamed")

    engine.transport.inject_once("POST certificate/passive", raise_before_sending(httpx.ReadTimeout("slow")))
    with pytest.raises(WriteNotApplied, match="generation of a passive certificate"):
        engine.up(both)
    assert PUT not in engine.last_report.writes


@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_unreadable_target_leaves_outcome_unknown(engine: FakeEngine, request_: str) -> None:
    """A lost response with an unreadable target is an OutcomeUnknown."""
    wanted = due(engine, request_)

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        engine.transport.inject_always(answer_with(503), GET)
        return commit_then_raise(httpx.ReadTimeout("slow"))(request, send)

    engine.transport.inject_once(request_, fault)
    with pytest.raises(OutcomeUnknown) as caught:
        engine.up(wanted)
    assert_three_part_message(str(caught.value), ORIGIN)
    engine.transport.clear_faults()
    engine.deploy(wanted)


@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_unsent_write_is_resent(engine: FakeEngine, request_: str) -> None:
    """An unsent write is sent again if the target is as before."""
    wanted = due(engine, request_)
    engine.transport.inject_once(request_, answer_with(429, headers={"Retry-After": "3"}))
    engine.transport.inject_once(request_, raise_before_sending(httpx.ConnectError("down")))
    assert engine.up(wanted).writes == [request_]
    engine.deploy(wanted)


@pytest.mark.parametrize("request_", [PUT, DELETE])
def test_rival_between_attempts_stops_write(engine: FakeEngine, request_: str) -> None:
    """A write is given up if somebody changed the identity provider between two attempts."""
    wanted = due(engine, request_)
    api = Api(engine)

    def fault(request: httpx.Request, _: object) -> httpx.Response:
        api.change(name="rival")
        return httpx.Response(429, request=request)

    engine.transport.inject_once(request_, fault)
    with pytest.raises(TargetChanged) as caught:
        engine.up(wanted)
    assert_three_part_message(str(caught.value), ORIGIN)
    assert engine.last_report.writes == [PUT]  # the rival's


def test_rival_after_lost_response_is_reported(engine: FakeEngine) -> None:
    """A content beside the former and the desired one is reported."""
    wanted = due(engine, PUT)
    api = Api(engine)

    def fault(request: httpx.Request, _: object) -> httpx.Response:
        api.change(isActive=False, active=False)
        raise httpx.ReadTimeout("slow", request=request)

    engine.transport.inject_once(PUT, fault)
    with pytest.raises(TargetChanged, match="inactive"):
        engine.up(wanted)


def test_rival_after_plan_stops_write(engine: FakeEngine) -> None:
    """A change of the target or of the slots after the plan stops the write."""
    engine.deploy(program())
    api = Api(engine)
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    reading = interleave(before=lambda: api.change(isActive=False, active=False))
    engine.transport.inject_once(GET, reading, after=1)
    with pytest.raises(TargetChanged, match="changed since this command was planned"):
        engine.up(program(), skip_preview=True)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.rotate(engine.guid)), after=1
    )
    with pytest.raises(SlotsChanged, match="the slots changed"):
        engine.up(program(), skip_preview=True)
    engine.deploy(program())


@pytest.mark.parametrize("request_", [GET, POST, PUT])
def test_slow_target_leaves_source_unlocked(engine: FakeEngine, request_: str) -> None:
    """A slow target leaves the lock of the source free for a RotationTrigger."""
    wanted = due(engine, PUT if request_ == PUT else POST)
    held: list[bool] = []

    def is_held() -> bool:
        lock = process_session.current().subaccount("default", None).lock
        if taken := lock.acquire(blocking=False):
            lock.release()
        return not taken

    def ask() -> None:
        with ThreadPoolExecutor(1) as another:
            held.append(another.submit(is_held).result())

    engine.transport.inject_once(request_, interleave(before=ask), after=1 if request_ == GET else 0)
    engine.up(wanted, skip_preview=True)
    assert held == [False]


def test_differing_response_is_refused(engine: FakeEngine) -> None:
    """A response with another content than was sent is an error."""
    answer = {"id": "1", "originKey": ORIGIN, "type": "saml", "config": {"metaDataLocation": "<a/>"}}
    engine.transport.inject_once(POST, answer_with(201, json=answer))
    with pytest.raises(TargetChanged, match="metadata_layout"):
        engine.up(program())


def test_client_error_quotes_service(engine: FakeEngine) -> None:
    """A client error quotes the service, printable and short."""
    body = {"error": "invalid_idp", "error_description": "no\nway " + "so " * 1000}
    engine.transport.inject_once(POST, answer_with(400, json=body))
    with pytest.raises(WriteNotApplied) as caught:
        engine.up(program())
    assert "invalid_idp no way so so" in str(caught.value)
    assert "so " * 100 not in str(caught.value)


def test_client_error_is_redacted(engine: FakeEngine) -> None:
    """A client error leaves out metadata, tokens and names of users that the service repeats."""
    repeated = f"eyJhbGciOiJub25lIn0.{'Q' * 60}. by joe@example.com: <EntityDescriptor><X509Certificate>MIIC"
    body = {"error": "invalid_idp", "error_description": f"cannot take it: {repeated}"}
    engine.transport.inject_once(POST, answer_with(400, json=body))
    with pytest.raises(WriteNotApplied) as caught:
        engine.up(program())
    message = str(caught.value)
    assert "invalid_idp cannot take it: ***" in message
    for private in ("eyJ", "Q" * 10, "joe", "MIIC", "EntityDescriptor"):
        assert private not in message


def test_missing_token_leaves_write_unsent(engine: FakeEngine) -> None:
    """A write whose token request fails counts as unsent."""
    engine.up(program())
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    engine.transport.inject_once(PUT, answer_with(401))
    engine.transport.inject_once("POST token", answer_with(404, html="proxy"), after=2)
    with pytest.raises(UnexpectedResponse):
        engine.up(program(), skip_preview=True)
