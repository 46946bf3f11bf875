"""TrustedIdentityProvider: what a removal does to the registration, and to a preexisting one."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from btp_trust.errors import EntityIDTaken, OfflineRefused, Refused, ServiceUnavailable, TargetChanged, WriteNotApplied
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
from support.registrations import DELETE, GET, ORIGIN, POST, PUT, Api


def program(**args: Any) -> Program:
    """Write the program: the registration alone."""

    def run(deployment: Deployment) -> None:
        deployment.trusted(**{"connection": "billing", "origin_key": ORIGIN, **args})

    return run


KEEPING = program(on_delete="deactivate")


def nothing(_: Deployment) -> None:
    """Declare an empty program."""


def metadata_of(engine: FakeEngine) -> str:
    """The output `metadata` of the active certificate."""
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


def test_deletion_mentions_users(engine: FakeEngine) -> None:
    """The preview of a removal names identity provider and subaccount; it and the removal say that users go too."""
    engine.deploy(program())
    report = removed(engine)
    assert report.inputs["billing"]["removal"].startswith(f"deletes identity provider {ORIGIN!r}")
    assert "with its users there and their role collection assignments" in report.inputs["billing"]["removal"]
    assert engine.target_guid[:8] in report.inputs["billing"]["subaccount"]
    assert "is deleted, with its users" in report.messages
    assert report.writes == [DELETE]


def test_retained_removal_deletes_nothing(engine: FakeEngine) -> None:
    """The option is no update, also during an outage, and the preview of the removal says so."""
    engine.deploy(program())
    retained = program(retain_on_delete=True)
    engine.transport.inject_always(answer_with(503), GET)
    assert engine.up(retained).has_no_changes
    engine.transport.clear_faults()
    assert engine.up(retained).has_no_changes
    assert "retain_on_delete" not in engine.outputs("billing")
    report = removed(engine)
    assert report.inputs["billing"]["removal"].startswith("deletes nothing: retain_on_delete leaves the identity")
    assert report.writes == []
    assert ORIGIN in Api(engine).all()


def test_deactivation_can_be_undone(engine: FakeEngine) -> None:
    """A deactivated identity provider keeps its content, and a new resource activates it by one request."""
    engine.deploy(KEEPING)
    api = Api(engine)
    before = api.all()[ORIGIN]
    report = removed(engine)
    assert f"sets identity provider {ORIGIN!r} inactive" in report.inputs["billing"]["removal"]
    assert report.writes == [PUT]
    after = api.all()[ORIGIN]
    assert after["active"] is False
    assert {name: after[name] for name in ("id", "config", "name")} == {
        name: before[name] for name in ("id", "config", "name")
    }

    preview = engine.preview(KEEPING)
    assert f"which this resource did not register ({before['id']}): active again" in preview.inputs["billing"]["step"]
    assert engine.up(KEEPING).writes == [PUT]
    assert api.all()[ORIGIN]["active"] is True
    engine.assert_stable(KEEPING)
    assert engine.destroy().writes == [PUT]
    assert api.all()[ORIGIN]["active"] is False


def test_reactivation_updates_certificates(engine: FakeEngine) -> None:
    """Activating an identity provider again updates its certificates, and the step says so."""
    engine.deploy(KEEPING)
    engine.destroy()
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    step = engine.preview(program()).inputs["billing"]["step"]
    assert "no longer trust" in step
    assert "active again" in step
    engine.deploy(program())


def test_inactive_provider_needs_no_write(engine: FakeEngine) -> None:
    """An identity provider that is inactive already is left as it is."""
    engine.deploy(KEEPING)
    api = Api(engine)
    found = api.all()[ORIGIN]
    api.http.put(f"{api.url}/{found['id']}", json={**found, "active": False}).raise_for_status()
    assert removed(engine).writes == []


def test_inactive_foreign_provider_needs_adopt(engine: FakeEngine) -> None:
    """An inactive identity provider of another entity is adopted on request only."""
    Api(engine).register(ORIGIN, metadata_of(engine).replace('entityID="', 'entityID="x'), active=False)
    assert "adopt=" in engine.assert_refused(program(), ORIGIN)


def test_lost_deactivation_is_resolved(engine: FakeEngine) -> None:
    """A lost response of a deactivation is resolved by reading."""
    engine.deploy(KEEPING)
    engine.transport.inject_once(PUT, commit_then_raise(httpx.ReadTimeout("slow")))
    assert removed(engine).writes == [PUT]
    engine.deploy(KEEPING)
    engine.transport.inject_once(PUT, answer_with(400, content=b"no"))
    with pytest.raises(WriteNotApplied, match="The deactivation of identity provider"):
        engine.up(nothing)


def test_blocked_deactivation_names_remedies(engine: FakeEngine) -> None:
    """A deactivation that is impossible now names the remedies."""
    engine.deploy(KEEPING)
    engine.config["btp-trust:offline"] = "true"
    with pytest.raises(OfflineRefused, match="was not set inactive"):
        engine.destroy()


def test_unreadable_settings_are_never_overwritten(engine: FakeEngine) -> None:
    """Unreadable settings, or a missing ID, stop update and deactivation."""
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


def test_identical_provider_is_adopted(engine: FakeEngine) -> None:
    """An identity provider with the desired content is adopted and named, in the preview and on removal."""
    engine.deploy(program())
    identity = Api(engine).all()[ORIGIN]["id"]
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    preview = second.preview(program())
    assert f"adopt 'shop', which this resource did not register ({identity})" in preview.inputs["billing"]["step"]
    assert "adopt" in preview.messages
    assert second.up(program()).writes == []
    second.assert_stable(program())
    assert second.outputs("billing")["preexisting"] == identity
    second.deploy(program(name="Shop"))
    assert second.outputs("billing")["preexisting"] == identity

    report = removed(second)
    assert f"({identity}): another stack may rely on it" in report.inputs["billing"]["removal"]
    assert f"({identity}): another stack may have relied on it" in report.messages


def test_own_provider_is_not_preexisting(engine: FakeEngine) -> None:
    """A registration of the resource itself, or one that `adopt` names, is the resource's own."""
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


