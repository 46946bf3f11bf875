"""What a command reads, from whom, and what it does when it cannot: the guard, the outage, offline and strict."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pulumi.output import UNKNOWN

from btp_trust.errors import OfflineRefused, TrustError, WrongSubaccount
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    answer_with,
    assert_three_part_message,
    program,
    raise_before_sending,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
READING = ["POST token", "GET certificate", "GET certificate/passive"]
Break = Callable[[FakeEngine], object]


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared, an hour after it adopted: its resources were observed at different times."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(ALONE, PREPARED)
    return engine


def without(engine: FakeEngine) -> None:
    """Lose the service key."""
    del engine.config["btp-trust:serviceKey"]


UNREACHABLE = [
    pytest.param(without, id="no credentials"),
    pytest.param(
        lambda engine: engine.transport.inject_always(raise_before_sending(httpx.ConnectError("down"))),
        id="connection refused",
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(raise_before_sending(httpx.ReadTimeout("slow"))), id="timeout"
    ),
    pytest.param(lambda engine: engine.transport.inject_always(answer_with(401), "POST token"), id="expired key"),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(404, html="x"), "POST token"), id="dead subaccount"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(503), "GET certificate"), id="503 of the service"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(403), "GET certificate/passive"), id="role removed"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(404, html="x"), "GET certificate"), id="a proxy's 404"
    ),
]
OFFLINE = pytest.param(lambda engine: engine.config.update({"btp-trust:offline": "true"}), id="offline")
unreachable = pytest.mark.parametrize("broken", [*UNREACHABLE, OFFLINE])


@unreachable
def test_unreachable_service_allows_unchanged_resources(engine: FakeEngine, broken: Break) -> None:
    """With no change due, preview, `up` and refresh keep the state and print one warning with its date."""
    state = dict(engine.state)
    broken(engine)
    for report in (engine.preview(PREPARED), engine.up(PREPARED), engine.refresh()):
        assert report.has_no_changes
        warnings = [line for line in report.messages.splitlines() if "warning" in line]
        assert len(warnings) == 1
        assert "was not checked" in warnings[0]
        assert engine.label in warnings[0]
        assert "20" in warnings[0].partition("state of ")[2]
    assert {name: stored.outputs for name, stored in engine.state.items()} == {
        name: stored.outputs for name, stored in state.items()
    }


@pytest.mark.parametrize("broken", UNREACHABLE)
@pytest.mark.parametrize(
    "due",
    [
        pytest.param(ROTATED, id="a rotation"),
        pytest.param(program("c", "a"), id="a preparation"),
        pytest.param(program("b", "a", trigger={"on_drift": "restore"}), id="a changed argument"),
        pytest.param(program("b", "a", passive={"name": "second"}), id="a new passive certificate"),
        pytest.param(program("b", "a", trigger={"name": "second"}), id="a new trigger"),
        pytest.param(program("b", "a", active={"name": "second"}), id="a new active certificate"),
        pytest.param(program("b", "a", active={"accept_outage": True}), id="a changed waiver"),
    ],
)
def test_unreachable_service_blocks_due_changes(engine: FakeEngine, broken: Break, due: Program) -> None:
    """A change that is due is refused in the preview while the service is unreachable."""
    broken(engine)
    engine.assert_refused(due)


@pytest.mark.parametrize(
    ("due", "changed"),
    [
        pytest.param(ROTATED, {"next": "same", "rotation": "update", "signing": "update"}, id="a rotation"),
        pytest.param(program("c", "a"), {"next": "update", "rotation": "same", "signing": "same"}, id="a preparation"),
        pytest.param(
            program("b", "a", passive={"name": "second"}, trigger={"on_drift": "restore"}),
            {"second": "create", "rotation": "update", "signing": "same", "next": "delete"},
            id="a new passive certificate",
        ),
        pytest.param(
            program("b", "a", active={"name": "second"}),
            {"next": "same", "rotation": "same", "second": "create", "signing": "delete"},
            id="a new active certificate",
        ),
    ],
)
def test_offline_plans_and_refuses_writes(engine: FakeEngine, due: Program, changed: dict[str, str]) -> None:
    """Offline, the plan comes from the state and every write is refused; no request is sent."""
    without(engine)
    engine.config["btp-trust:offline"] = "true"
    report = engine.preview(due)
    assert report.operations == changed
    assert report.requests == []
    with pytest.raises(OfflineRefused) as refused:
        engine.up(due)
    assert_three_part_message(str(refused.value), "pulumi config rm btp-trust:offline")
    assert engine.last_report.requests == []


def test_offline_refuses_unknown_generation(engine: FakeEngine) -> None:
    """Offline, a generation that only the slots could explain is refused."""
    engine.config["btp-trust:offline"] = "true"
    engine.assert_refused(program("b", "z"), "pulumi config rm btp-trust:offline")


def test_offline_plans_first_trigger(engine: FakeEngine) -> None:
    """Offline, a first RotationTrigger is planned, so that a fork can preview it, and its creation is refused."""
    engine.config["btp-trust:offline"] = "true"
    first = program("b", "a", trigger={"name": "second"})
    assert "planned without looking" in engine.preview(first).inputs["second"]["step"]
    with pytest.raises(OfflineRefused):
        engine.up(first)


def test_offline_plans_known_generation(engine: FakeEngine) -> None:
    """Offline, a rotation to a fingerprint of `known_generations` is planned, with an unknown expiry date."""
    taught = program("b", "x", trigger={"known_generations": {"x": "f" * 64}})
    engine.config["btp-trust:offline"] = "true"
    plan = engine.preview(taught).inputs["rotation"]
    assert plan["signer"] == {"fingerprint": "f" * 64}
    assert "not checked" in plan["step"]


@unreachable
def test_strict_fails_instead_of_warning(engine: FakeEngine, broken: Break) -> None:
    """With `btp-trust:strict`, an unreachable service fails preview and refresh."""
    engine.config["btp-trust:strict"] = "true"
    engine.assert_stable(PREPARED)
    broken(engine)
    engine.assert_refused(PREPARED)
    with pytest.raises(TrustError):
        engine.refresh()


def test_outage_is_found_once(engine: FakeEngine) -> None:
    """All resources of a command share one attempt to reach the service."""
    tried: list[httpx.Request] = []

    def down(request: httpx.Request, _: object) -> httpx.Response:
        tried.append(request)
        raise httpx.ConnectTimeout("down")

    engine.transport.inject_always(down)
    engine.preview(PREPARED)
    assert len(tried) == MAX_ATTEMPTS


# --- the subaccount ----------------------------------------------------------------------------------------------


def point_elsewhere(engine: FakeEngine) -> str:
    """Give the connection the service key of another subaccount; return its GUID."""
    other = engine.emulator.create_subaccount(generate=True).guid
    engine.config["btp-trust:serviceKey"] = json.dumps(engine.emulator.service_key(other))
    return other


def test_foreign_token_reads_no_slot(engine: FakeEngine) -> None:
    """A token for another subaccount stops preview, refresh and destroy before any slot is read."""
    other = point_elsewhere(engine)
    engine.emulator.clear_journal()
    with pytest.raises(CheckFailedError) as failed:
        engine.up(PREPARED)
    assert failed.value.prop == ""  # the program omits it
    assert_three_part_message(failed.value.reason, engine.guid, other)
    for command in (engine.refresh, engine.destroy):
        with pytest.raises(WrongSubaccount):
            command()
    assert {entry.path.endswith("/oauth/token") for entry in engine.emulator.journal()} == {True}


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_foreign_subaccount_id_is_refused(emulator: Emulator, kind: str) -> None:
    """A new resource is refused if its `subaccount_id` differs from that of the token."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    arguments = {} if kind == "active" else {"generation": "a"}

    def run(deployment: Deployment) -> None:
        getattr(deployment, kind)(subaccount_id="00000000-0000-4000-8000-000000000000", **arguments)

    engine.assert_refused(run, engine.guid)
    assert engine.last_report.requests == ["POST token"]


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_move_to_other_subaccount_is_refused(engine: FakeEngine, kind: str) -> None:
    """A deployed resource is refused in another subaccount: its certificate and generations are in the first one."""
    elsewhere = "00000000-0000-4000-8000-000000000000"
    engine.assert_refused(program("b", "a", **{kind: {"subaccount_id": elsewhere}}), engine.guid, elsewhere)
    assert engine.last_report.requests in ([], READING)


