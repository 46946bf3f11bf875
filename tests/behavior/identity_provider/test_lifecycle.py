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
    NotAuthorized,
    NotDone,
    OfflineRefused,
    OutcomeUnknown,
    PulumiGone,
    Refused,
    ServiceUnavailable,
    SlotsChanged,
    TargetChanged,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.runtime import session
from btp_trust.service.identity_providers import PATH
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    Fault,
    Program,
    Twin,
    answered,
    assert_three_parts,
    committed_but_answered,
    committed_then,
    lost_before,
    meanwhile,
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
def twin(emulator: Emulator) -> Twin:
    """A stack with nothing in it, and another subaccount."""
    guid, target = (emulator.create_subaccount(generate=True).guid for _ in range(2))
    return Twin(emulator, guid, target=target)


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

    def __init__(self, twin: Twin) -> None:
        self.key = twin.emulator.api_access_key(twin.target)
        self.http = httpx.Client(transport=twin.emulator.transport, params={"rawConfig": "true"})
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


def trusted(twin: Twin) -> set[str]:
    """What the target shows as trusted."""
    return set(twin.emulator.target(twin.target).certificates)


def test_a_year_with_a_target_that_has_an_api(twin: Twin) -> None:
    """Two during the rotation, so that both ways are open; one before and after; quiet after each."""
    twin.deploy(ALONE)
    first = twin.slots[0]
    assert trusted(twin) == {first}
    report = twin.preview(PREPARED)
    assert report.inputs["billing"]["certificates"] != [first]
    assert "as soon as it is there" in report.messages

    twin.deploy(PREPARED)
    assert trusted(twin) == set(twin.slots)
    assert twin.outputs("billing")["trusted"] == sorted(map(str, twin.slots))

    assert twin.up(ROTATED).writes == ["POST rotateCertificate"]
    twin.assert_settled(ROTATED)
    twin.deploy(PREPARED, ROTATED)
    assert twin.slots[1] == first

    report = twin.up(RETIRED)
    assert report.writes == [PUT, "DELETE certificate/passive"]
    twin.assert_settled(RETIRED)
    assert trusted(twin) == {twin.slots[0]}
    twin.destroy()
    assert trusted(twin) == set()


def test_a_swap_in_the_command_that_registers_is_refused(twin: Twin) -> None:
    """The gate sees what is registered already, and an unknown answer otherwise."""
    twin.deploy(ALONE)
    twin.deploy(program("b", "a", passive=None))
    message = twin.refuses(program("b", "b"), "billing")
    assert "not known in this preview" in message
    with pytest.raises(CheckFailedError, match="billing: no"):
        twin.preview(program("b", "b", passive=None))
    twin.deploy(PREPARED, ROTATED)


def test_a_swap_in_the_command_that_registers_is_refused_without_a_gate_too(twin: Twin) -> None:
    """The engine may swap first, and then the registration may fail: only what is held already counts."""
    ungated = functools.partial(program, gated=False)
    twin.deploy(ungated(None, "a"), ungated("b", "a", passive=None))
    for wanted in (ungated("b", "b"), ungated("b", "b", name="renamed as well")):
        assert "rotate in a second deployment" in twin.refuses(wanted, ORIGIN, twin.target, twin.slots[1])
    with pytest.raises(CheckFailedError):
        twin.up(ungated("b", "b"), skip_preview=True)
    assert "POST rotateCertificate" not in twin.last.requests
    twin.deploy(ungated("b", "a"), ungated("b", "b"))


@pytest.mark.parametrize("change", ["inactive", "another entity", "gone"])
def test_a_swap_waits_for_a_registration_that_nobody_can_log_on_by(twin: Twin, change: str) -> None:
    """It names the certificate, and does not serve; the command would repair it, perhaps too late."""
    twin.deploy(program(None, "a", gated=False), program("b", "a", gated=False))
    api = Api(twin)
    if change == "inactive":
        api.change(active=False, isActive=False)
    elif change == "gone":
        api.delete()
    else:
        config = api.all()[ORIGIN]["config"]
        api.configure(metaDataLocation=re.sub('entityID="[^"]*"', 'entityID="another"', config["metaDataLocation"]))
    twin.refuses(program("b", "b", gated=False), ORIGIN, "nothing shows that")
    twin.deploy(program("b", "a", gated=False), program("b", "b", gated=False))


