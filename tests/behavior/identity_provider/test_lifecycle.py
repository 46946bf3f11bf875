"""TrustedIdentityProvider: another subaccount trusts what the slots hold, through the year and on a bad line."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pulumi.output import UNKNOWN

from btp_trust.errors import (
    EngineExited,
    NotAuthorized,
    OfflineRefused,
    OutcomeUnknown,
    Refused,
    ServiceUnavailable,
    SlotsChanged,
    TargetChanged,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.runtime import session
from btp_trust.service.identity_providers import PATH
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    TransportFault,
    answer_with,
    assert_three_part_message,
    commit_then_answer,
    commit_then_raise,
    interleave,
    raise_before_sending,
)

ORIGIN = "shop"
POST, PUT, DELETE, GET = (f"{method} identity-providers" for method in ("POST", "PUT", "DELETE", "GET"))
STATE_IS_ENOUGH = "was not checked; its resources are those of the state of"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack with nothing in it, and another subaccount."""
    guid, target = (emulator.create_subaccount(generate=True).guid for _ in range(2))
    return FakeEngine(emulator, guid, target_guid=target)


def program(prepared: str | None = None, signs: str | None = None, *, gated: bool = True, **args: Any) -> Program:
    """Write the program: what is prepared, what signs, and the registration, whose answer opens the gate."""

    def run(deployment: Deployment) -> None:
        upcoming = deployment.passive(generation=prepared) if prepared else None
        billing = deployment.trusted(**{"connection": "billing", "origin_key": ORIGIN, "passive": upcoming, **args})
        asked = {"billing": billing["trusted"]} if gated else None
        if signs:
            rotation = deployment.trigger(generation=signs, candidate=upcoming, trusted_by=asked)
            deployment.active(rotation=rotation)

    return run


ALONE = program(None, "a")
PREPARED = program("b", "a")
ROTATED = program("b", "b")
RETIRED = program(None, "b")


def adopted(deployment: Deployment) -> None:
    """Adopt the active certificate."""
    deployment.active()


class Api:
    """What a person does in the target's trust configuration."""

    def __init__(self, engine: FakeEngine) -> None:
        self.key = engine.emulator.api_access_key(engine.target_guid)
        self.http = httpx.Client(transport=engine.emulator.transport, params={"rawConfig": "true"})
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        token = self.http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.url = f"{self.key['apiurl']}{PATH}"

    def all(self) -> dict[str, dict[str, Any]]:
        """All identity providers by origin key."""
        return {each["originKey"]: each for each in self.http.get(self.url).json()}

    def change(self, origin_key: str = ORIGIN, **changes: Any) -> None:
        """Change one."""
        found = {**self.all()[origin_key], **changes}
        self.http.put(f"{self.url}/{found['id']}", json=found).raise_for_status()

    def configure(self, **changes: Any) -> None:
        """Change its config."""
        self.change(config={**self.all()[ORIGIN]["config"], **changes})

    def register(self, origin_key: str, metadata: str) -> None:
        """Make one by hand."""
        config = {"metaDataLocation": metadata}
        body = {"type": "saml", "originKey": origin_key, "name": "by hand", "config": config}
        self.http.post(self.url, json=body).raise_for_status()

    def delete(self, origin_key: str = ORIGIN) -> None:
        """Delete one."""
        self.http.delete(f"{self.url}/{self.all()[origin_key]['id']}").raise_for_status()


def trusted(engine: FakeEngine) -> set[str]:
    """What the target shows as trusted."""
    return set(engine.emulator.target(engine.target_guid).certificates)