def test_recorded_subaccount_id_changes_nothing(engine: FakeEngine) -> None:
    """Setting or removing the recorded `subaccount_id` is no change."""
    given = {"subaccount_id": engine.guid}
    engine.assert_stable(program("b", "a", active=given, passive=given, trigger=given))


@pytest.mark.parametrize("given", [True, False], ids=["with subaccount_id", "without"])
def test_binding_needs_subaccount_id(emulator: Emulator, *, given: bool) -> None:
    """With a binding from the environment, `subaccount_id` is required, and the message has the line to paste."""
    guid = emulator.create_subaccount(generate=True).guid
    bound = {"destination": [{"name": "d", "label": "destination", "credentials": emulator.service_key(guid)}]}
    engine = FakeEngine(emulator, guid, environ={"VCAP_SERVICES": json.dumps(bound)})
    without(engine)
    if given:
        engine.deploy(program(active={"subaccount_id": guid}))
    else:
        assert f'subaccount_id="{guid}"' in engine.assert_refused(ALONE)
        assert engine.last_report.requests == ["POST token"]


def test_unknown_subaccount_is_planned_later(emulator: Emulator) -> None:
    """A preview with the unknown GUID of a new subaccount sends no request and passes."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)

    def run(deployment: Deployment) -> None:
        made: dict[str, Any] = {"subaccount_id": UNKNOWN if deployment.dry_run else engine.guid}
        candidate = deployment.passive(generation="b", warned_by="RotationTrigger", **made)
        deployment.active(rotation=deployment.trigger(generation="a", candidate=candidate, **made), **made)

    emulator.advance(HOUR)
    assert engine.preview(run).requests == []
    engine.up(run)
    engine.assert_stable(PREPARED)


@pytest.mark.parametrize("program_", [ALONE, PREPARED], ids=["one resource", "three resources"])
def test_command_costs_one_reading(engine: FakeEngine, program_: Program) -> None:
    """Preview, unchanged `up` and refresh send one token request and read each slot once."""
    engine.up(program_)
    for report in (engine.preview(program_), engine.up(program_), engine.refresh()):
        assert report.requests == READING