def test_a_swap_waits_for_a_target_that_cannot_be_checked(twin: Twin) -> None:
    """What the state says of it is not observed, and somebody may have changed it."""
    twin.deploy(ALONE, PREPARED)
    twin.line.always(answered(503), GET)
    assert "could not be checked" in twin.refuses(ROTATED, ORIGIN)
    twin.line.repair()
    twin.deploy(ROTATED)


@pytest.mark.parametrize("trigger_first", [False, True])
def test_a_swap_to_what_the_registration_drops_is_refused(twin: Twin, *, trigger_first: bool) -> None:
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

    twin.emulator.advance(HOUR)
    twin.deploy(written("a", registers=True))
    message = twin.refuses(written("b", registers=False), ORIGIN)
    assert "would refuse every user" in message
    twin.deploy(written("b", registers=True))
    report = twin.up(written("a", registers=False))
    assert ("the `pulumi up` after this one registers it" in report.messages) is not trigger_first
    twin.deploy(written("a", registers=False))
    assert trusted(twin) == {twin.slots[0]}


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
    twin: Twin, drift: Callable[[Api, str], None], *, refreshed: bool
) -> None:
    """Refreshed or not; what the person added under another key, or set beside, stays."""
    wanted = program("b", "a", name="Shop")
    twin.deploy(wanted)
    api = Api(twin)
    other = twin.emulator.create_subaccount(generate=True).guid
    stack = Twin(twin.emulator, other)
    stack.deploy(adopted)
    metadata = stack.outputs("signing")["metadata"]
    api.register("other", metadata)
    api.configure(addShadowUserOnLogin=False)
    assert twin.preview(wanted).is_quiet
    before = api.all()

    drift(api, metadata.replace("cfapps", "drifted"))
    if refreshed:
        twin.refresh()
    report = twin.preview(wanted)
    assert report.operations["billing"] == "update"
    assert report.inputs["billing"]["step"]
    assert len(twin.up(wanted).writes) == 1
    twin.assert_settled(wanted)
    assert twin.outputs("billing")["trusted"] == sorted(map(str, twin.slots))
    after = api.all()
    assert after["other"] == before["other"]
    if after[ORIGIN]["id"] == before[ORIGIN]["id"] and "drifted" not in str(report.inputs):
        assert after[ORIGIN]["config"]["addShadowUserOnLogin"] is False


def test_a_refresh_shows_what_is_gone(twin: Twin) -> None:
    """The resource stays, trusts nothing, and says so; strict makes a failure of it."""
    twin.deploy(ALONE)
    Api(twin).delete()
    report = twin.refresh()
    assert report.changed["billing"] == {"trusted", "identity_provider_id"}
    assert "is in subaccount" in report.messages
    twin.config["btp-trust:strict"] = "true"
    with pytest.raises(Refused):
        twin.refresh()


def test_a_cockpit_swap_is_followed(twin: Twin) -> None:
    """What signs is always among what is trusted, even without `passive`."""
    twin.deploy(program())
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.rotate(twin.guid)
    assert twin.preview(program()).operations["billing"] == "update"
    twin.deploy(program())
    assert trusted(twin) == {twin.slots[0]}


def test_what_somebody_else_made_is_taken_over_only_on_request(twin: Twin) -> None:
    """Refused with its certificates; adopt replaces its content and keeps its ID and settings."""
    twin.deploy(adopted)
    api = Api(twin)
    metadata = twin.outputs("signing")["metadata"]
    api.register(ORIGIN, metadata)
    api.configure(nameID="kept")
    identity = api.all()[ORIGIN]["id"]

    assert f'adopt="{identity}"' in twin.refuses(program(), ORIGIN, str(twin.slots[0]))
    assert f'origin_key="{ORIGIN}", adopt="{identity}"' in twin.refuses(program(origin_key="other"), ORIGIN)
    adopting = program("b", None, adopt=identity)
    twin.deploy(adopting)
    assert "take over" in twin.previewed.messages or twin.previewed.inputs["billing"]["certificates"]
    assert api.all()[ORIGIN]["id"] == identity == twin.outputs("billing")["identity_provider_id"]
    assert api.all()[ORIGIN]["config"]["nameID"] == "kept"
    assert api.all()[ORIGIN]["name"] == "by hand"
    twin.deploy(program("b"))


