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
from btp_trust.runtime import session
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, PROVIDERS, Bag, Twin, answered, assert_three_parts, is_read, program, wire

THREADS = 4
READING = ["GET certificate", "GET certificate/passive", "POST token"]


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that has prepared."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(program(), program("b", "a"))
    return twin


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Let each thread wait for the others, then call."""
    barrier = Barrier(len(calls))

    def call(each: Callable[[], Any]) -> Any:
        barrier.wait()
        return each()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call, each) for each in calls]]


def process(twin: Twin) -> None:
    """Start a plugin process."""
    twin.emulator.clear_journal()
    session.install(session.Session(twin.config.get, twin.world(io.StringIO())))


def checked(twin: Twin, name: str, **news: Any) -> Bag:
    """Let a resource be checked with its inputs, and these changes."""
    stored = twin.state[name]
    olds = {key: value for key, value in stored.inputs.items() if key != "candidate"}
    result = PROVIDERS[stored.kind]().check(wire(olds), {**arguments(stored.inputs), **news})
    assert result.failures == []
    return wire(result.inputs)


def arguments(inputs: Bag) -> Bag:
    """Keep what the program gave."""
    return {key: inputs[key] for key in ("generation", "rotation") if key in inputs}


@pytest.mark.parametrize("attempt", range(5))
def test_a_refresh_by_four_threads_costs_one_token_and_one_reading(twin: Twin, attempt: int) -> None:
    """Whatever thread comes first reads for all."""
    process(twin)
    stored = list(itertools.islice(itertools.cycle(twin.state.values()), THREADS))
    results = at_once([partial(PROVIDERS[each.kind]().read, each.id, wire(each.outputs)) for each in stored])
    assert [wire(result.outs) for result in results] == [each.outputs for each in stored], attempt
    assert sorted(twin._requests_since(0)) == READING


@pytest.mark.parametrize("attempt", range(5))
def test_checks_and_diffs_by_four_threads_share_the_reading(twin: Twin, attempt: int) -> None:
    """The engine calls them one after the other; nothing depends on that."""
    process(twin)

    def check_and_diff(name: str) -> bool:
        stored = twin.state[name]
        inputs = checked(twin, name)
        return bool(PROVIDERS[stored.kind]().diff(stored.id, wire(stored.outputs), inputs).changes)

    names = ["signing", "next", "signing", "next"]
    assert at_once([partial(check_and_diff, name) for name in names]) == [False] * THREADS, attempt
    assert sorted(twin._requests_since(0)) == READING


@pytest.mark.parametrize("attempt", range(3))
def test_updates_by_four_threads_swap_once_and_lose_nothing(twin: Twin, attempt: int) -> None:
    """The same swap four times at once: the lock lets one through, the others find it done."""
    process(twin)
    before = twin.slots
    stored = twin.state["rotation"]
    inputs = checked(twin, "rotation", generation="b")
    updates = at_once(
        [lambda: PROVIDERS["trigger"]().update(stored.id, wire(stored.outputs), inputs) for _ in range(THREADS)]
    )
    assert twin.slots == before[::-1], attempt
    assert {(update.outs["fingerprint"], update.outs["previous_fingerprint"]) for update in updates} == {
        (before[1], before[0])
    }
    assert twin._requests_since(0).count("POST rotateCertificate") == 1


@pytest.mark.parametrize("attempt", range(3))
def test_creations_by_four_threads_agree(emulator: Emulator, attempt: int) -> None:
    """Different resources, created and read at once: one mint, and nobody reports a certificate that is not there."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    process(twin)
    plan = {
        "active": PROVIDERS["active"]().check({}, {}).inputs,
        "passive": PROVIDERS["passive"]().check({}, {"generation": "b"}).inputs,
        "trigger": PROVIDERS["trigger"]().check({}, {"generation": "a"}).inputs,
    }
    kinds = ["active", "passive", "trigger", "active"]
    created = at_once([partial(PROVIDERS[kind]().create, wire(plan[kind])) for kind in kinds])
    signing, prepared = twin.slots
    assert [each.outs["fingerprint"] for each in created] == [signing, prepared, signing, signing], attempt
    assert [each.outs["role"] for each in created] == ["active", "passive", "active", "active"]
    assert twin._requests_since(0).count("POST certificate/passive") == 1