def test_a_year_with_a_target_that_has_an_api(engine: FakeEngine) -> None:
    """Two during the rotation, so that both ways are open; one before and after; quiet after each."""
    engine.deploy(ALONE)
    first = engine.slots[0]
    assert trusted(engine) == {first}
    report = engine.preview(PREPARED)
    assert report.inputs["billing"]["certificates"] != [first]
    assert "as soon as it is there" in report.messages

    engine.deploy(PREPARED)
    assert trusted(engine) == set(engine.slots)
    assert engine.outputs("billing")["trusted"] == sorted(map(str, engine.slots))

    assert engine.up(ROTATED).writes == ["POST rotateCertificate"]
    engine.assert_stable(ROTATED)
    engine.deploy(PREPARED, ROTATED)
    assert engine.slots[1] == first

    report = engine.up(RETIRED)
    assert report.writes == [PUT, "DELETE certificate/passive"]
    engine.assert_stable(RETIRED)
    assert trusted(engine) == {engine.slots[0]}
    engine.destroy()
    assert trusted(engine) == set()


def test_a_swap_in_the_command_that_registers_is_refused(engine: FakeEngine) -> None:
    """The gate sees what is registered already, and an unknown answer otherwise."""
    engine.deploy(ALONE)
    engine.deploy(program("b", "a", passive=None))
    message = engine.assert_refused(program("b", "b"), "billing")
    assert "not known in this preview" in message
    with pytest.raises(CheckFailedError, match="billing: no"):
        engine.preview(program("b", "b", passive=None))
    engine.deploy(PREPARED, ROTATED)


def test_a_swap_in_the_command_that_registers_is_refused_without_a_gate_too(engine: FakeEngine) -> None:
    """The engine may swap first, and then the registration may fail: only what is held already counts."""
    ungated = functools.partial(program, gated=False)
    engine.deploy(ungated(None, "a"), ungated("b", "a", passive=None))
    for wanted in (ungated("b", "b"), ungated("b", "b", name="renamed as well")):
        assert "rotate in a second deployment" in engine.assert_refused(
            wanted, ORIGIN, engine.target_guid, engine.slots[1]
        )
    with pytest.raises(CheckFailedError):
        engine.up(ungated("b", "b"), skip_preview=True)
    assert "POST rotateCertificate" not in engine.last_report.requests
    engine.deploy(ungated("b", "a"), ungated("b", "b"))


@pytest.mark.parametrize("change", ["inactive", "another entity", "gone"])
def test_a_swap_waits_for_a_registration_that_nobody_can_log_on_by(engine: FakeEngine, change: str) -> None:
    """It names the certificate, and does not serve; the command would repair it, perhaps too late."""
    engine.deploy(program(None, "a", gated=False), program("b", "a", gated=False))
    api = Api(engine)
    if change == "inactive":
        api.change(active=False, isActive=False)
    elif change == "gone":
        api.delete()
    else:
        config = api.all()[ORIGIN]["config"]
        api.configure(metaDataLocation=re.sub('entityID="[^"]*"', 'entityID="another"', config["metaDataLocation"]))
    engine.assert_refused(program("b", "b", gated=False), ORIGIN, "nothing shows that")
    engine.deploy(program("b", "a", gated=False), program("b", "b", gated=False))


def test_a_swap_waits_for_a_target_that_cannot_be_checked(engine: FakeEngine) -> None:
    """What the state says of it is not observed, and somebody may have changed it."""
    engine.deploy(ALONE, PREPARED)
    engine.transport.inject_always(answer_with(503), GET)
    assert "could not be checked" in engine.assert_refused(ROTATED, ORIGIN)
    engine.transport.clear_faults()
    engine.deploy(ROTATED)


