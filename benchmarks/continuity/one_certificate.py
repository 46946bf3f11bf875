"""A target that holds one certificate, in three ways: with the signer, by a person after the swap, renewed in place.

Such a target has a gap in every way. The network takes some time for each answer to the provider; users call without
that, so that a gap is measured as exactly as they call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from btp_trust_emulator import Emulator, Target
from btp_trust_emulator.faults.fault import TOKEN_ENDPOINT, FaultKind
from continuity.deployments import SwitchingDeployments
from continuity.measure import ScenarioResult, measure
from continuity.scenarios import ScenarioContext
from continuity.subaccount import BenchmarkSubaccount
from continuity.targets import Owner

SWITCHES: Final = "switches"
TITLES: Final = {
    SWITCHES: "btp-trust: the system changes over with the signer",
    "person": "swapped, then a person uploads",
    "renewed": "renewed in place, then a person uploads",
}
ROUND_TRIPS: Final = (0.0, 0.1)
"""Seconds."""
ALLOWANCE_SECONDS: Final = 0.2
PERSON: Final = "about an hour"
"""How long a person takes for an upload, by assumption; the pause of the benchmark stands for that."""
_SERVICE = "/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001"
_SYSTEM: Final = "BTP"


@dataclass(frozen=True)
class SystemUser:
    """The administrator of a communication system, which holds one certificate."""

    emulator: Emulator
    tenant: str

    def trust(self, *pems: str) -> None:
        """Let the system trust the last of these certificates: there is room for one."""
        self.emulator.trust_in_system(self.tenant, _SYSTEM, pems[-1])

    def target(self) -> Target:
        """Return the current system."""
        return self.emulator.communication_system_target(self.tenant, _SYSTEM)


def one_system(emulator: Emulator, _http: httpx.Client, guid: str) -> dict[str, Owner]:
    """Create a tenant with one communication system."""
    emulator.create_s4(guid)
    emulator.create_communication_system(guid, _SYSTEM)
    return {"s4": SystemUser(emulator, guid)}


def switch_over(context: ScenarioContext, deployments: SwitchingDeployments) -> None:
    """Rotate: one deployment swaps, and lets the system trust the new signer."""
    context.pause()
    context.record_event("rotate")
    deployments.rotate()
    context.pause()


def upload_after(context: ScenarioContext, event: str, *requests: str) -> None:
    """Change the signer; then a person uploads the certificate that signs."""
    context.pause()
    context.record_event(event)
    for request in requests:
        context.subaccount.service.post(request)
    new = context.subaccount.service.certificate()
    context.pause()
    context.record_event("upload")
    context.subaccount.owners["s4"].trust(new)
    context.pause()


WAYS_OF_PEOPLE: Final[Mapping[str, Callable[[ScenarioContext], None]]] = {
    "person": lambda context: upload_after(context, "swap", "certificate/passive", "rotateCertificate"),
    "renewed": lambda context: upload_after(context, "renew", "certificate"),
}


@contextmanager
def delayed(subaccount: BenchmarkSubaccount, round_trip: float) -> Iterator[None]:
    """Let each answer of the Destination service and of the tenant to the provider take this long."""
    emulator, guid = subaccount.emulator, subaccount.guid
    uuid = emulator.communication_system(guid, _SYSTEM).uuid
    service, tenant = "/destination-configuration/v1/saml2Metadata", f"/s4/{guid}{_SERVICE}"
    trust = [f"{service}/{name}" for name in ("certificate", "certificate/passive", "rotateCertificate")]
    systems = [f"{tenant}{name}" for name in ("/", "/CommunicationSystems", f"/CommunicationSystems({uuid})")]
    for path in [*trust, *systems, TOKEN_ENDPOINT] if round_trip else []:
        emulator.fault(FaultKind.SLOW, path=path, seconds=round_trip, count=1000)
    yield
    emulator.clear_faults()


@dataclass(frozen=True)
class Gap:
    """The numbers of one way with one network."""

    way: str
    round_trip_seconds: float
    calls: int
    rejected: int
    longest_gap_seconds: float

    @property
    def limit(self) -> float:
        """The longest gap that a switchover may have: the answers of swap and PATCH, and an allowance."""
        return 2 * self.round_trip_seconds + ALLOWANCE_SECONDS


Results = Mapping[tuple[str, float], ScenarioResult]
"""{(way, round trip): its course}."""


def run_all(
    folder: Path, emulator: Emulator, http: httpx.Client, run: Callable[..., ScenarioResult]
) -> dict[tuple[str, float], ScenarioResult]:
    """Run each way with each network, each on a subaccount of its own."""
    found = {}
    for round_trip in ROUND_TRIPS:
        for way in TITLES:
            subaccount = BenchmarkSubaccount(emulator, http, one_system)
            scenario = WAYS_OF_PEOPLE.get(way)
            if scenario is None:
                deployments = SwitchingDeployments(folder / str(round_trip), subaccount)
                scenario = partial(switch_over, deployments=deployments)
            with delayed(subaccount, round_trip):
                found[way, round_trip] = run(scenario, subaccount)
    return found


def to_gaps(found: Results) -> list[Gap]:
    """Return the numbers of all runs."""
    return [Gap(way, seconds, *asdict(measure(result.calls)).values()) for (way, seconds), result in found.items()]


def find_problems(found: Results) -> list[str]:
    """Return the problems: a switchover with a longer gap than allowed, a person without one, an incomplete run."""
    said = []
    for gap, result in zip(to_gaps(found), found.values(), strict=True):
        name = f"{gap.way}, {gap.round_trip_seconds * 1000:.0f} ms"
        if gap.way == SWITCHES and gap.longest_gap_seconds > gap.limit:
            said.append(f"{name}: a gap of {gap.longest_gap_seconds:.2f} s; at most {gap.limit:.2f} s is the goal.")
        if gap.way != SWITCHES and not gap.rejected:
            said.append(f"{name}: all calls were accepted, so the benchmark lacks sensitivity.")
        if not result.signer_changed:
            said.append(f"{name}: the active certificate is the same as before.")
        if result.calls[-1].rejection is not None:
            said.append(f"{name}: the target still rejects in the end: {result.calls[-1].rejection}")
    return said


def table(gaps: list[Gap]) -> str:
    """Return the numbers as a table."""
    rows = (
        f"| {TITLES[gap.way]} | {gap.round_trip_seconds * 1000:.0f} ms | {gap.calls} | {gap.rejected} "
        f"| {_seen(gap)} | {_in_practice(gap)} |"
        for gap in gaps
    )
    head = "| | Round trip | Calls made | Calls rejected | Longest gap, measured | With a person's hour |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _seen(gap: Gap) -> str:
    return f"{gap.longest_gap_seconds:.2f} s" if gap.rejected else "shorter than the time between two calls"


def _in_practice(gap: Gap) -> str:
    return "the same" if gap.way == SWITCHES else PERSON


def to_text(gaps: list[Gap]) -> str:
    """Return the results file."""
    return f"{json.dumps([asdict(gap) for gap in gaps], indent=2)}\n"


def from_text(text: str) -> list[Gap]:
    """Read the results file."""
    return [Gap(**each) for each in json.loads(text)]


def for_picture(found: Results) -> dict[str, ScenarioResult]:
    """Return the runs with the slower network, by their titles."""
    return {TITLES[way]: result for (way, seconds), result in found.items() if seconds == max(ROUND_TRIPS)}
