"""TrustedIdentityProvider: what becomes of the registration when the resource goes, and of one that it did not make."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from btp_trust.errors import EntityIDTaken, OfflineRefused, Refused, ServiceUnavailable, TargetChanged, WriteNotApplied
from btp_trust.service.identity_providers import PATH
from btp_trust_emulator import Emulator
from support.certificates import certificate
from support.fake_engine import (
    CommandReport,
    Deployment,
    FakeEngine,
    Program,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
)

ORIGIN = "shop"
POST, PUT, DELETE, GET = (f"{method} identity-providers" for method in ("POST", "PUT", "DELETE", "GET"))


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack with nothing in it, and another subaccount."""
    guid, target = (emulator.create_subaccount(generate=True).guid for _ in range(2))
    return FakeEngine(emulator, guid, target_guid=target)


def program(**args: Any) -> Program:
    """Write the program: the registration alone."""

    def run(deployment: Deployment) -> None:
        deployment.trusted(**{"connection": "billing", "origin_key": ORIGIN, **args})

    return run


KEEPING = program(on_delete="deactivate")


def nothing(_: Deployment) -> None:
    """Declare nothing."""


class Api:
    """What a person, or another stack, does in the target."""

    def __init__(self, engine: FakeEngine) -> None:
        key = engine.emulator.api_access_key(engine.target_guid)
        self.http = httpx.Client(transport=engine.emulator.transport, params={"rawConfig": "true"})
        form = {"grant_type": "client_credentials"}
        client = (key["clientid"], key["clientsecret"])
        token = self.http.post(f"{key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.url = f"{key['apiurl']}{PATH}"

    def all(self) -> dict[str, dict[str, Any]]:
        """All identity providers by origin key."""
        return {each["originKey"]: each for each in self.http.get(self.url).json()}

    def register(self, origin_key: str, metadata: str, *, active: bool = True) -> None:
        """Make one by hand."""
        config = {"metaDataLocation": metadata}
        body = {"type": "saml", "originKey": origin_key, "name": origin_key, "active": active, "config": config}
        self.http.post(self.url, json=body).raise_for_status()


def metadata_of(engine: FakeEngine) -> str:
    """The output `metadata` of what signs."""
    other = FakeEngine(engine.emulator, engine.guid)

    def adopted(deployment: Deployment) -> None:
        deployment.active()

    other.deploy(adopted)
    return str(other.outputs("signing")["metadata"])


def removed(engine: FakeEngine) -> CommandReport:
    """What the preview of the removal and the removal say together."""
    report = engine.up(nothing)
    report.inputs = engine.last_preview.deletes
    return report


def test_a_removal_says_that_users_go_with_it(engine: FakeEngine) -> None:
    """Its preview shows the inputs, also those of an old deployment; the deed says it once more."""
    engine.deploy(program())
    report = removed(engine)
    assert "with its users there and all that they were assigned" in report.inputs["billing"]["removal"]
    assert engine.target_guid in report.inputs["billing"]["removal"]
    assert "is deleted, with its users" in report.messages
    assert report.writes == [DELETE]


def test_one_that_is_deactivated_keeps_its_users_and_is_activated_again(engine: FakeEngine) -> None:
    """By a destroy too; the new resource finds it, says so, and sends one request."""
    engine.deploy(KEEPING)
    api = Api(engine)
    before = api.all()[ORIGIN]
    report = removed(engine)
    assert "sets it inactive" in report.inputs["billing"]["removal"]
    assert report.writes == [PUT]
    after = api.all()[ORIGIN]
    assert after["active"] is False
    assert {name: after[name] for name in ("id", "config", "name")} == {
        name: before[name] for name in ("id", "config", "name")
    }

    preview = engine.preview(KEEPING)
    assert f"which this resource did not make ({before['id']}): active again" in preview.inputs["billing"]["step"]
    assert engine.up(KEEPING).writes == [PUT]
    assert api.all()[ORIGIN]["active"] is True
    engine.assert_stable(KEEPING)
    assert engine.destroy().writes == [PUT]
    assert api.all()[ORIGIN]["active"] is False


def test_the_certificates_may_have_changed_meanwhile(engine: FakeEngine) -> None:
    """Whom it trusts is said with it."""
    engine.deploy(KEEPING)
    engine.destroy()
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    step = engine.preview(program()).inputs["billing"]["step"]
    assert "no longer trust" in step
    assert "active again" in step
    engine.deploy(program())


def test_one_that_is_inactive_already_is_left_so(engine: FakeEngine) -> None:
    """Nothing is sent."""
    engine.deploy(KEEPING)
    api = Api(engine)
    found = api.all()[ORIGIN]
    api.http.put(f"{api.url}/{found['id']}", json={**found, "active": False}).raise_for_status()
    assert removed(engine).writes == []


def test_an_inactive_one_of_another_entity_is_somebody_elses(engine: FakeEngine) -> None:
    """It is taken over on request only."""
    Api(engine).register(ORIGIN, metadata_of(engine).replace('entityID="', 'entityID="x'), active=False)
    assert "adopt=" in engine.assert_refused(program(), ORIGIN)


def test_a_lost_answer_of_a_deactivation_is_settled_by_reading(engine: FakeEngine) -> None:
    """One request; done if it is inactive now."""
    engine.deploy(KEEPING)
    engine.transport.inject_once(PUT, commit_then_raise(httpx.ReadTimeout("slow")))
    assert removed(engine).writes == [PUT]
    engine.deploy(KEEPING)
    engine.transport.inject_once(PUT, answer_with(400, content=b"no"))
    with pytest.raises(WriteNotApplied, match="The deactivation of identity provider"):
        engine.up(nothing)


def test_a_deactivation_that_cannot_be_done_says_the_ways_out(engine: FakeEngine) -> None:
    """As a deletion does."""
    engine.deploy(KEEPING)
    engine.config["btp-trust:offline"] = "true"
    with pytest.raises(OfflineRefused, match="was not set inactive"):
        engine.destroy()


def test_settings_that_cannot_be_read_are_never_overwritten(engine: FakeEngine) -> None:
    """Neither by an update nor by a deactivation; nor is one written that has no ID."""
    engine.deploy(KEEPING)
    api = Api(engine)
    found = api.all()[ORIGIN]
    unreadable: list[dict[str, Any]] = [{"config": "no JSON"}, {"id": {}}]
    for changes in unreadable:
        engine.transport.inject_always(answer_with(200, json=[{**found, **changes}]), GET)
        message = engine.assert_refused(program(name="Shop"), ORIGIN, "cannot be read")
        assert_three_part_message(message)
    engine.transport.inject_always(answer_with(200, json=[{**found, "config": "no JSON"}]), GET)
    with pytest.raises(Refused, match="settings that cannot be read"):
        engine.destroy()
    assert api.all()[ORIGIN] == found


def test_what_is_there_with_the_same_content_is_adopted_and_named(engine: FakeEngine) -> None:
    """In the preview, in what the preview of its removal shows, and when it is removed."""
    engine.deploy(program())
    identity = Api(engine).all()[ORIGIN]["id"]
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    preview = second.preview(program())
    assert f"adopt 'shop', which this resource did not make ({identity})" in preview.inputs["billing"]["step"]
    assert "adopt" in preview.messages
    assert second.up(program()).writes == []
    second.assert_stable(program())
    assert second.outputs("billing")["preexisting"] == identity
    second.deploy(program(name="Shop"))
    assert second.outputs("billing")["preexisting"] == identity

    report = removed(second)
    assert f"({identity}): another stack may rely on it" in report.inputs["billing"]["removal"]
    assert f"({identity}): another stack may have relied on it" in report.messages


def test_what_the_resource_made_is_not_named_as_somebody_elses(engine: FakeEngine) -> None:
    """Nor what it was told to take over, nor what it made anew after somebody deleted what it had adopted."""
    engine.deploy(program())
    assert "another stack" not in engine.state["billing"].inputs["removal"]
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    second.deploy(program())
    assert "another stack" in second.state["billing"].inputs["removal"]
    identity = Api(engine).all()[ORIGIN]["id"]
    second.deploy(program(adopt=identity))
    assert "preexisting" not in second.outputs("billing")
    assert "another stack" not in second.state["billing"].inputs["removal"]
    second.deploy(program())

    third = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    third.deploy(program())
    engine.destroy()
    third.deploy(program())
    assert "preexisting" not in third.outputs("billing")


def test_one_that_goes_between_plan_and_deed_is_not_made_in_silence(engine: FakeEngine) -> None:
    """The plan was to adopt it, not to register."""
    engine.deploy(program())
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)

    def gone() -> None:
        engine.destroy()

    second.transport.inject_once(GET, interleave(before=gone), after=1)
    with pytest.raises(TargetChanged):
        second.up(program(), skip_preview=True)
    assert ORIGIN not in Api(engine).all()


