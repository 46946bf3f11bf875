"""A rotation that is verified: what is probed and when, and what counts as evidence of an accepted certificate."""

from __future__ import annotations

import httpx

from btp_trust_emulator import Emulator, Switches, TokenCache
from support.fake_engine import (
    HOUR,
    FakeEngine,
    SendRequest,
    commit_then_answer,
    commit_then_raise,
)
from support.verification import (
    FIND_S4,
    LISTS,
    ROTATE,
    VerificationScenario,
    destination_requests,
)


def test_verified_start_is_stable(scenario: VerificationScenario) -> None:
    """The program from which these tests start, once deployed, has no changes."""
    scenario.engine.assert_stable(scenario.first_program)


def test_rotation_is_verified_by_each_destination(scenario: VerificationScenario) -> None:
    """An assertion shows the signer and a new token shows acceptance; then the program is stable."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "assertion")
    before = engine.slots
    report = engine.up(declared)
    assert report.writes == [ROTATE]
    evidence = scenario.evidence()
    assert list(evidence) == ["s4", "assertion"]
    for probe in evidence.values():
        assert (probe["verdict"], probe["fingerprint"]) == ("verified", before[1])
        assert probe["at"].endswith("Z")
    assert {"unverified", "failed_generation", "failure"} & engine.outputs("rotation").keys() == set()
    assert "s4: verified: the target accepted the assertion" in report.messages
    assert "after the swap s4, assertion will be verified as the user; a target's rejection rolls back" in (
        engine.last_preview.messages
    )
    engine.assert_stable(declared)


def test_probes_follow_the_swap(scenario: VerificationScenario) -> None:
    """A preview lists, the deployment inspects before its swap and probes after it, the assertion before any target."""
    report = scenario.engine.up(scenario.program("b", "s4", "assertion"))
    s4, assertion = FIND_S4, "GET destinations/assertion"
    assert destination_requests(scenario.engine.last_preview) == LISTS
    after = report.requests[report.requests.index(ROTATE) :]
    assert destination_requests(report) == [*LISTS, s4, assertion, s4, assertion, assertion, s4]
    assert destination_requests(scenario.engine.last_report) == destination_requests(report)
    assert after == [ROTATE, s4, assertion, assertion, s4]


def test_edited_list_probes_nothing(scenario: VerificationScenario) -> None:
    """A changed list or policy is a mere update; a new list is inspected."""
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"))
    evidence = scenario.evidence()
    for declared, requests in (
        (scenario.program("b", "s4", "sf"), LISTS),
        (scenario.program("b", "sf", on_verification_failure="report"), LISTS),
        (scenario.program("b", "sf"), []),
    ):
        report = scenario.engine.up(declared)
        assert (report.operations["rotation"], report.writes, destination_requests(report)) == ("update", [], requests)
        scenario.engine.assert_stable(declared)
    assert evidence.keys() == {"s4", "assertion"}
    assert scenario.evidence() == {}


def test_rollback_is_verified_too(scenario: VerificationScenario) -> None:
    """A rollback by the program is verified by the same list."""
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"), scenario.program("a", "s4", "assertion"))
    assert set(scenario.verdicts().values()) == {"verified"}
    assert {probe["fingerprint"] for probe in scenario.evidence().values()} == {scenario.engine.slots[0]}


def test_lost_answer_has_time_after_inspection(scenario: VerificationScenario) -> None:
    """A swap whose answer is lost is found and recorded, even after an inspection that took long."""
    engine = scenario.engine

    def slow(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.elapsed += 175
        return send(request)

    engine.transport.inject_once(FIND_S4, slow)
    engine.transport.inject_once(ROTATE, commit_then_raise(httpx.ReadTimeout("lost")))
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.verdicts()["s4"] == "verified"


def test_unusable_redirect_is_resolved(scenario: VerificationScenario) -> None:
    """A redirect that httpx rejects leaves the swap to be found by reading."""
    engine = scenario.engine
    engine.transport.inject_once(ROTATE, commit_then_answer(302, headers={"Location": "mailto:a"}))
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.verdicts()["s4"] == "verified"


def test_propagation_is_awaited(scenario: VerificationScenario) -> None:
    """While the service still signs with the old key, targets are skipped and the assertion is probed again."""
    engine = scenario.engine

    def late(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.emulator.rotate(engine.guid)
        try:
            return send(request)
        finally:
            engine.emulator.rotate(engine.guid)

    for _ in range(2):
        engine.transport.inject_once("GET destinations/assertion", late, after=2)
    report = engine.up(scenario.program("b", "assertion", "s4"))
    assert set(scenario.verdicts().values()) == {"verified"}
    assert destination_requests(report)[-1] == FIND_S4
    engine.deploy(scenario.program("a", "s4", "assertion"))
    engine.transport.inject_always(late, "GET destinations/assertion")
    report = engine.up(scenario.program("b", "assertion", "s4"))
    evidence = scenario.evidence()
    assert "still signs with" in evidence["assertion"]["detail"]
    assert evidence["s4"]["detail"] == f"skipped: {str(engine.slots[0])[:8]} does not sign yet"
    assert engine.outputs("rotation")["unverified"] == ["assertion", "s4"]
    assert FIND_S4 not in report.requests[report.requests.index(ROTATE) :][3:]


def test_cached_token_is_inconclusive_once() -> None:
    """A cached token hides a rejection: that is reported, and the next deployment is stable."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        scenario = VerificationScenario(FakeEngine(caching, caching.create_subaccount(generate=True).guid))
        scenario.misreport("s4", scenario.engine.slots[1])
        caching.advance(60 - HOUR)
        declared = scenario.program("b", "s4", "sf")
        report = scenario.engine.up(declared)
        assert set(scenario.verdicts().values()) == {"inconclusive"}
        assert "nothing shows which certificate signed; the token may be cached" in report.messages
        caching.advance(61)
        scenario.engine.deploy(declared)


def test_first_token_is_weak(emulator: Emulator) -> None:
    """The first opaque token is weak; its lifetime is remembered, so the next rotation is verified."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"))
    assert scenario.verdicts()["s4"] == "weak"
    scenario.engine.deploy(scenario.program("a", "s4", "assertion"))
    assert scenario.verdicts()["s4"] == "verified"
