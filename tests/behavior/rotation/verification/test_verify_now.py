"""`verify_now`: a request to verify stays open until each destination has given evidence."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import (
    FakeEngine,
    answer_with,
    interleave,
    raise_before_sending,
)
from support.verification import (
    FIND_S4,
    LISTS,
    ROTATE,
    USER,
    VerificationScenario,
    destination_requests,
    fault_probes,
    find_requests,
)

NO_USER_TOKEN = [
    pytest.param({}, id="no user"),
    pytest.param({"btp-trust:user": json.dumps({"name": USER, "password": "wrong"})}, id="rejected logon"),
    pytest.param({"btp-trust:userToken": "expired"}, id="expired token"),
    pytest.param({"btp-trust:userTokenCommand": json.dumps([sys.executable, "-c", "exit(1)"])}, id="failing command"),
]


def test_request_verifies_unchanged_generation(scenario: VerificationScenario) -> None:
    """Each new text verifies the list once; a rejection is reported and recorded, and the slots stay."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    slots = engine.slots
    scenario.misreport("s4", slots[0])
    asking = scenario.program("b", "s4", "assertion", verify_now="1")
    assert destination_requests(engine.preview(asking)) == LISTS
    report = engine.up(asking)
    assert report.writes == []
    assert f"warning: {engine.subject}s4: rejected: " in report.messages
    assert "It is not rolled back. Users of s4 are refused since " in report.messages
    assert scenario.verdicts()["s4"] == "rejected"
    assert engine.slots == slots
    engine.assert_stable(asking)
    assert destination_requests(engine.up(scenario.program("b", "s4", "assertion"))) == []
    assert destination_requests(engine.up(scenario.program("b", "s4", "assertion", verify_now="2"))) != []


def test_request_at_creation_is_answered(emulator: Emulator) -> None:
    """A request in the program that creates the trigger is answered by the creation."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine = FakeEngine(emulator, scenario.guid, config=dict(scenario.engine.config))
    passive_generation = scenario.engine.outputs("rotation")["verified"]
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1"))
    assert report.writes == []
    assert "s4: rejected: " in report.messages
    calls = "s4, assertion will be verified as the user of connection 'default'; nothing is rolled"
    assert calls in engine.last_preview.messages
    evidence = engine.outputs("rotation")["verified"]
    assert {name: probe["verdict"] for name, probe in evidence.items()} == {"s4": "rejected", "assertion": "verified"}
    assert passive_generation == {}
    engine.assert_stable(scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1"))


@pytest.mark.parametrize("config", NO_USER_TOKEN)
def test_request_without_user_stays_open(scenario: VerificationScenario, config: dict[str, str]) -> None:
    """While the user's token is missing, each deployment reports the open request; then one answers it."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    configured = engine.config.pop("btp-trust:user")
    engine.config |= config
    for _ in range(2):
        report = engine.up(declared)
        assert report.writes == []
        assert (report.operations["rotation"], engine.last_preview.operations["rotation"]) == ("update", "update")
        assert f"warning: {engine.subject}s4: inconclusive: " in report.messages
        assert report.messages.count("The next deployment verifies again.") == 2
        assert "Without one the verification stays inconclusive." in engine.last_preview.messages or config
        assert engine.outputs("rotation")["verify_now"] == "first"
        assert "unverified" not in engine.outputs("rotation")
    for key in config:
        del engine.config[key]
    engine.config["btp-trust:user"] = configured
    assert "s4, assertion will be verified as the user; nothing is rolled back" in engine.preview(declared).messages
    engine.deploy(declared)
    assert set(scenario.verdicts().values()) == {"verified"}
    assert engine.outputs("rotation")["verify_now"] == "2"


@pytest.mark.parametrize("config", NO_USER_TOKEN)
def test_request_at_creation_stays_open(emulator: Emulator, config: dict[str, str]) -> None:
    """A trigger that is created without a user's token leaves the request open."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine = FakeEngine(emulator, scenario.guid, config={**scenario.engine.config, **config})
    if "btp-trust:user" not in config:
        del engine.config["btp-trust:user"]
    declared = scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1")
    engine.up(declared)
    assert "verify_now" not in engine.outputs("rotation")
    assert engine.preview(declared).operations["rotation"] == "update"
    engine.config = dict(scenario.engine.config)
    engine.deploy(declared)
    assert (
        engine.outputs("rotation")["verify_now"],
        engine.outputs("rotation")["verified"]["assertion"]["verdict"],
    ) == (
        "1",
        "verified",
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer_with(503), id="down"),
        pytest.param(answer_with(403), id="forbidden"),
        pytest.param(fault_probes(raise_before_sending(httpx.ReadTimeout("slow"))), id="timeout"),
    ],
)
def test_one_outage_keeps_request_open(scenario: VerificationScenario, fault: Any) -> None:
    """If one of several destinations gives no answer, the request is repeated."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.up(scenario.program("a", "s4", "assertion", verify_now="first"))
    engine.preview(declared)
    engine.transport.inject_always(fault, FIND_S4)
    engine.up(declared, skip_preview=True)
    assert engine.outputs("rotation")["verify_now"] == "first"
    engine.transport.clear_faults()
    engine.deploy(declared)
    assert scenario.verdicts()["s4"] == "verified"


def test_rejection_answers_the_request(scenario: VerificationScenario) -> None:
    """A rejection is evidence: it is reported once."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    scenario.misreport("s4", engine.slots[0])
    assert "s4: rejected: " in engine.up(declared).messages
    engine.assert_stable(declared)


def test_request_waits_for_declared_signer(scenario: VerificationScenario) -> None:
    """While another certificate signs, a request stays open and previews are stable."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    engine.up(scenario.program("a", "s4", "assertion", verify_now="first"))
    engine.up(declared)
    assert f"verify_now waits until {str(engine.slots[1])[:8]} signs" in engine.last_preview.messages
    assert engine.outputs("rotation")["verify_now"] == "first"
    engine.assert_stable(declared)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    assert find_requests(engine.up(declared)) != []
    assert engine.outputs("rotation")["verify_now"] == "2"
    engine.assert_stable(declared)


def test_request_during_drift_stays_open(scenario: VerificationScenario) -> None:
    """The update that records a drift leaves the request open."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    assert find_requests(engine.up(declared)) == []
    assert engine.outputs("rotation")["verify_now"] == "first"


def test_withdrawn_request_may_be_repeated(scenario: VerificationScenario) -> None:
    """After a deployment without a request, the same text is a new one."""
    engine, declared = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="first")
    engine.deploy(scenario.program("a", "s4", "assertion"))
    assert "verify_now" not in engine.outputs("rotation")
    assert find_requests(engine.up(declared)) != []
    assert find_requests(engine.up(declared)) == []


def test_swap_answers_the_request(scenario: VerificationScenario) -> None:
    """The verification of a swap answers a request; its inconclusive destinations belong to the step."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "assertion", verify_now="2")
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(declared)
    assert (engine.outputs("rotation")["verify_now"], engine.outputs("rotation")["unverified"]) == ("2", ["s4"])
    engine.transport.clear_faults()
    engine.deploy(declared)
