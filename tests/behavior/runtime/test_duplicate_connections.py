"""One subaccount under two connection names: its slots are the same two, whoever holds the key."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import CheckFailedError, Deployment, Program, Twin, lost_before, program

NAMES = ("default", "second")


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack whose subaccount is adopted, and whose two connections are both for it."""
    found = Twin(emulator, emulator.create_subaccount(generate=True).guid)
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
def test_a_second_one_of_a_subaccount_is_refused(twin: Twin, kind: str, named: str, order: tuple[str, str]) -> None:
    """In the preview, whichever comes first; both connections and the subaccount are named, and nothing is written."""
    with pytest.raises(CheckFailedError) as caught:
        twin.preview(both(kind, *order))
    assert caught.value.prop == "connection"
    assert f"A second {named}" in caught.value.reason
    twin.refuses(both(kind, *order), "'default'", "'second'", twin.guid)
    with pytest.raises(CheckFailedError):
        twin.up(both(kind, *order), skip_preview=True)
    assert len([request for request in twin.last.writes if request.startswith("POST")]) <= 1


@pytest.mark.parametrize("unseen", ["offline", "down"])
def test_a_second_one_is_refused_by_what_is_recorded(twin: Twin, unseen: str) -> None:
    """Where the service is not read, the state knows the subaccount; one that nobody knows is no second one."""
    declared = [("passive", "one", "default"), ("passive", "two", "second")]
    declared += [("trigger", "three", "default"), ("trigger", "four", "second")]
    for kind, name, connection in declared:
        alone = Twin(twin.emulator, twin.guid, twin.config)
        alone.up(single(kind, name, connection))
        twin.state[name] = alone.state[name]
    if unseen == "offline":
        twin.config["btp-trust:offline"] = "true"
    else:
        twin.line.always(lost_before(httpx.ConnectError("no")), "GET certificate", "POST token")

    twin.refuses(together(*declared[:2]), "'default'", "'second'", twin.guid)
    twin.refuses(together(*declared[2:]), "'default'", "'second'", twin.guid)


def test_what_is_checked_twice_or_moves_is_no_second_one(twin: Twin) -> None:
    """A replacement, another name, one resource alone, and the other connection for all of them."""
    prepared = program("b", "a")
    twin.deploy(prepared)
    slots = twin.slots
    for name in ("next", "rotation"):
        twin.up(prepared, replace={name})
        twin.up(prepared, targets={name}, replace={name})
        twin.up(prepared, targets={name})
    twin.up(program("b", "a", passive={"name": "renamed"}, trigger={"name": "renamed-too"}))
    there = on("second")
    moved = program("b", "a", passive={"name": "again", **there}, trigger={"name": "rotation", **there}, active=there)
    twin.up(moved)
    twin.assert_settled(moved)
    assert twin.slots == slots
    split = program("b", "a", passive={"name": "again", **there}, trigger={"name": "rotation"}, active=there)
    twin.up(split)
    twin.assert_settled(split)


def test_two_active_ones_report_the_same_certificate(twin: Twin) -> None:
    """They follow the slot and undo nothing; what one renews, the other one finds renewed."""
    old = twin.slots[0]

    def run(deployment: Deployment) -> None:
        renewed: dict[str, Any] = {"renew_fingerprint": old, "accept_outage": True}
        deployment.active("signing", **renewed)
        deployment.active("again", **on("second"), **renewed)

    def adopt(deployment: Deployment) -> None:
        deployment.active("signing")
        deployment.active("again", **on("second"))

    twin.deploy(adopt)
    report = twin.up(run)
    assert report.writes == ["POST certificate"]
    assert {twin.outputs(name)["fingerprint"] for name in ("signing", "again")} == {twin.slots[0]}
