"""One subaccount under two connection names: a second resource for the same two slots is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import CheckFailedError, Deployment, FakeEngine, Program, program, raise_before_sending

NAMES = ("default", "second")


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack whose subaccount is adopted, and whose two connections are both for it."""
    found = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    found.config["btp-trust:connections"] = json.dumps({"second": emulator.service_key(found.guid)})
    found.deploy(program(None, "a"))
    return found


def on(connection: str) -> dict[str, Any]:
    """Give the connection as the resource classes do."""
    return {} if connection == "default" else {"connection": connection}


def both(kind: str, first: str, second: str) -> Program:
    """Declare two of a kind, on one connection each."""

    def run(deployment: Deployment) -> None:
        for name, connection in (("one", first), ("two", second)):
            if kind == "passive":
                deployment.passive(name, generation=name, **on(connection))
            else:
                deployment.trigger(name, generation=name, **on(connection))

    return run


def single(kind: str, name: str, connection: str) -> Program:
    """Declare one resource on a connection."""
    return lambda deployment: getattr(deployment, kind)(name, generation="b", **on(connection))


def together(*declared: tuple[str, str, str]) -> Program:
    """Declare several."""

    def run(deployment: Deployment) -> None:
        for each in declared:
            single(*each)(deployment)

    return run


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1]])
@pytest.mark.parametrize(("kind", "named"), [("passive", "PassiveTrustCertificate"), ("trigger", "RotationTrigger")])
def test_second_resource_is_refused(engine: FakeEngine, kind: str, named: str, order: tuple[str, str]) -> None:
    """A second resource of a subaccount is refused in the preview, in either order, with both connections named."""
    with pytest.raises(CheckFailedError) as caught:
        engine.preview(both(kind, *order))
    assert caught.value.prop in ("connection", "")  # the default connection is omitted
    assert f"A second {named}" in caught.value.reason
    engine.assert_refused(both(kind, *order), "'default'", "'second'", engine.label)
    with pytest.raises(CheckFailedError):
        engine.up(both(kind, *order), skip_preview=True)
    assert len([request for request in engine.last_report.writes if request.startswith("POST")]) <= 1


@pytest.mark.parametrize("unseen", ["offline", "down"])
def test_recorded_subaccount_refuses_second_resource(engine: FakeEngine, unseen: str) -> None:
    """While the service is unreadable, the recorded subaccount is enough to refuse a second resource."""
    declared = [("passive", "one", "default"), ("passive", "two", "second")]
    declared += [("trigger", "three", "default"), ("trigger", "four", "second")]
    for kind, name, connection in declared:
        alone = FakeEngine(engine.emulator, engine.guid, engine.config)
        alone.up(single(kind, name, connection))
        engine.state[name] = alone.state[name]
    if unseen == "offline":
        engine.config["btp-trust:offline"] = "true"
    else:
        engine.transport.inject_always(raise_before_sending(httpx.ConnectError("no")), "GET certificate", "POST token")

    engine.assert_refused(together(*declared[:2]), "'default'", "'second'", engine.label)
    engine.assert_refused(together(*declared[2:]), "'default'", "'second'", engine.label)


def test_replacement_and_rename_are_allowed(engine: FakeEngine) -> None:
    """A replacement, a new name, a lone resource and the other connection for all count as the same resource."""
    prepared = program("b", "a")
    engine.deploy(prepared)
    slots = engine.slots
    for name in ("next", "rotation"):
        engine.up(prepared, replace={name})
        engine.up(prepared, targets={name}, replace={name})
        engine.up(prepared, targets={name})
    engine.up(program("b", "a", passive={"name": "renamed"}, trigger={"name": "renamed-too"}))
    there = on("second")
    moved = program("b", "a", passive={"name": "again", **there}, trigger={"name": "rotation", **there}, active=there)
    engine.up(moved)
    engine.assert_stable(moved)
    assert engine.slots == slots
    split = program("b", "a", passive={"name": "again", **there}, trigger={"name": "rotation"}, active=there)
    engine.up(split)
    engine.assert_stable(split)


def test_two_active_resources_share_a_certificate(engine: FakeEngine) -> None:
    """Two ActiveTrustCertificates follow the same slot; one finds renewed what the other has renewed."""
    old = engine.slots[0]

    def run(deployment: Deployment) -> None:
        renewed: dict[str, Any] = {"renew_fingerprint": old, "accept_outage": True}
        deployment.active("signing", **renewed)
        deployment.active("again", **on("second"), **renewed)

    def adopt(deployment: Deployment) -> None:
        deployment.active("signing")
        deployment.active("again", **on("second"))

    engine.deploy(adopt)
    report = engine.up(run)
    assert report.writes == ["POST certificate"]
    assert {engine.outputs(name)["fingerprint"] for name in ("signing", "again")} == {engine.slots[0]}