def test_a_waiver_is_for_the_one_that_it_names(twin: Twin) -> None:
    """Another ID is refused like none, and what allows anything is no value."""
    twin.deploy(adopted)
    api = Api(twin)
    metadata = twin.outputs("signing")["metadata"]
    api.register(ORIGIN, metadata)
    former = api.all()[ORIGIN]["id"]
    api.delete()
    api.register(ORIGIN, metadata)
    now = api.all()[ORIGIN]["id"]
    assert f'adopt="{now}"' in twin.refuses(program(adopt=former), ORIGIN)
    for nothing in (True, ""):
        assert "`adopt`" in twin.refuses(program(adopt=nothing))
    twin.deploy(program(adopt=now), program())


@pytest.mark.parametrize("refreshed", ["not at all", "while it was gone", "afterwards"])
def test_what_somebody_made_in_the_place_of_ours_is_not_overwritten(twin: Twin, refreshed: str) -> None:
    """Neither at once nor after a refresh; only the line that names it takes it over, and it holds for that one."""
    twin.deploy(program())
    api = Api(twin)
    other = Twin(twin.emulator, twin.emulator.create_subaccount(generate=True).guid)
    other.deploy(adopted)
    metadata = other.outputs("signing")["metadata"]

    def replaced() -> str:
        api.delete()
        if refreshed == "while it was gone":
            twin.refresh()
        api.register(ORIGIN, metadata)
        if refreshed == "afterwards":
            report = twin.refresh()
            assert report.changed["billing"] == {"trusted"}
            assert "is another one than recorded" in report.messages
        return str(api.all()[ORIGIN]["id"])

    identity = replaced()
    before = api.all()
    assert f'adopt="{identity}"' in twin.refuses(program(), ORIGIN, other.slots[0])
    with pytest.raises(Refused):
        twin.up(program(name="Shop"), skip_preview=True)
    assert "trust" not in twin.last.messages
    assert api.all() == before
    twin.deploy(program(adopt=identity))
    assert "take over" in twin.previewed.messages
    assert twin.outputs("billing")["identity_provider_id"] == identity
    assert trusted(twin) == {twin.slots[0]}

    later = replaced()
    assert f'adopt="{later}"' in twin.refuses(program(adopt=identity), ORIGIN)
    api.delete()
    twin.deploy(program(adopt=identity), program())


def test_what_somebody_makes_between_plan_and_deed_is_not_overwritten(twin: Twin) -> None:
    """With the content that the plan was made over, but with another ID."""
    wanted = due(twin, PUT)
    api = Api(twin)
    before = api.all()[ORIGIN]

    def anew() -> None:
        api.delete()
        api.register(ORIGIN, before["config"]["metaDataLocation"])

    twin.line.once(GET, meanwhile(before=anew), after=1)
    with pytest.raises(Refused, match="adopt="):
        twin.up(wanted, skip_preview=True)
    assert twin.last.writes == [DELETE, POST]  # the other one's
    after = api.all()[ORIGIN]
    assert after["id"] != before["id"]
    assert after["config"]["metaDataLocation"] == before["config"]["metaDataLocation"]


def test_what_a_killed_run_registered_anew_is_taken_up(twin: Twin) -> None:
    """To the letter what is wanted, under an ID that nobody recorded: nothing is written but the state."""
    twin.deploy(program())
    stored = dict(twin.state)
    Api(twin).delete()
    twin.up(program())
    twin.state = stored
    report = twin.up(program())
    assert report.operations["billing"] == "update"
    assert "take over" in twin.previewed.messages
    assert report.writes == []
    assert twin.outputs("billing")["identity_provider_id"] == Api(twin).all()[ORIGIN]["id"]
    twin.assert_settled(program())


def test_one_of_another_type_is_never_taken_over(twin: Twin) -> None:
    """Not even on request."""
    answer = [{"id": "1", "originKey": ORIGIN, "type": "oidc1.0", "isActive": True}]
    twin.line.always(answered(200, json=answer), GET)
    assert "oidc1.0" in twin.refuses(program(adopt="1"), ORIGIN)


