"""TrustedIdentityProvider through a year, with its arguments, drifts and renames."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.output import UNKNOWN

from btp_trust import property_bag
from btp_trust.errors import Refused, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import CheckFailedError, Deployment, FakeEngine, answer_with
from support.registrations import ALONE, DELETE, ORIGIN, PREPARED, PUT, RETIRED, ROTATED, Api, adopted, program, trusted


def test_rotation_through_a_year(engine: FakeEngine) -> None:
    """The target trusts both certificates during the rotation and one before and after it."""
    engine.deploy(ALONE)
    first = engine.slots[0]
    assert trusted(engine) == {first}
    report = engine.preview(PREPARED)
    assert report.inputs["billing"]["certificates"].keys() == {first, "the new b"}
    assert "trust the new 'b' as well" in report.messages

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
def test_drift_is_shown_and_repaired(engine: FakeEngine, drift: Callable[[Api, str], None], *, refreshed: bool) -> None:
    """A drift of the registration is shown and repaired, refreshed or not; other settings stay."""
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


def test_refresh_reports_missing_registration(engine: FakeEngine) -> None:
    """A refresh reports a missing registration and keeps the resource; with strict it fails."""
    engine.deploy(ALONE)
    Api(engine).delete()
    report = engine.refresh()
    assert report.changed["billing"] == {"trusted", "identity_provider_id", "drift"}
    assert "Identity provider 'shop' is gone." in report.messages
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(Refused):
        engine.refresh()


def test_refresh_keeps_what_a_preview_plans(engine: FakeEngine) -> None:
    """A refresh records what the next deployment will do, or why it is refused; a source out of reach changes that."""
    engine.deploy(program())
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    assert engine.refresh().changed["billing"] == {"drift"}
    drift = engine.outputs("billing")["drift"]
    assert drift.startswith("trust ")
    service_key = engine.config.pop("btp-trust:serviceKey")
    engine.refresh()
    assert engine.outputs("billing")["drift"] == drift
    engine.config["btp-trust:serviceKey"] = service_key
    engine.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")
    engine.refresh()
    assert "has no active certificate" in engine.outputs("billing")["drift"]
    engine.transport.clear_faults()
    engine.deploy(program())
    assert "drift" not in engine.outputs("billing")


def test_manual_swap_is_followed(engine: FakeEngine) -> None:
    """The signer is always among the trusted certificates, even without `passive`."""
    engine.deploy(program())
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    assert engine.preview(program()).operations["billing"] == "update"
    engine.deploy(program())
    assert trusted(engine) == {engine.slots[0]}


def test_argument_changes(engine: FakeEngine) -> None:
    """Name, entity ID and layout are updates; another origin key, target or source is refused."""
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
    assert (caught.value.prop, elsewhere in caught.value.reason) == ("", True)  # the program omits the argument


def test_missing_active_certificate_is_refused(emulator: Emulator) -> None:
    """A source without an active certificate is refused with the remedy."""
    guid, target = (emulator.create_subaccount().guid for _ in range(2))
    assert "generate=True" in FakeEngine(emulator, guid, target_guid=target).assert_refused(program(), guid[:8])


def test_connection_must_be_xsuaa(engine: FakeEngine) -> None:
    """The connection must be one to XSUAA, and a binding needs `subaccount_id`."""
    engine.config["btp-trust:connections"] = json.dumps({"billing": engine.emulator.service_key(engine.target_guid)})
    with pytest.raises(TrustError, match="apiurl is missing"):
        engine.preview(program())
    del engine.config["btp-trust:connections"]
    entry = {"name": "billing", "credentials": engine.emulator.api_access_key(engine.target_guid)}
    engine.environ["VCAP_SERVICES"] = json.dumps({"xsuaa": [entry]})
    assert f'subaccount_id="{engine.target_guid}"' in engine.assert_refused(program(), "billing")
    engine.deploy(program(subaccount_id=engine.target_guid))


@pytest.mark.parametrize("given", [False, True])
def test_rename_keeps_registration(engine: FakeEngine, *, given: bool) -> None:
    """The renamed resource adopts the registration, and the old one leaves it."""
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


def test_replacement_keeps_registration(engine: FakeEngine) -> None:
    """The replaced resource leaves the registration to the new one."""
    engine.deploy(PREPARED)
    before = Api(engine).all()
    report = engine.up(PREPARED, replace=["billing"])
    assert report.operations["billing"] == "replace"
    assert "has taken over" in report.messages
    assert report.writes == []
    assert Api(engine).all() == before
    engine.assert_stable(PREPARED)


def test_second_origin_key_is_refused(engine: FakeEngine) -> None:
    """A second resource of the same origin key is refused, over another connection as well."""
    engine.config["btp-trust:connections"] = json.dumps(dict.fromkeys(("billing", "again"), Api(engine).key))
    for own in ({"connection": "again"}, {"name": "Shop"}, {"entity_id": "https://second.example"}):

        def both(deployment: Deployment, own: dict[str, Any] = own) -> None:
            program()(deployment)
            deployment.trusted("second", **{"connection": "billing", "origin_key": ORIGIN, **own})

        assert "A second TrustedIdentityProvider" in engine.assert_refused(both, ORIGIN, engine.target_guid[:8])


def test_other_origin_key_is_deleted(engine: FakeEngine) -> None:
    """A removed resource is deleted beside one of another origin key."""

    def both(deployment: Deployment) -> None:
        program()(deployment)
        deployment.trusted("second", connection="billing", origin_key="second", entity_id="https://second.example")

    engine.deploy(both)
    assert set(Api(engine).all()) >= {ORIGIN, "second"}
    assert engine.up(program()).writes == [DELETE]
    assert "second" not in Api(engine).all()


def test_unknown_subaccount_plans_create(engine: FakeEngine) -> None:
    """A subaccount that the same command creates is planned without a reading."""
    assert engine.preview(program(subaccount_id=UNKNOWN)).operations["billing"] == "create"


def test_unknown_passive_without_generation(engine: FakeEngine) -> None:
    """An update that generates nothing leaves open what will be trusted, and names no certificate as lost."""
    engine.deploy(ALONE, PREPARED)

    def renamed(deployment: Deployment) -> None:
        upcoming = deployment.passive(generation="b", display_name="Production")
        deployment.trusted(connection="billing", origin_key=ORIGIN, passive=upcoming)

    report = engine.preview(renamed)
    assert report.inputs["billing"]["certificates"] == property_bag.UNKNOWN
    assert "no longer trust" not in report.messages
    engine.deploy(renamed)
    assert trusted(engine) == set(engine.slots)