@pytest.mark.parametrize("trigger_first", [False, True])
def test_a_swap_to_what_the_registration_drops_is_refused(engine: FakeEngine, *, trigger_first: bool) -> None:
    """Also where the trigger asks no target, whichever the engine meets first; the way back is open."""

    def written(signs: str, *, registers: bool) -> Program:
        def run(deployment: Deployment) -> None:
            upcoming = deployment.passive(generation="b")
            if trigger_first:
                deployment.trigger(generation=signs, candidate=upcoming)
            passive = upcoming if registers else None
            deployment.trusted(connection="billing", origin_key=ORIGIN, passive=passive)
            if not trigger_first:
                deployment.trigger(generation=signs, candidate=upcoming)

        return run

    engine.emulator.advance(HOUR)
    engine.deploy(written("a", registers=True))
    message = engine.assert_refused(written("b", registers=False), ORIGIN)
    assert "would refuse every user" in message
    engine.deploy(written("b", registers=True))
    report = engine.up(written("a", registers=False))
    assert ("the `pulumi up` after this one registers it" in report.messages) is not trigger_first
    engine.deploy(written("a", registers=False))
    assert trusted(engine) == {engine.slots[0]}


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param(lambda api, _: api.delete(), id="deleted"),
        pytest.param(lambda api, _: api.change(isActive=False, active=False), id="inactive"),
        pytest.param(lambda api, other: api.configure(metaDataLocation=other), id="other certificate"),
        pytest.param(lambda api, _: api.change(name="by hand"), id="renamed"),
    ],
)
@pytest.mark.parametrize("refreshed", [False, True])
def test_what_a_person_changed_is_shown_and_repaired(
    engine: FakeEngine, drift: Callable[[Api, str], None], *, refreshed: bool
) -> None:
    """Refreshed or not; what the person added under another key, or set beside, stays."""
    wanted = program("b", "a", name="Shop")
    engine.deploy(wanted)
    api = Api(engine)
    other = engine.emulator.create_subaccount(generate=True).guid
    stack = FakeEngine(engine.emulator, other)
    stack.deploy(adopted)
    metadata = stack.outputs("signing")["metadata"]
    api.register("other", metadata)
    api.configure(addShadowUserOnLogin=False)
    assert engine.preview(wanted).has_no_changes
    before = api.all()

    drift(api, metadata.replace("cfapps", "drifted"))
    if refreshed:
        engine.refresh()
    report = engine.preview(wanted)
    assert report.operations["billing"] == "update"
    assert report.inputs["billing"]["step"]
    assert len(engine.up(wanted).writes) == 1
    engine.assert_stable(wanted)
    assert engine.outputs("billing")["trusted"] == sorted(map(str, engine.slots))
    after = api.all()
    assert after["other"] == before["other"]
    if after[ORIGIN]["id"] == before[ORIGIN]["id"] and "drifted" not in str(report.inputs):
        assert after[ORIGIN]["config"]["addShadowUserOnLogin"] is False


def test_a_refresh_shows_what_is_gone(engine: FakeEngine) -> None:
    """The resource stays, trusts nothing, and says so; strict makes a failure of it."""
    engine.deploy(ALONE)
    Api(engine).delete()
    report = engine.refresh()
    assert report.changed["billing"] == {"trusted", "identity_provider_id"}
    assert "is in subaccount" in report.messages
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(Refused):
        engine.refresh()


def test_a_cockpit_swap_is_followed(engine: FakeEngine) -> None:
    """What signs is always among what is trusted, even without `passive`."""
    engine.deploy(program())
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    assert engine.preview(program()).operations["billing"] == "update"
    engine.deploy(program())
    assert trusted(engine) == {engine.slots[0]}


def test_what_somebody_else_made_is_taken_over_only_on_request(engine: FakeEngine) -> None:
    """Refused with its certificates; adopt replaces its content and keeps its ID and settings."""
    engine.deploy(adopted)
    api = Api(engine)
    metadata = engine.outputs("signing")["metadata"]
    api.register(ORIGIN, metadata)
    api.configure(nameID="kept")
    identity = api.all()[ORIGIN]["id"]

    assert f'adopt="{identity}"' in engine.assert_refused(program(), ORIGIN, str(engine.slots[0]))
    assert f'origin_key="{ORIGIN}", adopt="{identity}"' in engine.assert_refused(program(origin_key="other"), ORIGIN)
    adopting = program("b", None, adopt=identity)
    engine.deploy(adopting)
    assert "take over" in engine.last_preview.messages or engine.last_preview.inputs["billing"]["certificates"]
    assert api.all()[ORIGIN]["id"] == identity == engine.outputs("billing")["identity_provider_id"]
    assert api.all()[ORIGIN]["config"]["nameID"] == "kept"
    assert api.all()[ORIGIN]["name"] == "by hand"
    engine.deploy(program("b"))


