"""Disturbances of a command, drawn by hypothesis: every fault of the emulator, kills, a broken connection.

Left out is only what any provider must get wrong:

- A reading is stale for less than `LAG` seconds after a write, by the service's clock, and hides only writes that this
  stack has recorded. It cannot know foreign writes, or writes of a run that was killed or lost its answer; after them
  a minute passes, as the errors and the page on crashes instruct. So rivals act while readings are current. A new
  resource has recorded no write either: the first one, a renamed one, one after --target-replace.
- A token is for another subaccount only where the program or the state names the right one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx
from hypothesis import strategies as st

from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import FAULT_SPECS, TOKEN_ENDPOINT, FaultKind
from btp_trust_emulator.faults.request import RequestType
from btp_trust_emulator.slots import Action, Slot
from support.fake_engine import FakeEngine, ProcessKilledError, TransportFault, commit_then_raise, raise_before_sending
from support.stateful.communication_systems import PATCH, READ
from support.stateful.targets import ASSERTION, SYSTEMS, token_path

LAG: Final = 60.0
"""Seconds: the longest time, by the provider's assumption, that a reading is stale after a write."""
METADATA: Final = "/destination-configuration/v1/saml2Metadata"
ACTIVE: Final = f"{METADATA}/certificate"
PASSIVE: Final = f"{ACTIVE}/passive"
PATHS: Final = {Slot.ACTIVE: ACTIVE, Slot.PASSIVE: PASSIVE}
ROTATE: Final = f"{METADATA}/rotateCertificate"
FIND: Final = "/destination-configuration/v1/destinations"
_Where = tuple[str | None, str | None]
WRITES: Final[list[_Where]] = [("POST", PASSIVE), ("POST", ROTATE), ("DELETE", PASSIVE), ("POST", ACTIVE)]
READS: Final[list[_Where]] = [("GET", ACTIVE), ("GET", PASSIVE), ("GET", METADATA)]
FINDS: Final[list[_Where]] = [("GET", f"{FIND}/{SYSTEMS[0]}"), ("GET", f"{FIND}/{ASSERTION}")]
TARGETS: Final[list[_Where]] = [("POST", system) for system in SYSTEMS]
"""The token services of the targets, which the Destination service calls: their names, until a command begins."""
ANY: Final[list[_Where]] = [
    ("POST", None),
    *WRITES,
    *WRITES,
    *READS,
    ("POST", TOKEN_ENDPOINT),
    (None, None),
    ("GET", None),
    *FINDS,
    *TARGETS[:1],
]
STALE: Final = [FaultKind.STALE, FaultKind.STALE_AFTER_WRITE]
RIVALS: Final = [FaultKind.RIVAL_BEFORE, FaultKind.RIVAL_AFTER]
_WHERE: Final[dict[RequestType | None, list[_Where]]] = {
    RequestType.TOKEN_ENDPOINT: [("POST", TOKEN_ENDPOINT)],
    RequestType.READ: [*READS, ("GET", None), *FINDS],
    RequestType.WRITE: [("POST", None), (None, None), *WRITES[1:], ("GET", ACTIVE), ("GET", PASSIVE), *FINDS],
    RequestType.CERTIFICATE: [*WRITES[:2], *READS[:2], (None, None)],
    None: ANY,
}
_STATUSES: Final = {
    FaultKind.FAIL: [503, 500, 429, 401, 403, 400, 404],
    FaultKind.DO_THEN_FAIL: [500, 503, 504],
    FaultKind.HTML: [200, 404, 403, 502],
    FaultKind.DO_THEN_HTML: [200, 502],
    FaultKind.ROUTER: [404, 502, 503],
}
_SECONDS: Final[dict[FaultKind, list[float | None]]] = {
    FaultKind.FAIL: [None, 1.0, 7.0, 100.0, 300.0],
    FaultKind.DO_THEN_FAIL: [None, 7.0],
    FaultKind.SLOW: [0.0, 100.0],
    FaultKind.SHORT_TOKEN: [0.0, 61.0, 90.0],
    FaultKind.STALE_AFTER_WRITE: [None, 3.0, 20.0, LAG - 1],
}