def test_what_is_adopted_stays_named_while_the_target_is_out_of_reach(engine: FakeEngine) -> None:
    """The state is enough."""
    engine.deploy(program())
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    second.deploy(program())
    second.transport.inject_always(answer_with(503), GET)
    assert "another stack" in second.preview(program()).inputs["billing"]["removal"]
    with pytest.raises(ServiceUnavailable):
        second.up(program(name="Shop"))


@pytest.mark.parametrize("method", [POST, PUT])
def test_an_entity_id_that_another_one_has_names_it(engine: FakeEngine, method: str) -> None:
    """Somebody was faster; the message has what the service says, and the line that takes it over."""
    if method == PUT:
        engine.deploy(program(entity_id="https://first.example"))
    metadata = metadata_of(engine)
    api = Api(engine)
    engine.transport.inject_once(method, interleave(before=lambda: api.register("faster", metadata)))
    with pytest.raises(EntityIDTaken) as caught:
        engine.up(program())
    message = str(caught.value)
    assert_three_part_message(message, "'faster'", f'adopt="{api.all()["faster"]["id"]}"', "Duplicate entity ID")


def test_an_entity_id_that_nobody_shows_is_told_as_such(engine: FakeEngine) -> None:
    """The list may leave out who has it."""
    engine.transport.inject_once(
        POST, answer_with(409, content=b"Duplicate entity ID:x", headers={"Content-Type": "text/plain"})
    )
    with pytest.raises(EntityIDTaken, match="does not show which one"):
        engine.up(program())