def test_a_waiver_is_for_the_one_that_it_names(engine: FakeEngine) -> None:
    """Another ID is refused like none, and what allows anything is no value."""
    engine.deploy(adopted)
    api = Api(engine)
    metadata = engine.outputs("signing")["metadata"]
    api.register(ORIGIN, metadata)
    former = api.all()[ORIGIN]["id"]
    api.delete()
    api.register(ORIGIN, metadata)
    now = api.all()[ORIGIN]["id"]
    assert f'adopt="{now}"' in engine.assert_refused(program(adopt=former), ORIGIN)
    for nothing in (True, ""):
        assert "`adopt`" in engine.assert_refused(program(adopt=nothing))
    engine.deploy(program(adopt=now), program())


@pytest.mark.parametrize("refreshed", ["not at all", "while it was gone", "afterwards"])
def test_what_somebody_made_in_the_place_of_ours_is_not_overwritten(engine: FakeEngine, refreshed: str) -> None:
    """Neither at once nor after a refresh; only the line that names it takes it over, and it holds for that one."""
    engine.deploy(program())
    api = Api(engine)
    other = FakeEngine(engine.emulator, engine.emulator.create_subaccount(generate=True).guid)
    other.deploy(adopted)
    metadata = other.outputs("signing")["metadata"]

    def replaced() -> str:
        api.delete()
        if refreshed == "while it was gone":
            engine.refresh()
        api.register(ORIGIN, metadata)
        if refreshed == "afterwards":
            report = engine.refresh()
            assert report.changed["billing"] == {"trusted"}
            assert "is another one than recorded" in report.messages
        return str(api.all()[ORIGIN]["id"])

    identity = replaced()
    before = api.all()
    assert f'adopt="{identity}"' in engine.assert_refused(program(), ORIGIN, other.slots[0])
    with pytest.raises(Refused):
        engine.up(program(name="Shop"), skip_preview=True)
    assert "trust" not in engine.last_report.messages
    assert api.all() == before
    engine.deploy(program(adopt=identity))
    assert "take over" in engine.last_preview.messages
    assert engine.outputs("billing")["identity_provider_id"] == identity
    assert trusted(engine) == {engine.slots[0]}

    later = replaced()
    assert f'adopt="{later}"' in engine.assert_refused(program(adopt=identity), ORIGIN)
    api.delete()
    engine.deploy(program(adopt=identity), program())


def test_what_somebody_makes_between_plan_and_deed_is_not_overwritten(engine: FakeEngine) -> None:
    """With the content that the plan was made over, but with another ID."""
    wanted = due(engine, PUT)
    api = Api(engine)
    before = api.all()[ORIGIN]

    def anew() -> None:
        api.delete()
        api.register(ORIGIN, before["config"]["metaDataLocation"])

    engine.transport.inject_once(GET, interleave(before=anew), after=1)
    with pytest.raises(Refused, match="adopt="):
        engine.up(wanted, skip_preview=True)
    assert engine.last_report.writes == [DELETE, POST]  # the other one's
    after = api.all()[ORIGIN]
    assert after["id"] != before["id"]
    assert after["config"]["metaDataLocation"] == before["config"]["metaDataLocation"]


