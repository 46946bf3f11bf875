"""Four threads on one session, as Pulumi's plugin has them: one token, one reading, one write, true results."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from btp_trust.errors import SlotsChanged, TrustError
from btp_trust.runtime import process_session
from btp_trust.runtime.session import Session
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    PROVIDERS,
    Bag,
    FakeEngine,
    answer_with,
    assert_three_part_message,
    is_read,
    program,
    round_trip,
)

THREADS = 4
READING = ["GET certificate", "GET certificate/passive", "POST token"]


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(program(), program("b", "a"))
    return engine


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Let each thread wait for the others, then call."""
    barrier = Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call, each) for each in calls]]


def process(engine: FakeEngine) -> None:
    """Start a plugin process."""
    engine.emulator.clear_journal()
    process_session.set_current(Session(engine.config.get, engine.host(io.StringIO())))


def checked(engine: FakeEngine, name: str, **news: Any) -> Bag:
    """Let a resource be checked with its inputs, and these changes."""
    stored = engine.state[name]
    olds = {key: value for key, value in stored.inputs.items() if key != "candidate"}
    result = PROVIDERS[stored.kind]().check(round_trip(olds), {**arguments(stored.inputs), **news})
    assert result.failures == []
    return round_trip(result.inputs)


def arguments(inputs: Bag) -> Bag:
    """Keep what the program gave."""
    return {key: inputs[key] for key in ("generation", "rotation", "warned_by") if key in inputs}


@pytest.mark.parametrize("attempt", range(5))
def test_refresh_threads_share_a_reading(engine: FakeEngine, attempt: int) -> None:
    """Four threads that refresh send one token request and read each slot once."""
    process(engine)
    stored = list(itertools.islice(itertools.cycle(engine.state.values()), THREADS))
    results = at_once([partial(PROVIDERS[each.kind]().read, each.id, round_trip(each.outputs)) for each in stored])
    assert [round_trip(result.outs) for result in results] == [each.outputs for each in stored], attempt
    assert sorted(engine._requests_since(0)) == READING


@pytest.mark.parametrize("attempt", range(5))
def test_check_and_diff_share_a_reading(engine: FakeEngine, attempt: int) -> None:
    """Checks and diffs in four threads share one reading."""
    process(engine)

    def check_and_diff(name: str) -> bool:
        stored = engine.state[name]
        inputs = checked(engine, name)
        return bool(PROVIDERS[stored.kind]().diff(stored.id, round_trip(stored.outputs), inputs).changes)

    names = ["signing", "next", "signing", "next"]
    assert at_once([partial(check_and_diff, name) for name in names]) == [False] * THREADS, attempt
    assert sorted(engine._requests_since(0)) == READING


@pytest.mark.parametrize("attempt", range(3))
def test_update_threads_swap_once(engine: FakeEngine, attempt: int) -> None:
    """Of four equal updates at once, one swaps and the others find it done."""
    process(engine)
    before = engine.slots
    stored = engine.state["rotation"]
    inputs = checked(engine, "rotation", generation="b")
    updates = at_once(
        [lambda: PROVIDERS["trigger"]().update(stored.id, round_trip(stored.outputs), inputs) for _ in range(THREADS)]
    )
    assert engine.slots == before[::-1], attempt
    assert {(update.outs["fingerprint"], update.outs["previous_fingerprint"]) for update in updates} == {
        (before[1], before[0])
    }
    assert engine._requests_since(0).count("POST rotateCertificate") == 1


@pytest.mark.parametrize("attempt", range(3))
def test_create_threads_agree(emulator: Emulator, attempt: int) -> None:
    """Resources created at once report certificates that are there, after one generation."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    process(engine)
    plan = {
        "active": PROVIDERS["active"]().check({}, {}).inputs,
        "passive": PROVIDERS["passive"]().check({}, {"generation": "b"}).inputs,
        "trigger": PROVIDERS["trigger"]().check({}, {"generation": "a"}).inputs,
    }
    kinds = ["active", "passive", "trigger", "active"]
    created = at_once([partial(PROVIDERS[kind]().create, round_trip(plan[kind])) for kind in kinds])
    signing, prepared = engine.slots
    assert [each.outs["fingerprint"] for each in created] == [signing, prepared, signing, signing], attempt
    assert engine._requests_since(0).count("POST certificate/passive") == 1


def test_create_threads_never_overwrite(emulator: Emulator) -> None:
    """Of two generations planned into the same empty slot, one is done and the other stops."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    process(engine)
    plans = [round_trip(PROVIDERS["passive"]().check({}, {"generation": name}).inputs) for name in "bc"]

    def create(plan: Bag) -> str:
        try:
            return str(round_trip(PROVIDERS["passive"]().create(plan).outs)["fingerprint"])
        except TrustError as error:
            return type(error).__name__

    assert sorted(at_once([partial(create, plan) for plan in plans])) == sorted([str(engine.slots[1]), "SlotsChanged"])
    assert engine._requests_since(0).count("POST certificate/passive") == 1


