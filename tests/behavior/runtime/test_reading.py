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
    engine.deploy(ALONE, PREPARED)
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
        lambda engine: engine.transport.inject_always(raise_before_sending(httpx.ReadTimeout("slow"))), id="time-out"
    ),
    pytest.param(lambda engine: engine.transport.inject_always(answer_with(401), "POST token"), id="expired key"),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(404, html="x"), "POST token"), id="dead subaccount"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(503), "GET certificate"), id="503 of the service"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(403), "GET certificate/passive"), id="role taken away"
    ),
    pytest.param(
        lambda engine: engine.transport.inject_always(answer_with(404, html="x"), "GET certificate"), id="a proxy's 404"
    ),
]
OFFLINE = pytest.param(lambda engine: engine.config.update({"btp-trust:offline": "true"}), id="offline")
unreachable = pytest.mark.parametrize("broken", [*UNREACHABLE, OFFLINE])


@unreachable
def test_what_is_not_due_is_not_blocked(engine: FakeEngine, broken: Break) -> None:
    """Preview, `up` and refresh change nothing, and say in one warning that nothing was checked, and of when it is."""
    state = dict(engine.state)
    broken(engine)
    for report in (engine.preview(PREPARED), engine.up(PREPARED), engine.refresh()):
        assert report.has_no_changes
        warnings = [line for line in report.messages.splitlines() if "warning" in line]
        assert len(warnings) == 1
        assert "was not checked" in warnings[0]
        assert engine.guid in warnings[0]
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
def test_what_is_due_is_refused_in_the_preview(engine: FakeEngine, broken: Break, due: Program) -> None:
    """Nothing is planned blindly."""
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
def test_offline_plans_from_the_state_without_credentials_and_refuses_all_writes(
    engine: FakeEngine, due: Program, changed: dict[str, str]
) -> None:
    """The plan says that it was not checked; nothing is sent, not even for a token."""
    without(engine)
    engine.config["btp-trust:offline"] = "true"
    report = engine.preview(due)
    assert report.operations == changed
    assert report.requests == []
    with pytest.raises(OfflineRefused) as refused:
        engine.up(due)
    assert_three_part_message(str(refused.value), "pulumi config rm btp-trust:offline")
    assert engine.last_report.requests == []


def test_offline_refuses_what_the_state_does_not_tell(engine: FakeEngine) -> None:
    """Only the slots could tell whether an unknown name has a certificate."""
    engine.config["btp-trust:offline"] = "true"
    engine.assert_refused(program("b", "z"), "pulumi config rm btp-trust:offline")


def test_offline_the_first_trigger_is_planned_and_not_created(engine: FakeEngine) -> None:
    """A fork without credentials can preview the pull request that introduces rotation."""
    engine.config["btp-trust:offline"] = "true"
    first = program("b", "a", trigger={"name": "second"})
    assert "planned without looking" in engine.preview(first).inputs["second"]["step"]
    with pytest.raises(OfflineRefused):
        engine.up(first)


def test_offline_a_rotation_to_a_taught_certificate_is_planned(engine: FakeEngine) -> None:
    """Its fingerprint stands in the program, its date is not known."""
    taught = program("b", "x", trigger={"known_generations": {"x": "f" * 64}})
    engine.config["btp-trust:offline"] = "true"
    plan = engine.preview(taught).inputs["rotation"]
    assert plan["signer"] == {"fingerprint": "f" * 64}
    assert "not checked" in plan["step"]


@unreachable
def test_strict_makes_the_warning_a_failure(engine: FakeEngine, broken: Break) -> None:
    """For runs that nobody watches."""
    engine.config["btp-trust:strict"] = "true"
    engine.assert_stable(PREPARED)
    broken(engine)
    engine.assert_refused(PREPARED)
    with pytest.raises(TrustError):
        engine.refresh()


def test_an_outage_is_asked_about_once_for_all_resources(engine: FakeEngine) -> None:
    """The second and third resource do not wait for the same time-out again."""
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


def test_a_token_for_another_subaccount_reads_no_slot(engine: FakeEngine) -> None:
    """A failure of the preview that names both; refresh and destroy stop, too."""
    other = point_elsewhere(engine)
    engine.emulator.clear_journal()
    with pytest.raises(CheckFailedError) as failed:
        engine.up(PREPARED)
    assert failed.value.prop == "subaccount_id"
    assert_three_part_message(failed.value.reason, engine.guid, other)
    for command in (engine.refresh, engine.destroy):
        with pytest.raises(WrongSubaccount):
            command()
    assert {entry.path.endswith("/oauth/token") for entry in engine.emulator.journal()} == {True}


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_a_new_resource_with_another_subaccount_is_refused(emulator: Emulator, kind: str) -> None:
    """`subaccount_id` given, the token is for another one: each resource refuses."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    arguments = {} if kind == "active" else {"generation": "a"}

    def run(deployment: Deployment) -> None:
        getattr(deployment, kind)(subaccount_id="00000000-0000-4000-8000-000000000000", **arguments)

    engine.assert_refused(run, engine.guid)
    assert engine.last_report.requests == ["POST token"]


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_a_resource_cannot_move(engine: FakeEngine, kind: str) -> None:
    """Its certificate and its generations are in the subaccount of its first deployment."""
    elsewhere = "00000000-0000-4000-8000-000000000000"
    engine.assert_refused(program("b", "a", **{kind: {"subaccount_id": elsewhere}}), engine.guid, elsewhere)
    assert engine.last_report.requests in ([], READING)


def test_giving_the_recorded_subaccount_changes_nothing(engine: FakeEngine) -> None:
    """Given later, taken away again: the same one."""
    given = {"subaccount_id": engine.guid}
    engine.assert_stable(program("b", "a", active=given, passive=given, trigger=given))


@pytest.mark.parametrize("given", [True, False], ids=["with subaccount_id", "without"])
def test_a_binding_in_the_environment_needs_the_subaccount(emulator: Emulator, *, given: bool) -> None:
    """Another machine may be bound to another one; the message has the line to paste."""
    guid = emulator.create_subaccount(generate=True).guid
    bound = {"destination": [{"name": "d", "label": "destination", "credentials": emulator.service_key(guid)}]}
    engine = FakeEngine(emulator, guid, environ={"VCAP_SERVICES": json.dumps(bound)})
    without(engine)
    if given:
        engine.deploy(program(active={"subaccount_id": guid}))
    else:
        assert f'subaccount_id="{guid}"' in engine.assert_refused(ALONE)
        assert engine.last_report.requests == ["POST token"]


def test_a_subaccount_that_the_same_command_makes_is_planned_later(emulator: Emulator) -> None:
    """Its GUID is unknown in the preview: no request, no failure; the `up` knows it."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)

    def run(deployment: Deployment) -> None:
        made: dict[str, Any] = {"subaccount_id": UNKNOWN if deployment.dry_run else engine.guid}
        candidate = deployment.passive(generation="b", **made)
        deployment.active(rotation=deployment.trigger(generation="a", candidate=candidate, **made), **made)

    emulator.advance(HOUR)
    assert engine.preview(run).requests == []
    engine.up(run)
    engine.assert_stable(PREPARED)


@pytest.mark.parametrize("program_", [ALONE, PREPARED], ids=["one resource", "three resources"])
def test_a_command_costs_one_token_and_one_reading(engine: FakeEngine, program_: Program) -> None:
    """Preview, quiet `up` and refresh alike."""
    engine.up(program_)
    for report in (engine.preview(program_), engine.up(program_), engine.refresh()):
        assert report.requests == READING