def test_what_a_killed_run_registered_anew_is_taken_up(engine: FakeEngine) -> None:
    """To the letter what is wanted, under an ID that nobody recorded: nothing is written but the state."""
    engine.deploy(program())
    stored = dict(engine.state)
    Api(engine).delete()
    engine.up(program())
    engine.state = stored
    report = engine.up(program())
    assert report.operations["billing"] == "update"
    assert "take over" in engine.last_preview.messages
    assert report.writes == []
    assert engine.outputs("billing")["identity_provider_id"] == Api(engine).all()[ORIGIN]["id"]
    engine.assert_stable(program())


def test_one_of_another_type_is_never_taken_over(engine: FakeEngine) -> None:
    """Not even on request."""
    answer = [{"id": "1", "originKey": ORIGIN, "type": "oidc1.0", "isActive": True}]
    engine.transport.inject_always(answer_with(200, json=answer), GET)
    assert "oidc1.0" in engine.assert_refused(program(adopt="1"), ORIGIN)


def test_what_a_killed_run_registered_is_taken_up(engine: FakeEngine) -> None:
    """It is to the letter what would be registered, so nothing is written."""
    engine.up(program())
    del engine.state["billing"]
    assert engine.up(program()).writes == []
    engine.assert_stable(program())


def test_arguments_that_change(engine: FakeEngine) -> None:
    """Name, entity ID and layout are updates; an origin key, a target and a source are not."""
    engine.deploy(program("b"))
    mine = {
        "source_connection": "mine",
        "subaccount_id": engine.target_guid.upper(),
        "source_subaccount_id": engine.guid,
    }
    changed: list[dict[str, Any]] = [
        {"name": "Shop"},
        {"entity_id": "shop.example.com"},
        {"metadata_layout": "x509-data"},
        mine,
    ]
    for args in changed:
        engine.config["btp-trust:connections"] = json.dumps(
            {"billing": Api(engine).key, "mine": engine.emulator.service_key(engine.guid)}
        )
        engine.deploy(program("b", None, **args))
        assert trusted(engine) == set(engine.slots)
    engine.up(program("b", None, metadata_layout="x509-data"))
    assert Api(engine).all()[ORIGIN]["config"]["metaDataLocation"].count("KeyDescriptor use") == 2

    assert "cannot become" in engine.assert_refused(program("b", None, origin_key="other"), ORIGIN)
    elsewhere = engine.emulator.create_subaccount(generate=True).guid
    for moved in ("subaccount_id", "source_subaccount_id"):
        there: dict[str, Any] = {moved: elsewhere}
        assert moved in engine.assert_refused(program("b", None, **there), elsewhere)
    engine.config["btp-trust:serviceKey"] = json.dumps(engine.emulator.service_key(elsewhere))
    with pytest.raises(CheckFailedError) as caught:
        engine.preview(program(None, None))
    assert caught.value.prop == "source_subaccount_id"


def test_a_subaccount_without_an_active_certificate_has_nothing_to_trust(emulator: Emulator) -> None:
    """The way out is in the message."""
    guid, target = (emulator.create_subaccount().guid for _ in range(2))
    assert "generate=True" in FakeEngine(emulator, guid, target_guid=target).assert_refused(program(), guid)


def test_the_connection_has_to_be_one_to_xsuaa(engine: FakeEngine) -> None:
    """A key of the Destination service has no apiurl; a binding needs the subaccount in the program."""
    engine.config["btp-trust:connections"] = json.dumps({"billing": engine.emulator.service_key(engine.target_guid)})
    with pytest.raises(TrustError, match="apiurl is missing"):
        engine.preview(program())
    del engine.config["btp-trust:connections"]
    entry = {"name": "billing", "credentials": engine.emulator.api_access_key(engine.target_guid)}
    engine.environ["VCAP_SERVICES"] = json.dumps({"xsuaa": [entry]})
    assert f'subaccount_id="{engine.target_guid}"' in engine.assert_refused(program(), "billing")
    engine.deploy(program(subaccount_id=engine.target_guid))


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


