"""Slow destinations: each gets a share of the time, and a rejection behind them is still heard."""

from __future__ import annotations

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btp_trust.rotation.schema import MAX_DESTINATIONS
from btp_trust_emulator import Emulator
from support.fake_engine import (
    FakeEngine,
    SendRequest,
    answer_with,
    interleave,
)
from support.verification import (
    FIND_ASSERTION,
    FIND_S4,
    OPERATION_SECONDS,
    ROTATE,
    SAML,
    VerificationScenario,
    create_destinations_like_s4,
    fault_probes,
    time_out,
)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    slow=st.integers(1, MAX_DESTINATIONS - 1),
    place=st.integers(0, MAX_DESTINATIONS - 1),
    is_seen=st.booleans(),
    kind=st.sampled_from([{}, SAML]),
)
def test_slow_destinations_leave_rejections_visible(
    emulator: Emulator, slow: int, place: int, kind: dict[str, str], *, is_seen: bool
) -> None:
    """A rejection anywhere in a list of slow destinations is heard and rolled back in time."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine, names = scenario.engine, [f"d{number}" for number in range(slow)]
    create_destinations_like_s4(scenario, names, **kind)
    before, times = engine.slots, []
    scenario.misreport("s4", before[1])

    def stall(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return send(request) if is_seen and "skipTokenRetrieval" in str(request.url) else time_out(request, engine)

    def after_swap() -> None:
        times.append(engine.elapsed)
        engine.transport.inject_always(stall, *[f"GET destinations/{name}" for name in names])

    engine.transport.inject_always(interleave(after=after_swap), ROTATE)
    declared = [*names[:place], "s4", *names[place:]]
    report = engine.up(scenario.program("b", *declared))
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert times[1] - times[0] < (70 if is_seen else 130) < OPERATION_SECONDS
    assert {scenario.evidence()[name]["verdict"] for name in names} == {"inconclusive"}


def test_slow_destination_gets_time_later(scenario: VerificationScenario) -> None:
    """The first probe is short; later a slow destination gets its share of the remaining time."""
    engine, elapsed = scenario.engine, []

    def slow(request: httpx.Request, send: SendRequest) -> httpx.Response:
        elapsed.append(request.extensions["timeout"]["read"])
        return send(request) if elapsed[-1] > 20 else time_out(request, engine)

    engine.transport.inject_always(fault_probes(slow), FIND_S4)
    engine.up(scenario.program("b", "s4", "sf", "assertion"))
    assert set(scenario.verdicts().values()) == {"verified"}
    assert elapsed == [5.0, 30.0]


def test_exhausted_time_is_reported(scenario: VerificationScenario) -> None:
    """Destinations that are left when the time is used up are named, and verified again."""
    engine, declared = scenario.engine, scenario.program("b", "assertion", "s4")

    def endless(request: httpx.Request, _: SendRequest) -> httpx.Response:
        engine.elapsed += OPERATION_SECONDS
        raise httpx.ReadTimeout("slow", request=request)

    engine.transport.inject_always(fault_probes(endless), FIND_ASSERTION)
    report = engine.up(declared)
    assert report.writes == [ROTATE]
    assert scenario.evidence()["s4"]["detail"].startswith(("GET ", "skipped: no time was left"))
    assert engine.outputs("rotation")["unverified"] == ["assertion", "s4"]


def test_failed_inspection_is_followed_by_probe(scenario: VerificationScenario) -> None:
    """A probe reads the authentication that an inspection could not; unsuitable destinations are reported."""
    engine = scenario.engine
    create_destinations_like_s4(scenario, ["plain"])

    def unseen(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return answer_with(500)(request, send) if "skipTokenRetrieval" in str(request.url) else send(request)

    def after_swap() -> None:
        engine.transport.inject_always(unseen, FIND_S4, FIND_ASSERTION, "GET destinations/plain")
        scenario.emulator.delete_destination(scenario.guid, "plain")
        scenario.emulator.create_destination(scenario.guid, {"Name": "plain", "Type": "HTTP"})

    engine.transport.inject_once(ROTATE, interleave(after=after_swap))
    engine.up(scenario.program("b", "assertion", "s4", "plain"))
    evidence = scenario.evidence()
    assert {evidence[name]["verdict"] for name in ("assertion", "s4")} == {"verified"}
    assert "is unsuitable for a verification" in evidence["plain"]["detail"]