def rotated_by_a_colleague(engine: FakeEngine) -> None:
    """Another certificate signs."""
    engine.emulator.rotate(engine.guid)


def taken_away(engine: FakeEngine) -> None:
    """Nothing signs any more."""
    engine.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")


@pytest.mark.parametrize(
    ("found", "name", "news"),
    [
        pytest.param(rotated_by_a_colleague, "rotation", {"on_drift": "restore"}, id="trigger, another one signs"),
        pytest.param(taken_away, "rotation", {"on_drift": "restore"}, id="trigger, nothing signs"),
        pytest.param(taken_away, "signing", {"accept_outage": True}, id="active certificate, nothing signs"),
    ],
)
def test_changed_slots_stop_all_threads(
    engine: FakeEngine, found: Callable[[FakeEngine], None], name: str, news: Bag
) -> None:
    """A reading before a write counts for all resources: an output of the older one is refused."""
    process(engine)
    stored, inputs = engine.state[name], checked(engine, name, **news)
    preparing = checked(engine, "next", generation="c")
    found(engine)
    with pytest.raises(TrustError):
        PROVIDERS["passive"]().update(engine.state["next"].id, round_trip(engine.outputs("next")), preparing)
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS[stored.kind]().update(stored.id, round_trip(stored.outputs), inputs)
    assert_three_part_message(str(stopped.value))
    assert all(is_read(request) for request in engine._requests_since(0))


def test_outdated_baseline_stops_trigger_creation(engine: FakeEngine) -> None:
    """A RotationTrigger is created only if the active certificate is that of the plan."""
    process(engine)
    plan = round_trip(PROVIDERS["trigger"]().check({}, {"generation": "x"}).inputs)
    preparing = checked(engine, "next", generation="c")
    rotated_by_a_colleague(engine)
    with pytest.raises(SlotsChanged):
        PROVIDERS["passive"]().update(engine.state["next"].id, round_trip(engine.outputs("next")), preparing)
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["trigger"]().create(plan)
    assert_three_part_message(str(stopped.value), *engine.slots)


def test_missing_signer_fails_reported_drift(engine: FakeEngine) -> None:
    """A RotationTrigger that only reports a drift fails if the active slot turns out empty."""
    engine.emulator.rotate(engine.guid)
    process(engine)
    stored, inputs = engine.state["rotation"], checked(engine, "rotation")
    assert "drift" in inputs
    taken_away(engine)
    with pytest.raises(TrustError):
        PROVIDERS["passive"]().create(round_trip(PROVIDERS["passive"]().check({}, {"generation": "c"}).inputs))
    with pytest.raises(SlotsChanged, match="no active"):
        PROVIDERS["trigger"]().update(stored.id, round_trip(stored.outputs), inputs)


@pytest.fixture
def tracebacks() -> Iterator[None]:
    """Put the limit of tracebacks back, and the session of the process."""
    before = getattr(sys, "tracebacklimit", None)
    yield
    process_session.set_current(None)
    if before is None:
        sys.__dict__.pop("tracebacklimit", None)
    else:
        sys.tracebacklimit = before


@pytest.mark.usefixtures("tracebacks")
def test_configured_providers_share_a_session() -> None:
    """Providers that are configured at once share one session, and errors show their message only."""
    process_session.set_current(None)
    request = ConfigureRequest(Config({}, "project"))
    at_once([partial(provider().configure, request) for provider in [*PROVIDERS.values(), PROVIDERS["active"]]])
    shared = process_session.current()
    PROVIDERS["active"]().configure(request)
    assert process_session.current() is shared
    assert sys.tracebacklimit == 0