def test_what_a_killed_run_registered_is_taken_up(twin: Twin) -> None:
    """It is to the letter what would be registered, so nothing is written."""
    twin.up(program())
    del twin.state["billing"]
    assert twin.up(program()).writes == []
    twin.assert_settled(program())


def test_arguments_that_change(twin: Twin) -> None:
    """Name, entity ID and layout are updates; an origin key, a target and a source are not."""
    twin.deploy(program("b"))
    mine = {"source_connection": "mine", "subaccount_id": twin.target.upper(), "source_subaccount_id": twin.guid}
    changed: list[dict[str, Any]] = [
        {"name": "Shop"},
        {"entity_id": "shop.example.com"},
        {"metadata_layout": "x509-data"},
        mine,
    ]
    for args in changed:
        twin.config["btp-trust:connections"] = json.dumps(
            {"billing": Api(twin).key, "mine": twin.emulator.service_key(twin.guid)}
        )
        twin.deploy(program("b", None, **args))
        assert trusted(twin) == set(twin.slots)
    twin.up(program("b", None, metadata_layout="x509-data"))
    assert Api(twin).all()[ORIGIN]["config"]["metaDataLocation"].count("KeyDescriptor use") == 2

    assert "cannot become" in twin.refuses(program("b", None, origin_key="other"), ORIGIN)
    elsewhere = twin.emulator.create_subaccount(generate=True).guid
    for moved in ("subaccount_id", "source_subaccount_id"):
        there: dict[str, Any] = {moved: elsewhere}
        assert moved in twin.refuses(program("b", None, **there), elsewhere)
    twin.config["btp-trust:serviceKey"] = json.dumps(twin.emulator.service_key(elsewhere))
    with pytest.raises(CheckFailedError) as caught:
        twin.preview(program(None, None))
    assert caught.value.prop == "source_subaccount_id"


def test_a_subaccount_without_an_active_certificate_has_nothing_to_trust(emulator: Emulator) -> None:
    """The way out is in the message."""
    guid, target = (emulator.create_subaccount().guid for _ in range(2))
    assert "generate=True" in Twin(emulator, guid, target=target).refuses(program(), guid)


def test_the_connection_has_to_be_one_to_xsuaa(twin: Twin) -> None:
    """A key of the Destination service has no apiurl; a binding needs the subaccount in the program."""
    twin.config["btp-trust:connections"] = json.dumps({"billing": twin.emulator.service_key(twin.target)})
    with pytest.raises(TrustError, match="apiurl is missing"):
        twin.preview(program())
    del twin.config["btp-trust:connections"]
    entry = {"name": "billing", "credentials": twin.emulator.api_access_key(twin.target)}
    twin.environ["VCAP_SERVICES"] = json.dumps({"xsuaa": [entry]})
    assert f'subaccount_id="{twin.target}"' in twin.refuses(program(), "billing")
    twin.deploy(program(subaccount_id=twin.target))


LOST: list[tuple[Fault, bool]] = [
    (committed_then(httpx.ReadTimeout("slow")), True),
    (committed_but_answered(503), True),
    (committed_but_answered(502, html="proxy"), True),
    (committed_but_answered(200, html="proxy"), True),
    (lost_before(httpx.ReadTimeout("slow")), False),
    (answered(500), False),
    (answered(404, html="proxy"), False),
]
lost = pytest.mark.parametrize(("fault", "acted"), LOST)


def due(twin: Twin, request: str) -> Program:
    """Come to where this request is due, and return the program that asks for it."""
    if request == POST:
        return program()
    twin.deploy(program())
    if request == DELETE:
        return lambda _: None
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.rotate(twin.guid)
    return program()


