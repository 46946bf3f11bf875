"""Identity providers that the state does not know: foreign ones, and those of killed runs."""

from __future__ import annotations

import pytest

from btp_trust.errors import Refused
from support.fake_engine import FakeEngine, answer_with, interleave
from support.registrations import DELETE, GET, ORIGIN, POST, PUT, Api, adopted, due, program, trusted


def test_foreign_provider_needs_adopt(engine: FakeEngine) -> None:
    """A foreign identity provider is refused; `adopt` replaces its content and keeps its ID and settings."""
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
    assert "adopt " in engine.last_preview.messages or engine.last_preview.inputs["billing"]["certificates"]
    assert api.all()[ORIGIN]["id"] == identity == engine.outputs("billing")["identity_provider_id"]
    assert api.all()[ORIGIN]["config"]["nameID"] == "kept"
    assert api.all()[ORIGIN]["name"] == "by hand"
    engine.deploy(program("b"))


def test_adopt_matches_one_id(engine: FakeEngine) -> None:
    """`adopt` allows the one identity provider that it names."""
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
def test_replaced_provider_is_not_overwritten(engine: FakeEngine, refreshed: str) -> None:
    """An identity provider in the place of the recorded one stays until `adopt` names it."""
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
            assert report.changed["billing"] == {"trusted", "drift"}
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
    assert f"adopt {identity}" in engine.last_preview.messages
    assert engine.outputs("billing")["identity_provider_id"] == identity
    assert trusted(engine) == {engine.slots[0]}

    later = replaced()
    assert f'adopt="{later}"' in engine.assert_refused(program(adopt=identity), ORIGIN)
    api.delete()
    engine.deploy(program(adopt=identity), program())


def test_replaced_provider_stops_update(engine: FakeEngine) -> None:
    """An identity provider that was replaced after the plan stays as it is."""
    wanted = due(engine, PUT)
    api = Api(engine)
    before = api.all()[ORIGIN]

    def recreate() -> None:
        api.delete()
        api.register(ORIGIN, before["config"]["metaDataLocation"])

    engine.transport.inject_once(GET, interleave(before=recreate), after=1)
    with pytest.raises(Refused, match="adopt="):
        engine.up(wanted, skip_preview=True)
    assert engine.last_report.writes == [DELETE, POST]  # the other one's
    after = api.all()[ORIGIN]
    assert after["id"] != before["id"]
    assert after["config"]["metaDataLocation"] == before["config"]["metaDataLocation"]


def test_own_replacement_is_adopted(engine: FakeEngine) -> None:
    """A registration that a killed run re-created is adopted by recording it."""
    engine.deploy(program())
    stored = dict(engine.state)
    Api(engine).delete()
    engine.up(program())
    engine.state = stored
    report = engine.up(program())
    assert report.operations["billing"] == "update"
    identity = Api(engine).all()[ORIGIN]["id"]
    assert f"adopt {identity}" in engine.last_preview.messages
    assert report.writes == []
    assert engine.outputs("billing")["identity_provider_id"] == identity
    engine.assert_stable(program())


def test_other_type_is_never_adopted(engine: FakeEngine) -> None:
    """An identity provider of another type is refused, even with `adopt`."""
    answer = [{"id": "1", "originKey": ORIGIN, "type": "oidc1.0", "isActive": True}]
    engine.transport.inject_always(answer_with(200, json=answer), GET)
    assert "oidc1.0" in engine.assert_refused(program(adopt="1"), ORIGIN)


def test_unrecorded_registration_is_adopted(engine: FakeEngine) -> None:
    """A registration that a killed run left unrecorded is adopted without a write."""
    engine.up(program())
    del engine.state["billing"]
    report = engine.up(program())
    assert report.writes == []
    signer = str(engine.slots[0])[:8]
    assert f"the adopted one trusts {signer} now, and {signer} (expires 20" in report.messages
    engine.assert_stable(program())


def test_killed_update_is_only_recorded(engine: FakeEngine) -> None:
    """An update of the registration that a killed run left unrecorded is recorded, and a line says so."""
    engine.deploy(program())
    before = engine.state["billing"]
    engine.up(program("b"))
    engine.up(program("b"))
    stored, engine.state["billing"] = engine.state["billing"], before
    report = engine.up(program("b"))
    assert report.writes == []
    assert "already: this deployment records it, and nothing is written" in report.messages
    assert engine.outputs("billing")["trusted"] == stored.outputs["trusted"]
    engine.assert_stable(program("b"))


def test_replaced_provider_is_not_deleted(engine: FakeEngine) -> None:
    """A replaced identity provider stays on deletion; a missing one is a success."""
    engine.deploy(program())
    api = Api(engine)
    metadata = api.all()[ORIGIN]["config"]["metaDataLocation"]
    api.delete()
    api.register(ORIGIN, metadata)
    kept = dict(engine.state)
    assert "re-created under another ID" in engine.destroy().messages
    assert ORIGIN in api.all()
    api.delete()
    engine.state = kept
    engine.destroy()
    engine.deploy(program())
    engine.transport.inject_once(DELETE, interleave(before=api.delete))
    engine.destroy()
