"""What a command reads, from whom, and what it does when it cannot: the guard, the outage, offline and strict."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pulumi.output import UNKNOWN

from btp_trust.errors import OfflineRefused, TrustError, WrongSubaccount
from btp_trust.service.transport.retry import TRIES
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    Program,
    Twin,
    answered,
    assert_three_parts,
    lost_before,
    program,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
READING = ["POST token", "GET certificate", "GET certificate/passive"]
Break = Callable[[Twin], object]


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that has prepared, an hour after it adopted: its resources were observed at different times."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(ALONE, PREPARED)
    return twin


def without(twin: Twin) -> None:
    """Lose the service key."""
    del twin.config["btp-trust:serviceKey"]


UNREACHABLE = [
    pytest.param(without, id="no credentials"),
    pytest.param(lambda twin: twin.line.always(lost_before(httpx.ConnectError("down"))), id="connection refused"),
    pytest.param(lambda twin: twin.line.always(lost_before(httpx.ReadTimeout("slow"))), id="time-out"),
    pytest.param(lambda twin: twin.line.always(answered(401), "POST token"), id="expired key"),
    pytest.param(lambda twin: twin.line.always(answered(404, html="x"), "POST token"), id="dead subaccount"),
    pytest.param(lambda twin: twin.line.always(answered(503), "GET certificate"), id="503 of the service"),
    pytest.param(lambda twin: twin.line.always(answered(403), "GET certificate/passive"), id="role taken away"),
    pytest.param(lambda twin: twin.line.always(answered(404, html="x"), "GET certificate"), id="a proxy's 404"),
]
OFFLINE = pytest.param(lambda twin: twin.config.update({"btp-trust:offline": "true"}), id="offline")
unreachable = pytest.mark.parametrize("broken", [*UNREACHABLE, OFFLINE])


@unreachable
def test_what_is_not_due_is_not_blocked(twin: Twin, broken: Break) -> None:
    """Preview, `up` and refresh change nothing, and say in one warning that nothing was checked, and of when it is."""
    state = dict(twin.state)
    broken(twin)
    for report in (twin.preview(PREPARED), twin.up(PREPARED), twin.refresh()):
        assert report.is_quiet
        warnings = [line for line in report.messages.splitlines() if "warning" in line]
        assert len(warnings) == 1
        assert "was not checked" in warnings[0]
        assert twin.guid in warnings[0]
        assert "20" in warnings[0].partition("state of ")[2]
    assert {name: stored.outputs for name, stored in twin.state.items()} == {
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
def test_what_is_due_is_refused_in_the_preview(twin: Twin, broken: Break, due: Program) -> None:
    """Nothing is planned blindly."""
    broken(twin)
    twin.refuses(due)


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
    twin: Twin, due: Program, changed: dict[str, str]
) -> None:
    """The plan says that it was not checked; nothing is sent, not even for a token."""
    without(twin)
    twin.config["btp-trust:offline"] = "true"
    report = twin.preview(due)
    assert report.operations == changed
    assert report.requests == []
    with pytest.raises(OfflineRefused) as refused:
        twin.up(due)
    assert_three_parts(str(refused.value), "pulumi config rm btp-trust:offline")
    assert twin.last.requests == []


def test_offline_refuses_what_the_state_does_not_tell(twin: Twin) -> None:
    """Only the slots could tell whether an unknown name has a certificate."""
    twin.config["btp-trust:offline"] = "true"
    twin.refuses(program("b", "z"), "pulumi config rm btp-trust:offline")


def test_offline_the_first_trigger_is_planned_and_not_created(twin: Twin) -> None:
    """A fork without credentials can preview the pull request that introduces rotation."""
    twin.config["btp-trust:offline"] = "true"
    first = program("b", "a", trigger={"name": "second"})
    assert "planned without looking" in twin.preview(first).inputs["second"]["step"]
    with pytest.raises(OfflineRefused):
        twin.up(first)


def test_offline_a_rotation_to_a_taught_certificate_is_planned(twin: Twin) -> None:
    """Its fingerprint stands in the program, its date is not known."""
    taught = program("b", "x", trigger={"known_generations": {"x": "f" * 64}})
    twin.config["btp-trust:offline"] = "true"
    plan = twin.preview(taught).inputs["rotation"]
    assert plan["signing"] == {"fingerprint": "f" * 64}
    assert "not checked" in plan["step"]


@unreachable
def test_strict_makes_the_warning_a_failure(twin: Twin, broken: Break) -> None:
    """For runs that nobody watches."""
    twin.config["btp-trust:strict"] = "true"
    twin.assert_settled(PREPARED)
    broken(twin)
    twin.refuses(PREPARED)
    with pytest.raises(TrustError):
        twin.refresh()


def test_an_outage_is_asked_about_once_for_all_resources(twin: Twin) -> None:
    """The second and third resource do not wait for the same time-out again."""
    tried: list[httpx.Request] = []

    def down(request: httpx.Request, _: object) -> httpx.Response:
        tried.append(request)
        raise httpx.ConnectTimeout("down")

    twin.line.always(down)
    twin.preview(PREPARED)
    assert len(tried) == TRIES


# --- the subaccount ----------------------------------------------------------------------------------------------


def point_elsewhere(twin: Twin) -> str:
    """Give the connection the service key of another subaccount; return its GUID."""
    other = twin.emulator.create_subaccount(generate=True).guid
    twin.config["btp-trust:serviceKey"] = json.dumps(twin.emulator.service_key(other))
    return other


def test_a_token_for_another_subaccount_reads_no_slot(twin: Twin) -> None:
    """A failure of the preview that names both; refresh and destroy stop, too."""
    other = point_elsewhere(twin)
    twin.emulator.clear_journal()
    with pytest.raises(CheckFailedError) as failed:
        twin.up(PREPARED)
    assert failed.value.prop == "subaccount_id"
    assert_three_parts(failed.value.reason, twin.guid, other)
    for command in (twin.refresh, twin.destroy):
        with pytest.raises(WrongSubaccount):
            command()
    assert {entry.path.endswith("/oauth/token") for entry in twin.emulator.journal()} == {True}


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_a_new_resource_with_another_subaccount_is_refused(emulator: Emulator, kind: str) -> None:
    """`subaccount_id` given, the token is for another one: each resource refuses."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    arguments = {} if kind == "active" else {"generation": "a"}

    def run(deployment: Deployment) -> None:
        getattr(deployment, kind)(subaccount_id="00000000-0000-4000-8000-000000000000", **arguments)

    twin.refuses(run, twin.guid)
    assert twin.last.requests == ["POST token"]