@dataclass(frozen=True)
class Disturbance:
    """The disturbance of one command."""

    faults: tuple[tuple[FaultKind, dict[str, Any]], ...] = ()
    transport_fault: tuple[str, str, int, int] | None = None
    """(`killed before`, `killed after`, `lost` or `refused`; request; how many of them pass before, and are hit)."""
    between_preview_and_update: str | None = None
    """A colleague's act between preview and update."""
    starts_in_preview: bool = False
    """True if the disturbance starts with the preview."""

    @property
    def has_rivals(self) -> bool:
        """True if somebody else acts during the command."""
        return self.between_preview_and_update is not None or any(kind in RIVALS for kind, _ in self.faults)

    @property
    def is_stale(self) -> bool:
        """True if readings may be stale."""
        return any(kind in STALE for kind, _ in self.faults)

    @property
    def is_misleading(self) -> bool:
        """True if a fault reports existing data as missing, which any provider must believe."""
        return any(kind is FaultKind.FAIL and fields.get("status") == NOT_FOUND for kind, fields in self.faults)

    def inject_faults(self, emulator: Emulator, engine: FakeEngine, *, names_subaccount: bool) -> None:
        """Inject the faults; `names_subaccount`: True if the program or the state names the subaccount."""
        for kind, fields in self.faults:
            if kind is FaultKind.FOREIGN_TOKEN and not names_subaccount:
                continue
            path = fields.get("path")
            if path in SYSTEMS:
                emulator.fault(kind, **{**fields, "path": token_path(path, engine.guid)})
            else:
                emulator.fault(kind, subaccount=engine.guid, **fields)
        if self.transport_fault is not None:
            what, where, after, count = self.transport_fault
            for number in range(count):
                engine.transport.inject_once(where, TRANSPORT_FAULTS[what], after=0 if number else after)


NOT_FOUND: Final = 404
TRANSPORT_FAULTS: Final[dict[str, TransportFault]] = {
    "killed before": raise_before_sending(ProcessKilledError()),
    "killed after": commit_then_raise(ProcessKilledError()),
    "lost": commit_then_raise(httpx.ReadError("reset")),
    "refused": raise_before_sending(httpx.ConnectError("[Errno 111] Connection refused")),
}


TRANSPORT_DISTURBANCES: Final = st.tuples(
    st.sampled_from(sorted(TRANSPORT_FAULTS)),
    st.sampled_from(["", "", f"GET destinations/{SYSTEMS[0]}", "POST rotateCertificate", PATCH]),
    st.integers(0, 8),
    st.integers(1, 6),
)
"""The first eight requests of a kind: any, those of a verification, or swaps."""


@st.composite
def _faults(draw: st.DrawFn, kinds: list[FaultKind]) -> tuple[FaultKind, dict[str, Any]]:
    """Draw one fault with the fields of its kind."""
    kind = draw(st.sampled_from(kinds))
    fault_spec = FAULT_SPECS[kind]
    method, path = draw(st.sampled_from(_WHERE[fault_spec.request_type]))
    fields: dict[str, Any] = {"method": method, "path": path, "skip": draw(st.sampled_from([0, 0, 0, 1, 2, 3]))}
    if "slot" in fault_spec.fields:
        fields["slot"] = draw(st.sampled_from([None, Slot.ACTIVE, Slot.PASSIVE]))
    if "action" in fault_spec.fields:
        fields["action"] = draw(st.sampled_from(list(Action)))
    if kind in _STATUSES:
        fields["status"] = draw(st.sampled_from(_STATUSES[kind]))
    if kind in _SECONDS:
        fields["seconds"] = draw(st.sampled_from(_SECONDS[kind]))
    if kind not in STALE or fields["seconds"] is None:
        fields["count"] = draw(st.sampled_from([1, 1, 2, 6]))
    return kind, fields


_KILL_POINTS: Final = [
    *[("POST rotateCertificate", after) for after in (0, 0, 1)],
    *[(f"GET destinations/{SYSTEMS[0]}", after) for after in range(7)],
    *[("GET certificate", after) for after in (2, 3)],
]
KILLED_ROTATIONS: Final = st.builds(
    lambda kind, point: Disturbance(transport_fault=(kind, *point, 1)),
    st.sampled_from(["killed before", "killed after"]),
    st.sampled_from(_KILL_POINTS),
)
"""Kills of a rotation: at the swap, before, during or after the verification, before or after the rollback."""


DISTURBED_SWITCHOVERS: Final = st.builds(
    lambda kind, point, count: Disturbance(transport_fault=(kind, *point, count)),
    st.sampled_from(["killed before", "killed after", "lost", "refused"]),
    st.sampled_from([*[(PATCH, after) for after in range(7)], (READ, 2), (READ, 4), *_KILL_POINTS[:3]]),
    st.sampled_from([1, 1, 2, 8]),
)
"""Faults of a switchover: in its rehearsal, at the swap, or after that, at one request or all of them."""


def disturbances(*, rivals: bool) -> st.SearchStrategy[Disturbance]:
    """Draw the disturbance of a command: up to four faults at once, with stale readings or with rivals."""
    others = _faults([kind for kind in FaultKind if kind not in [FaultKind.STALE, *(STALE if rivals else RIVALS)]])
    at_first = _faults(RIVALS) if rivals else others
    return st.builds(
        Disturbance,
        st.builds(lambda first, more: (first, *more), at_first, st.lists(others, max_size=3)),
        st.none() | st.none() | TRANSPORT_DISTURBANCES,
        st.none() | st.none() | st.sampled_from([action.value for action in Action]) if rivals else st.none(),
        st.sampled_from([False, False, False, True]),
    )