def due(engine: FakeEngine, request: str) -> Program:
    """Come to where this request is due, and return the program that asks for it."""
    if request == POST:
        return program()
    engine.deploy(program())
    if request == DELETE:
        return lambda _: None
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    return program()


@lost
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_a_lost_answer_is_settled_by_reading(
    engine: FakeEngine, request_: str, fault: TransportFault, *, acted: bool
) -> None:
    """Never by a second write: done if the target shows it, else not done, and the next `up` converges."""
    wanted = due(engine, request_)
    engine.transport.inject_once(request_, fault)
    try:
        engine.up(wanted)
    except WriteNotApplied as error:
        assert_three_part_message(str(error), ORIGIN, engine.target_guid)
        assert not acted
    else:
        assert acted
    assert engine.last_report.writes == ([request_] if acted else [])
    engine.deploy(wanted)
    assert trusted(engine) == (set() if request_ == DELETE else {engine.slots[0]})


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_a_hook_that_retries_sends_no_second_write_after_an_unknown_outcome(
    engine: FakeEngine, request_: str, *, acted: bool
) -> None:
    """The providers are shown as before the write while it is settled; each retry ends with the same error."""
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
    assert [call.error for call in engine.calls[-3:]] == [stopped.value] * 3
    engine.transport.clear_faults()
    engine.up(wanted)
    assert engine.preview(wanted).has_no_changes


def test_nothing_is_registered_of_a_subaccount_whose_slots_are_uncertain(engine: FakeEngine) -> None:
    """What is registered is read from the slots, and after a write with an unknown outcome no reading counts."""
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
def test_what_cannot_be_read_afterwards_is_said(engine: FakeEngine, request_: str) -> None:
    """It was done or not."""
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
def test_what_never_arrived_is_sent_again_over_the_same(engine: FakeEngine, request_: str) -> None:
    """429 and a connection that was not made; not if somebody else acted in between."""
    wanted = due(engine, request_)
    engine.transport.inject_once(request_, answer_with(429, headers={"Retry-After": "3"}))
    engine.transport.inject_once(request_, raise_before_sending(httpx.ConnectError("down")))
    assert engine.up(wanted).writes == [request_]
    engine.deploy(wanted)


@pytest.mark.parametrize("request_", [PUT, DELETE])
def test_a_rival_between_two_tries_stops_the_second(engine: FakeEngine, request_: str) -> None:
    """What was planned was planned over something else."""
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


def test_a_rival_beside_a_lost_answer_is_told_apart(engine: FakeEngine) -> None:
    """Neither the state before nor the one wanted."""
    wanted = due(engine, PUT)
    api = Api(engine)

    def fault(request: httpx.Request, _: object) -> httpx.Response:
        api.change(isActive=False, active=False)
        raise httpx.ReadTimeout("slow", request=request)

    engine.transport.inject_once(PUT, fault)
    with pytest.raises(TargetChanged, match="inactive"):
        engine.up(wanted)


def test_a_rival_between_plan_and_deed_stops_it(engine: FakeEngine) -> None:
    """In the target, and in the slots."""
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
def test_a_slow_target_does_not_hold_the_source(engine: FakeEngine, request_: str) -> None:
    """Its slots stay free for a RotationTrigger, whose own time runs meanwhile."""
    wanted = due(engine, PUT if request_ == PUT else POST)
    held: list[bool] = []

    def is_held() -> bool:
        lock = session.current().subaccount("default", None).lock
        if taken := lock.acquire(blocking=False):
            lock.release()
        return not taken

    def ask() -> None:
        with ThreadPoolExecutor(1) as another:
            held.append(another.submit(is_held).result())

    engine.transport.inject_once(request_, interleave(before=ask), after=1 if request_ == GET else 0)
    engine.up(wanted, skip_preview=True)
    assert held == [False]