@lost
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_a_lost_answer_is_settled_by_reading(twin: Twin, request_: str, fault: Fault, *, acted: bool) -> None:
    """Never by a second write: done if the target shows it, else not done, and the next `up` converges."""
    wanted = due(twin, request_)
    twin.line.once(request_, fault)
    try:
        twin.up(wanted)
    except NotDone as error:
        assert_three_parts(str(error), ORIGIN, twin.target)
        assert not acted
    else:
        assert acted
    assert twin.last.writes == ([request_] if acted else [])
    twin.deploy(wanted)
    assert trusted(twin) == (set() if request_ == DELETE else {twin.slots[0]})


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_a_hook_that_retries_sends_no_second_write_after_an_unknown_outcome(
    twin: Twin, request_: str, *, acted: bool
) -> None:
    """The providers are shown as before the write while it is settled; each retry ends with the same error."""
    wanted = due(twin, request_)
    before = Api(twin).all()
    error = httpx.ReadTimeout("slow")
    shown = answered(200, json=list(before.values()))
    for _ in range(9):
        twin.line.once(GET, shown, after=0)

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        return (committed_then if acted else lost_before)(error)(request, send)

    twin.line.once(request_, fault)
    twin.retries = 2
    sent = len(twin.line.sent)
    with pytest.raises(NotDone) as stopped:
        twin.up(wanted, skip_preview=True)
    assert twin.line.sent[sent:].count(request_) == 1
    assert [call.error for call in twin.calls[-3:]] == [stopped.value] * 3
    twin.line.repair()
    twin.up(wanted)
    assert twin.preview(wanted).is_quiet


def test_nothing_is_registered_of_a_subaccount_whose_slots_are_uncertain(twin: Twin) -> None:
    """What is registered is read from the slots, and after a write with an unknown outcome no reading counts."""
    twin.deploy(program())

    def both(deployment: Deployment) -> None:
        with contextlib.suppress(NotDone):
            deployment.passive(generation="b")
        deployment.trusted(connection="billing", origin_key=ORIGIN, name="renamed")

    twin.line.once("POST certificate/passive", lost_before(httpx.ReadTimeout("slow")))
    with pytest.raises(NotDone, match="generation of a passive certificate"):
        twin.up(both)
    assert PUT not in twin.last.writes


@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_what_cannot_be_read_afterwards_is_said(twin: Twin, request_: str) -> None:
    """It was done or not."""
    wanted = due(twin, request_)

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        twin.line.always(answered(503), GET)
        return committed_then(httpx.ReadTimeout("slow"))(request, send)

    twin.line.once(request_, fault)
    with pytest.raises(OutcomeUnknown) as caught:
        twin.up(wanted)
    assert_three_parts(str(caught.value), ORIGIN)
    twin.line.repair()
    twin.deploy(wanted)


@pytest.mark.parametrize("request_", [POST, PUT, DELETE])
def test_what_never_arrived_is_sent_again_over_the_same(twin: Twin, request_: str) -> None:
    """429 and a connection that was not made; not if somebody else acted in between."""
    wanted = due(twin, request_)
    twin.line.once(request_, answered(429, headers={"Retry-After": "3"}))
    twin.line.once(request_, lost_before(httpx.ConnectError("down")))
    assert twin.up(wanted).writes == [request_]
    twin.deploy(wanted)


@pytest.mark.parametrize("request_", [PUT, DELETE])
def test_a_rival_between_two_tries_stops_the_second(twin: Twin, request_: str) -> None:
    """What was planned was planned over something else."""
    wanted = due(twin, request_)
    api = Api(twin)

    def fault(request: httpx.Request, _: object) -> httpx.Response:
        api.change(name="rival")
        return httpx.Response(429, request=request)

    twin.line.once(request_, fault)
    with pytest.raises(TargetChanged) as caught:
        twin.up(wanted)
    assert_three_parts(str(caught.value), ORIGIN)
    assert twin.last.writes == [PUT]  # the rival's


def test_a_rival_beside_a_lost_answer_is_told_apart(twin: Twin) -> None:
    """Neither the state before nor the one wanted."""
    wanted = due(twin, PUT)
    api = Api(twin)

    def fault(request: httpx.Request, _: object) -> httpx.Response:
        api.change(isActive=False, active=False)
        raise httpx.ReadTimeout("slow", request=request)

    twin.line.once(PUT, fault)
    with pytest.raises(TargetChanged, match="inactive"):
        twin.up(wanted)


def test_a_rival_between_plan_and_deed_stops_it(twin: Twin) -> None:
    """In the target, and in the slots."""
    twin.deploy(program())
    api = Api(twin)
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.rotate(twin.guid)
    reading = meanwhile(before=lambda: api.change(isActive=False, active=False))
    twin.line.once(GET, reading, after=1)
    with pytest.raises(TargetChanged, match="changed since this command was planned"):
        twin.up(program(), skip_preview=True)
    twin.line.once("GET certificate", meanwhile(before=lambda: twin.emulator.rotate(twin.guid)), after=1)
    with pytest.raises(SlotsChanged, match="the slots changed"):
        twin.up(program(), skip_preview=True)
    twin.deploy(program())


