"""Slot writes that are due, and the disturbances that they meet."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, Program, TransportFault, answer_with, program, raise_before_sending

PAUSES = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 6.5]
"""The pauses before each reading after a lost answer: half a minute in all."""
ALONE = program()
PREPARED = program("b", "a")
FIRST = program(active={"generate": True})


class WriteScenario:
    """A write that is due: the stack, the program that asks for it, the request, what the slots are to be then."""

    def __init__(self, engine: FakeEngine, wanted: Program, request: str) -> None:
        self.engine = engine
        self.wanted = wanted
        self.request = request
        self.before = engine.slots

    def run(self) -> list[str]:
        """Run `up`; return the writes that reached the service."""
        self.engine.pauses.clear()
        return self.engine.up(self.wanted).writes

    def assert_converges(self) -> None:
        """Assert that the next `up` converges, with a new POST only where the first never acted."""
        self.engine.transport.clear_faults()
        self.engine.emulator.advance(HOUR)
        self.engine.deploy(self.wanted)


def stack(emulator: Emulator, *programs: Program, generate: bool = True) -> FakeEngine:
    """Make a stack with these deployments behind it."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=generate).guid)
    emulator.advance(HOUR)
    for each in programs:
        engine.up(each)
        emulator.advance(HOUR)
    return engine


def swap_scenario(emulator: Emulator) -> WriteScenario:
    """The rotation."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program("b", "b"), "POST rotateCertificate")


def preparation_scenario(emulator: Emulator) -> WriteScenario:
    """A preparation over an earlier one."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program("c", "a"), "POST certificate/passive")


def first_preparation_scenario(emulator: Emulator) -> WriteScenario:
    """A preparation in the empty slot, on creation."""
    return WriteScenario(stack(emulator, ALONE), PREPARED, "POST certificate/passive")


def renewal_scenario(emulator: Emulator) -> WriteScenario:
    """A renewal in place."""
    engine = stack(emulator, ALONE)
    renew = program(active={"renew_fingerprint": engine.slots[0], "accept_outage": True})
    return WriteScenario(engine, renew, "POST certificate")


def first_generation_scenario(emulator: Emulator) -> WriteScenario:
    """The first active certificate."""
    return WriteScenario(stack(emulator, generate=False), FIRST, "POST certificate")


def deletion_scenario(emulator: Emulator) -> WriteScenario:
    """A removal that empties the passive slot."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program(None, "a"), "DELETE certificate/passive")


KINDS = [
    swap_scenario,
    preparation_scenario,
    first_preparation_scenario,
    renewal_scenario,
    first_generation_scenario,
    deletion_scenario,
]
every_write = pytest.mark.parametrize(
    "scenario", KINDS, indirect=True, ids=lambda kind: kind.__name__.removesuffix("_scenario").replace("_", " ")
)
every_write_of_one_slot = pytest.mark.parametrize(
    "scenario", KINDS[1:], indirect=True, ids=lambda kind: kind.__name__.removesuffix("_scenario").replace("_", " ")
)
"""All but the swap, whose answer tells both slots."""
NEVER_ARRIVED = [
    pytest.param(raise_before_sending(httpx.ConnectError("refused")), id="connection refused"),
    pytest.param(raise_before_sending(httpx.ConnectTimeout("slow")), id="connect timeout"),
    pytest.param(raise_before_sending(httpx.PoolTimeout("busy")), id="pool timeout"),
    pytest.param(raise_before_sending(httpx.ProxyError("403 Forbidden")), id="a tunnel that the proxy refused"),
    pytest.param(answer_with(429, headers={"Retry-After": "7"}), id="too many requests"),
    pytest.param(answer_with(404, headers={"X-Cf-Routererror": "unknown_route"}), id="a router that knows no route"),
    pytest.param(answer_with(503, headers={"X-Cf-Routererror": "no_endpoints"}), id="a router without an instance"),
    pytest.param(
        answer_with(404, text="404 Not Found: Requested route ('service.example') does not exist.\n"),
        id="the router's text alone",
    ),
]
RIVALS = {
    "POST rotateCertificate": "generate_passive",
    "POST certificate/passive": "generate_active",
    "POST certificate": "generate_passive",
    "DELETE certificate/passive": "generate_passive",
}


class Counted:
    """A fault that counts how often it was met, and what had reached the service by then."""

    def __init__(self, scenario: WriteScenario, fault: TransportFault) -> None:
        self.scenario = scenario
        self.fault = fault
        self.journal: list[int] = []

    def __call__(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Count and let it happen."""
        self.journal.append(len(self.scenario.engine.emulator.journal()))
        return self.fault(request, send)


def stale(scenario: WriteScenario, readings: int, lost: Exception | None = None) -> TransportFault:
    """Let the service act, perhaps lose its answer, and let so many readings show the slots from before."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        base = request.url.path.partition("/saml2Metadata")[0] + "/saml2Metadata/"
        for path in ("certificate", "certificate/passive"):
            url = request.url.copy_with(path=base + path)
            old = send(httpx.Request("GET", url, headers={"Authorization": request.headers["Authorization"]}))
            again = answer_with(old.status_code, content=old.read(), headers=old.headers)
            for _ in range(readings):
                scenario.engine.transport.inject_once(f"GET {path}", again)
        answer = send(request)
        if lost is not None:
            raise lost
        return answer

    return fault