def test_mints_by_two_threads_do_not_overwrite_each_other(emulator: Emulator) -> None:
    """Two resources planned into the same empty slot: one gets it, the other stops."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    process(twin)
    plans = [wire(PROVIDERS["passive"]().check({}, {"generation": name}).inputs) for name in "bc"]

    def create(plan: Bag) -> str:
        try:
            return str(wire(PROVIDERS["passive"]().create(plan).outs)["fingerprint"])
        except TrustError as error:
            return type(error).__name__

    assert sorted(at_once([partial(create, plan) for plan in plans])) == sorted([str(twin.slots[1]), "SlotsChanged"])
    assert twin._requests_since(0).count("POST certificate/passive") == 1


def rotated_by_a_colleague(twin: Twin) -> None:
    """Another certificate signs."""
    twin.emulator.rotate(twin.guid)


def taken_away(twin: Twin) -> None:
    """Nothing signs any more."""
    twin.line.always(answered(404, json={"ErrorMessage": "gone"}), "GET certificate")


@pytest.mark.parametrize(
    ("found", "name", "news"),
    [
        pytest.param(rotated_by_a_colleague, "rotation", {"on_drift": "restore"}, id="trigger, another one signs"),
        pytest.param(taken_away, "rotation", {"on_drift": "restore"}, id="trigger, nothing signs"),
        pytest.param(taken_away, "signing", {"accept_outage": True}, id="active certificate, nothing signs"),
    ],
)
def test_what_one_thread_finds_out_stops_the_others(
    twin: Twin, found: Callable[[Twin], None], name: str, news: Bag
) -> None:
    """A reading before a write is the truth for all resources of the command: no output is made of the older one."""
    process(twin)
    stored, inputs = twin.state[name], checked(twin, name, **news)
    preparing = checked(twin, "next", generation="c")
    found(twin)
    with pytest.raises(TrustError):
        PROVIDERS["passive"]().update(twin.state["next"].id, wire(twin.outputs("next")), preparing)
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS[stored.kind]().update(stored.id, wire(stored.outputs), inputs)
    assert_three_parts(str(stopped.value))
    assert all(is_read(request) for request in twin._requests_since(0))


def test_a_trigger_is_not_created_on_what_another_thread_knows_to_be_past(twin: Twin) -> None:
    """A baseline names what signs, not what signed when the command was planned."""
    process(twin)
    plan = wire(PROVIDERS["trigger"]().check({}, {"generation": "x"}).inputs)
    preparing = checked(twin, "next", generation="c")
    rotated_by_a_colleague(twin)
    with pytest.raises(SlotsChanged):
        PROVIDERS["passive"]().update(twin.state["next"].id, wire(twin.outputs("next")), preparing)
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["trigger"]().create(plan)
    assert_three_parts(str(stopped.value), *twin.slots)


def test_a_drift_that_turns_into_no_signer_at_all_is_an_error(twin: Twin) -> None:
    """A trigger that only reports makes no outputs of an empty slot either."""
    twin.emulator.rotate(twin.guid)
    process(twin)
    stored, inputs = twin.state["rotation"], checked(twin, "rotation")
    assert "drift" in inputs
    taken_away(twin)
    with pytest.raises(TrustError):
        PROVIDERS["passive"]().create(wire(PROVIDERS["passive"]().check({}, {"generation": "c"}).inputs))
    with pytest.raises(SlotsChanged, match="no active"):
        PROVIDERS["trigger"]().update(stored.id, wire(stored.outputs), inputs)


@pytest.fixture
def tracebacks() -> Iterator[None]:
    """Put the limit of tracebacks back, and the session of the process."""
    before = getattr(sys, "tracebacklimit", None)
    yield
    session.install(None)
    if before is None:
        sys.__dict__.pop("tracebacklimit", None)
    else:
        sys.tracebacklimit = before


@pytest.mark.usefixtures("tracebacks")
def test_four_providers_that_are_configured_at_once_share_one_session() -> None:
    """Pulumi configures each class by itself; errors then show their message only."""
    session.install(None)
    request = ConfigureRequest(Config({}, "project"))
    at_once([partial(provider().configure, request) for provider in [*PROVIDERS.values(), PROVIDERS["active"]]])
    shared = session.current()
    PROVIDERS["active"]().configure(request)
    assert session.current() is shared
    assert sys.tracebacklimit == 0