def test_an_entity_id_that_was_taken_is_no_unknown_outcome(engine: FakeEngine) -> None:
    """Nothing was registered, for certain: a hook that retries once the other one is gone registers it."""
    engine.retries = 1
    engine.transport.inject_once(
        POST, answer_with(409, content=b"Duplicate entity ID:x", headers={"Content-Type": "text/plain"})
    )
    assert engine.up(program()).writes == [POST]
    assert ORIGIN in Api(engine).all()


def test_providers_of_other_types_are_nobodys_business(engine: FakeEngine) -> None:
    """Every subaccount has some, and their settings come as they like."""
    api = Api(engine)
    others: list[Any] = [
        {"id": "u", "originKey": "uaa", "type": "uaa", "config": "null"},
        {"id": "s", "originKey": "sap.default", "type": "oidc1.0", "config": {"emailDomain": None}},
        {"id": "l", "originKey": "ldap", "type": "ldap", "active": False, "config": "{"},
        {"type": "saml"},
        "nothing",
    ]

    def beside(request: httpx.Request, send: Any) -> httpx.Response:
        found = send(request)
        return httpx.Response(200, json=[*others, *json.loads(found.content)], request=request)

    engine.transport.inject_always(beside, GET)
    engine.deploy(program())
    assert ORIGIN in api.all()
    assert engine.destroy().writes == [DELETE]


def test_a_certificate_without_a_subject_needs_an_entity_id(engine: FakeEngine) -> None:
    """Nobody could choose it by the issuer of an assertion."""
    engine.transport.inject_always(answer_with(200, json={"certificate": certificate(1, issuer="")}), "GET certificate")
    message = engine.assert_refused(program(), "does not name its issuer")
    assert_three_part_message(message, "entity_id=")
    assert engine.preview(program(entity_id="https://idp.example")).inputs["billing"]["step"]