@pytest.mark.parametrize("kind", ["active", "passive", "trigger"])
def test_a_resource_cannot_move(twin: Twin, kind: str) -> None:
    """Its certificate and its generations are in the subaccount of its first deployment."""
    elsewhere = "00000000-0000-4000-8000-000000000000"
    twin.refuses(program("b", "a", **{kind: {"subaccount_id": elsewhere}}), twin.guid, elsewhere)
    assert twin.last.requests in ([], READING)


def test_giving_the_recorded_subaccount_changes_nothing(twin: Twin) -> None:
    """Given later, taken away again: the same one."""
    given = {"subaccount_id": twin.guid}
    twin.assert_settled(program("b", "a", active=given, passive=given, trigger=given))


@pytest.mark.parametrize("given", [True, False], ids=["with subaccount_id", "without"])
def test_a_binding_in_the_environment_needs_the_subaccount(emulator: Emulator, *, given: bool) -> None:
    """Another machine may be bound to another one; the message has the line to paste."""
    guid = emulator.create_subaccount(generate=True).guid
    bound = {"destination": [{"name": "d", "label": "destination", "credentials": emulator.service_key(guid)}]}
    twin = Twin(emulator, guid, environ={"VCAP_SERVICES": json.dumps(bound)})
    without(twin)
    if given:
        twin.deploy(program(active={"subaccount_id": guid}))
    else:
        assert f'subaccount_id="{guid}"' in twin.refuses(ALONE)
        assert twin.last.requests == ["POST token"]


def test_a_subaccount_that_the_same_command_makes_is_planned_later(emulator: Emulator) -> None:
    """Its GUID is unknown in the preview: no request, no failure; the `up` knows it."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)

    def run(deployment: Deployment) -> None:
        made: dict[str, Any] = {"subaccount_id": UNKNOWN if deployment.dry else twin.guid}
        candidate = deployment.passive(generation="b", **made)
        deployment.active(rotation=deployment.trigger(generation="a", candidate=candidate, **made), **made)

    emulator.advance(HOUR)
    assert twin.preview(run).requests == []
    twin.up(run)
    twin.assert_settled(PREPARED)


@pytest.mark.parametrize("program_", [ALONE, PREPARED], ids=["one resource", "three resources"])
def test_a_command_costs_one_token_and_one_reading(twin: Twin, program_: Program) -> None:
    """Preview, quiet `up` and refresh alike."""
    twin.up(program_)
    for report in (twin.preview(program_), twin.up(program_), twin.refresh()):
        assert report.requests == READING