@pytest.mark.parametrize("request_", [GET, POST, PUT])
def test_a_slow_target_does_not_hold_the_source(twin: Twin, request_: str) -> None:
    """Its slots stay free for a RotationTrigger, whose own time runs meanwhile."""
    wanted = due(twin, PUT if request_ == PUT else POST)
    held: list[bool] = []

    def is_held() -> bool:
        lock = session.current().subaccount("default", None).lock
        if taken := lock.acquire(blocking=False):
            lock.release()
        return not taken

    def ask() -> None:
        with ThreadPoolExecutor(1) as another:
            held.append(another.submit(is_held).result())

    twin.line.once(request_, meanwhile(before=ask), after=1 if request_ == GET else 0)
    twin.up(wanted, skip_preview=True)
    assert held == [False]


def test_one_that_somebody_made_anew_is_not_deleted(twin: Twin) -> None:
    """It has another ID; one that is gone is a success, also if it goes in the same moment."""
    twin.deploy(program())
    api = Api(twin)
    metadata = api.all()[ORIGIN]["config"]["metaDataLocation"]
    api.delete()
    api.register(ORIGIN, metadata)
    kept = dict(twin.state)
    assert "made it anew" in twin.destroy().messages
    assert ORIGIN in api.all()
    api.delete()
    twin.state = kept
    twin.destroy()
    twin.deploy(program())
    twin.line.once(DELETE, meanwhile(before=api.delete))
    twin.destroy()


@pytest.mark.parametrize("given", [False, True])
def test_a_rename_keeps_the_registration(twin: Twin, *, given: bool) -> None:
    """The new one takes it up, the old one leaves it: nobody is refused in between."""
    where: dict[str, Any] = {"subaccount_id": twin.target.upper()} if given else {}
    twin.deploy(program("b", "a", **where))
    before = Api(twin).all()
    renamed = program("b", "a", resource_name="renamed", **where)
    report = twin.up(renamed)
    assert report.operations["billing"] == "delete"
    assert "has taken over" in report.messages
    assert report.writes == []
    assert Api(twin).all() == before
    twin.assert_settled(renamed)
    assert twin.up(lambda _: None).writes[0] == DELETE


def test_a_replacement_keeps_the_registration(twin: Twin) -> None:
    """It is checked again, so what is replaced leaves it to what replaces it."""
    twin.deploy(PREPARED)
    before = Api(twin).all()
    report = twin.up(PREPARED, replace=["billing"])
    assert report.operations["billing"] == "replace"
    assert "has taken over" in report.messages
    assert report.writes == []
    assert Api(twin).all() == before
    twin.assert_settled(PREPARED)


def test_a_second_one_of_the_same_origin_key_is_refused(twin: Twin) -> None:
    """Also over another connection to the subaccount; for a check they are apart by their arguments."""
    twin.config["btp-trust:connections"] = json.dumps(dict.fromkeys(("billing", "again"), Api(twin).key))
    for own in ({"connection": "again"}, {"name": "Shop"}, {"entity_id": "https://second.example"}):

        def both(deployment: Deployment, own: dict[str, Any] = own) -> None:
            program()(deployment)
            deployment.trusted("second", **{"connection": "billing", "origin_key": ORIGIN, **own})

        assert "A second TrustedIdentityProvider" in twin.refuses(both, ORIGIN, twin.target)


def test_another_registration_does_not_keep_a_removed_one(twin: Twin) -> None:
    """Of another origin key, there."""

    def both(deployment: Deployment) -> None:
        program()(deployment)
        deployment.trusted("second", connection="billing", origin_key="second", entity_id="https://second.example")

    twin.deploy(both)
    assert set(Api(twin).all()) >= {ORIGIN, "second"}
    assert twin.up(program()).writes == [DELETE]
    assert "second" not in Api(twin).all()