def test_one_that_somebody_made_anew_is_not_deleted(engine: FakeEngine) -> None:
    """It has another ID; one that is gone is a success, also if it goes in the same moment."""
    engine.deploy(program())
    api = Api(engine)
    metadata = api.all()[ORIGIN]["config"]["metaDataLocation"]
    api.delete()
    api.register(ORIGIN, metadata)
    kept = dict(engine.state)
    assert "made it anew" in engine.destroy().messages
    assert ORIGIN in api.all()
    api.delete()
    engine.state = kept
    engine.destroy()
    engine.deploy(program())
    engine.transport.inject_once(DELETE, interleave(before=api.delete))
    engine.destroy()


@pytest.mark.parametrize("given", [False, True])
def test_a_rename_keeps_the_registration(engine: FakeEngine, *, given: bool) -> None:
    """The new one takes it up, the old one leaves it: nobody is refused in between."""
    where: dict[str, Any] = {"subaccount_id": engine.target_guid.upper()} if given else {}
    engine.deploy(program("b", "a", **where))
    before = Api(engine).all()
    renamed = program("b", "a", resource_name="renamed", **where)
    report = engine.up(renamed)
    assert report.operations["billing"] == "delete"
    assert "has taken over" in report.messages
    assert report.writes == []
    assert Api(engine).all() == before
    engine.assert_stable(renamed)
    assert engine.up(lambda _: None).writes[0] == DELETE


def test_a_replacement_keeps_the_registration(engine: FakeEngine) -> None:
    """It is checked again, so what is replaced leaves it to what replaces it."""
    engine.deploy(PREPARED)
    before = Api(engine).all()
    report = engine.up(PREPARED, replace=["billing"])
    assert report.operations["billing"] == "replace"
    assert "has taken over" in report.messages
    assert report.writes == []
    assert Api(engine).all() == before
    engine.assert_stable(PREPARED)


def test_a_second_one_of_the_same_origin_key_is_refused(engine: FakeEngine) -> None:
    """Also over another connection to the subaccount; for a check they are apart by their arguments."""
    engine.config["btp-trust:connections"] = json.dumps(dict.fromkeys(("billing", "again"), Api(engine).key))
    for own in ({"connection": "again"}, {"name": "Shop"}, {"entity_id": "https://second.example"}):

        def both(deployment: Deployment, own: dict[str, Any] = own) -> None:
            program()(deployment)
            deployment.trusted("second", **{"connection": "billing", "origin_key": ORIGIN, **own})

        assert "A second TrustedIdentityProvider" in engine.assert_refused(both, ORIGIN, engine.target_guid)


def test_another_registration_does_not_keep_a_removed_one(engine: FakeEngine) -> None:
    """Of another origin key, there."""

    def both(deployment: Deployment) -> None:
        program()(deployment)
        deployment.trusted("second", connection="billing", origin_key="second", entity_id="https://second.example")

    engine.deploy(both)
    assert set(Api(engine).all()) >= {ORIGIN, "second"}
    assert engine.up(program()).writes == [DELETE]
    assert "second" not in Api(engine).all()


@pytest.mark.parametrize("path", [GET, "GET certificate"])
def test_what_cannot_be_reached_blocks_only_what_is_due(engine: FakeEngine, path: str) -> None:
    """Of the target or of the source; strict makes a failure of it, and a refresh keeps the state."""
    engine.deploy(PREPARED)
    outputs = engine.outputs("billing")
    engine.transport.inject_always(answer_with(403), path)
    report = engine.preview(PREPARED)
    assert report.has_no_changes
    assert STATE_IS_ENOUGH in report.messages
    engine.refresh()
    assert engine.outputs("billing") == outputs
    with pytest.raises(NotAuthorized):
        engine.preview(program("b", "a", name="Shop"))
    with pytest.raises(NotAuthorized):
        engine.preview(program("b", "a", gated=False, passive=None))
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(NotAuthorized):
        engine.preview(PREPARED)