def test_missing_provider_stops_adoption(engine: FakeEngine) -> None:
    """An identity provider that goes after the plan to adopt it stops the command."""
    engine.deploy(program())
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)

    def gone() -> None:
        engine.destroy()

    second.transport.inject_once(GET, interleave(before=gone), after=1)
    with pytest.raises(TargetChanged):
        second.up(program(), skip_preview=True)
    assert ORIGIN not in Api(engine).all()


def test_preexisting_survives_outage(engine: FakeEngine) -> None:
    """While the target is unreachable, the state still names what was adopted."""
    engine.deploy(program())
    second = FakeEngine(engine.emulator, engine.guid, target_guid=engine.target_guid)
    second.deploy(program())
    second.transport.inject_always(answer_with(503), GET)
    assert "another stack" in second.preview(program()).inputs["billing"]["removal"]
    with pytest.raises(ServiceUnavailable):
        second.up(program(name="Shop"))


@pytest.mark.parametrize("method", [POST, PUT])
def test_taken_entity_id_names_owner(engine: FakeEngine, method: str) -> None:
    """A conflict names the owner of the entity ID and the line that adopts it."""
    if method == PUT:
        engine.deploy(program(entity_id="https://first.example"))
    metadata = metadata_of(engine)
    api = Api(engine)
    engine.transport.inject_once(method, interleave(before=lambda: api.register("faster", metadata)))
    with pytest.raises(EntityIDTaken) as caught:
        engine.up(program())
    message = str(caught.value)
    assert_three_part_message(message, "'faster'", f'adopt="{api.all()["faster"]["id"]}"', "Duplicate entity ID")


def test_taken_entity_id_without_owner(engine: FakeEngine) -> None:
    """A conflict whose owner the list leaves out is reported as such."""
    engine.transport.inject_once(
        POST, answer_with(409, content=b"Duplicate entity ID:x", headers={"Content-Type": "text/plain"})
    )
    with pytest.raises(EntityIDTaken, match="does not show which one"):
        engine.up(program())


def test_taken_entity_id_allows_retry(engine: FakeEngine) -> None:
    """A conflict is certain, so that an error hook may retry once the owner is gone."""
    engine.retries = 1
    engine.transport.inject_once(
        POST, answer_with(409, content=b"Duplicate entity ID:x", headers={"Content-Type": "text/plain"})
    )
    assert engine.up(program()).writes == [POST]
    assert ORIGIN in Api(engine).all()


def test_other_provider_types_are_ignored(engine: FakeEngine) -> None:
    """Identity providers of other types are ignored."""
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


def test_empty_subject_needs_entity_id(engine: FakeEngine) -> None:
    """A certificate with an empty subject needs `entity_id`."""
    engine.transport.inject_always(answer_with(200, json={"certificate": certificate(1, issuer="")}), "GET certificate")
    message = engine.assert_refused(program(), "does not name its issuer")
    assert_three_part_message(message, "entity_id=")
    assert engine.preview(program(entity_id="https://idp.example")).inputs["billing"]["step"]