@pytest.mark.parametrize("path", [GET, "GET certificate"])
def test_what_cannot_be_reached_blocks_only_what_is_due(twin: Twin, path: str) -> None:
    """Of the target or of the source; strict makes a failure of it, and a refresh keeps the state."""
    twin.deploy(PREPARED)
    outputs = twin.outputs("billing")
    twin.line.always(answered(403), path)
    report = twin.preview(PREPARED)
    assert report.is_quiet
    assert STATE_IS_ENOUGH in report.messages
    twin.refresh()
    assert twin.outputs("billing") == outputs
    with pytest.raises(NotAuthorized):
        twin.preview(program("b", "a", name="Shop"))
    with pytest.raises(NotAuthorized):
        twin.preview(program("b", "a", gated=False, passive=None))
    twin.config["btp-trust:strict"] = "true"
    with pytest.raises(NotAuthorized):
        twin.preview(PREPARED)


def test_a_first_registration_needs_both(twin: Twin) -> None:
    """Nothing is registered without looking."""
    for path in (GET, "GET certificate"):
        twin.line.always(answered(403), path)
        with pytest.raises(NotAuthorized):
            twin.preview(program())
        twin.line.repair()


def test_offline_plans_from_the_state_and_writes_nothing(twin: Twin) -> None:
    """A first registration too, which the deed then refuses; so is a deletion."""
    online = dict(twin.config)
    twin.config["btp-trust:offline"] = "true"
    assert "planned without looking" in str(twin.preview(program()).inputs["billing"]["step"])
    with pytest.raises(OfflineRefused):
        twin.up(program())
    twin.config = dict(online)
    twin.deploy(PREPARED)
    twin.config["btp-trust:offline"] = "true"
    assert twin.preview(PREPARED).is_quiet
    with pytest.raises(OfflineRefused, match="retain_on_delete"):
        twin.destroy()


def test_a_deletion_that_cannot_be_done_says_the_ways_out(twin: Twin) -> None:
    """Unreachable, or refused by the service in a way that needs a person."""
    twin.deploy(program())
    twin.line.always(answered(503), GET)
    with pytest.raises(ServiceUnavailable, match="retain_on_delete"):
        twin.destroy()
    twin.line.repair()
    twin.orphaned = True
    with pytest.raises(PulumiGone) as caught:
        twin.destroy()
    assert_three_parts(str(caught.value), ORIGIN)


def test_an_answer_with_another_content_than_was_sent_is_not_believed(twin: Twin) -> None:
    """As when XSUAA kept the first certificate only."""
    answer = {"id": "1", "originKey": ORIGIN, "type": "saml", "config": {"metaDataLocation": "<a/>"}}
    twin.line.once(POST, answered(201, json=answer))
    with pytest.raises(TargetChanged, match="metadata_layout"):
        twin.up(program())


def test_a_refusal_says_what_the_service_says(twin: Twin) -> None:
    """Printable, and short."""
    told = {"error": "invalid_idp", "error_description": "no\nway " + "so " * 1000}
    twin.line.once(POST, answered(400, json=told))
    with pytest.raises(NotDone) as caught:
        twin.up(program())
    assert "invalid_idp no way so so" in str(caught.value)
    assert "so " * 100 not in str(caught.value)


def test_a_refusal_keeps_to_itself_what_the_service_repeats(twin: Twin) -> None:
    """No metadata, no token, no name of a user: the message goes into logs that others read."""
    repeated = f"eyJhbGciOiJub25lIn0.{'Q' * 60}. by joe@example.com: <EntityDescriptor><X509Certificate>MIIC"
    told = {"error": "invalid_idp", "error_description": f"cannot take it: {repeated}"}
    twin.line.once(POST, answered(400, json=told))
    with pytest.raises(NotDone) as caught:
        twin.up(program())
    message = str(caught.value)
    assert "invalid_idp cannot take it: ***" in message
    for private in ("eyJ", "Q" * 10, "joe", "MIIC", "EntityDescriptor"):
        assert private not in message


def test_a_token_that_is_not_had_is_no_lost_write(twin: Twin) -> None:
    """The write was not sent, so nothing has to be settled."""
    twin.up(program())
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.rotate(twin.guid)
    twin.line.once(PUT, answered(401))
    twin.line.once("POST token", answered(404, html="proxy"), after=2)
    with pytest.raises(UnexpectedResponse):
        twin.up(program(), skip_preview=True)


def test_an_unknown_subaccount_plans_nothing(twin: Twin) -> None:
    """It is made by the same command."""
    assert twin.preview(program(subaccount_id=UNKNOWN)).operations["billing"] == "create"