def test_a_first_registration_needs_both(engine: FakeEngine) -> None:
    """Nothing is registered without looking."""
    for path in (GET, "GET certificate"):
        engine.transport.inject_always(answer_with(403), path)
        with pytest.raises(NotAuthorized):
            engine.preview(program())
        engine.transport.clear_faults()


def test_offline_plans_from_the_state_and_writes_nothing(engine: FakeEngine) -> None:
    """A first registration too, which the deed then refuses; so is a deletion."""
    online = dict(engine.config)
    engine.config["btp-trust:offline"] = "true"
    assert "planned without looking" in str(engine.preview(program()).inputs["billing"]["step"])
    with pytest.raises(OfflineRefused):
        engine.up(program())
    engine.config = dict(online)
    engine.deploy(PREPARED)
    engine.config["btp-trust:offline"] = "true"
    assert engine.preview(PREPARED).has_no_changes
    with pytest.raises(OfflineRefused, match="retain_on_delete"):
        engine.destroy()


def test_a_deletion_that_cannot_be_done_says_the_ways_out(engine: FakeEngine) -> None:
    """Unreachable, or refused by the service in a way that needs a person."""
    engine.deploy(program())
    engine.transport.inject_always(answer_with(503), GET)
    with pytest.raises(ServiceUnavailable, match="retain_on_delete"):
        engine.destroy()
    engine.transport.clear_faults()
    engine.engine_exited = True
    with pytest.raises(EngineExited) as caught:
        engine.destroy()
    assert_three_part_message(str(caught.value), ORIGIN)


def test_an_answer_with_another_content_than_was_sent_is_not_believed(engine: FakeEngine) -> None:
    """As when XSUAA kept the first certificate only."""
    answer = {"id": "1", "originKey": ORIGIN, "type": "saml", "config": {"metaDataLocation": "<a/>"}}
    engine.transport.inject_once(POST, answer_with(201, json=answer))
    with pytest.raises(TargetChanged, match="metadata_layout"):
        engine.up(program())


def test_a_refusal_says_what_the_service_says(engine: FakeEngine) -> None:
    """Printable, and short."""
    told = {"error": "invalid_idp", "error_description": "no\nway " + "so " * 1000}
    engine.transport.inject_once(POST, answer_with(400, json=told))
    with pytest.raises(WriteNotApplied) as caught:
        engine.up(program())
    assert "invalid_idp no way so so" in str(caught.value)
    assert "so " * 100 not in str(caught.value)


def test_a_refusal_keeps_to_itself_what_the_service_repeats(engine: FakeEngine) -> None:
    """No metadata, no token, no name of a user: the message goes into logs that others read."""
    repeated = f"eyJhbGciOiJub25lIn0.{'Q' * 60}. by joe@example.com: <EntityDescriptor><X509Certificate>MIIC"
    told = {"error": "invalid_idp", "error_description": f"cannot take it: {repeated}"}
    engine.transport.inject_once(POST, answer_with(400, json=told))
    with pytest.raises(WriteNotApplied) as caught:
        engine.up(program())
    message = str(caught.value)
    assert "invalid_idp cannot take it: ***" in message
    for private in ("eyJ", "Q" * 10, "joe", "MIIC", "EntityDescriptor"):
        assert private not in message


def test_a_token_that_is_not_had_is_no_lost_write(engine: FakeEngine) -> None:
    """The write was not sent, so nothing has to be settled."""
    engine.up(program())
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    engine.transport.inject_once(PUT, answer_with(401))
    engine.transport.inject_once("POST token", answer_with(404, html="proxy"), after=2)
    with pytest.raises(UnexpectedResponse):
        engine.up(program(), skip_preview=True)


def test_an_unknown_subaccount_plans_nothing(engine: FakeEngine) -> None:
    """It is made by the same command."""
    assert engine.preview(program(subaccount_id=UNKNOWN)).operations["billing"] == "create"
