"""The signer of an accepted assertion: a target's token alone leaves it unknown."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator, Switches, TokenCache
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import (
    FakeEngine,
    answer_with,
)
from support.verification import (
    FIND_ASSERTION,
    FIND_PATH,
    FIND_S4,
    ROTATE,
    VerificationScenario,
    find_requests,
)


def sign_late(scenario: VerificationScenario, seconds: float) -> None:
    """Let the service sign with the previous certificate for a while after the swap."""
    for name in ("s4", "sf", "assertion"):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE,
            subaccount=scenario.guid,
            method="GET",
            path=f"{FIND_PATH}{name}",
            seconds=seconds,
        )


@pytest.mark.parametrize("seconds", [None, 40.0], ids=["at once", "late"])
def test_targets_alone_are_inconclusive(scenario: VerificationScenario, seconds: float | None) -> None:
    """The preview names the missing destination; a minute later the targets are probed once more."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "sf")
    if seconds:
        sign_late(scenario, seconds)
    report = engine.up(declared)
    assert "none of verify_destinations shows which certificate signs" in engine.last_preview.messages
    assert set(scenario.verdicts().values()) == {"inconclusive"}
    assert f"warning: {engine.subject}s4: inconclusive: nothing shows which certificate signed; the target" in (
        report.messages
    )
    assert "A destination with SAMLAssertion in verify_destinations shows it." in report.messages
    assert engine.outputs("rotation")["unverified"] == ["s4", "sf"]
    engine.up(declared)
    assert engine.outputs("rotation")["unverified"] == ["s4", "sf"]
    engine.emulator.advance(60)
    report = engine.up(declared)
    assert "The next deployment verifies again." not in report.messages
    assert set(scenario.verdicts().values()) == {"inconclusive"}
    engine.assert_stable(declared)


def test_late_rejection_rolls_back(scenario: VerificationScenario) -> None:
    """A target that accepted the old certificate stays open, so its later rejection rolls back."""
    engine, declared = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    sign_late(scenario, 40.0)
    engine.up(declared)
    assert engine.slots == before[::-1]
    engine.emulator.advance(61)
    report = engine.up(declared)
    assert "a target's rejection rolls back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_added_assertion_ends_open_verification(scenario: VerificationScenario) -> None:
    """A SAMLAssertion destination that is added later is probed with the open ones."""
    engine = scenario.engine
    engine.up(scenario.program("b", "s4"))
    engine.up(scenario.program("b", "s4", "sf", "assertion"))
    assert scenario.verdicts() == {
        "s4": "verified",
        "assertion": "verified",
    }
    engine.assert_stable(scenario.program("b", "s4", "sf", "assertion"))


def test_target_is_probed_after_the_signer(scenario: VerificationScenario) -> None:
    """A token that was given before the signer was shown is worthless, so the target is probed again."""
    engine = scenario.engine
    engine.transport.inject_once(FIND_ASSERTION, answer_with(503), after=2)
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert set(scenario.verdicts().values()) == {"verified"}
    assert find_requests(report)[-4:] == [FIND_ASSERTION, FIND_S4, FIND_ASSERTION, FIND_S4]


def test_old_signer_is_probed_once(scenario: VerificationScenario) -> None:
    """On request, a signer of long standing is probed once: later probes would tell no more."""
    engine, declared = scenario.engine, scenario.program("a", "s4", verify_now="2")
    engine.up(declared)
    assert scenario.verdicts()["s4"] == "inconclusive"
    engine.assert_stable(declared)


def test_killed_run_begins_the_minute_later(scenario: VerificationScenario) -> None:
    """After a killed run, the minute begins with the command that finds the swap."""
    engine, declared = scenario.engine, scenario.program("b", "s4")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(600)
    engine.up(declared)
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    engine.emulator.advance(61)
    engine.up(declared)
    engine.assert_stable(declared)


def test_cached_assertion_is_weak() -> None:
    """An assertion from before two swaps is weak, although the right key signed it."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        scenario = VerificationScenario(
            FakeEngine(caching, caching.create_subaccount(generate=True).guid), targets=("s4",)
        )
        declared = scenario.program("a", "s4", "assertion", verify_now="2")
        caching.advance(100 - 3600)
        scenario.engine.up(declared)
        assert scenario.verdicts() == {
            "s4": "inconclusive",
            "assertion": "weak",
        }
        scenario.engine.assert_stable(declared)
