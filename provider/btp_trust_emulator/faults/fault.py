"""Faults: what goes wrong at a request, or what a rival does around it, when a test has asked for it.

`FAULT_SPECS` is the one table of the kinds. A kind with a `request_type` disturbs requests of that type only, and all
but those for tokens need a good token in them; other requests are not counted. For a rival, `method` GET means a read.

Faults are matched in the order in which they were queued. A request gets the first that matches, and further ones
that go with it: a rival before, a stale slot or a wrong token, a rival after, and one thing that happens to the
response. If the service does not act, the fault is the only one. A fault that is passed over for another stays as it
was, `skip` included.

A reset comes when the request was read to its end. Python's TLS may report it as httpx.RemoteProtocolError.
To refuse connections before a request, use `Emulator.refuse_connections`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from http.client import OK
from typing import TYPE_CHECKING, TypedDict

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.faults.request import RequestFacts, RequestType
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator


class FaultKind(Enum):
    """What goes wrong, or who interferes; `FAULT_SPECS` says what each kind does."""

    FAIL = "fail"
    HTML = "html"
    ROUTER = "router"
    SILENCE = "silence"
    CLOSE = "close"
    RESET = "reset"
    DO_THEN_FAIL = "do_then_fail"
    DO_THEN_HTML = "do_then_html"
    DO_THEN_ROUTER = "do_then_router"
    DO_THEN_SILENCE = "do_then_silence"
    DO_THEN_CLOSE = "do_then_close"
    DO_THEN_RESET = "do_then_reset"
    SLOW = "slow"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_CERTIFICATE = "empty_certificate"
    LITERAL_NEWLINES = "literal_newlines"
    STALE = "stale"
    STALE_AFTER_WRITE = "stale_after_write"
    SHORT_TOKEN = "short_token"  # noqa: S105 - the name of a kind
    FOREIGN_TOKEN = "foreign_token"  # noqa: S105 - same
    RIVAL_BEFORE = "rival_before"
    RIVAL_AFTER = "rival_after"


class Phase(Enum):
    """When in the course of a request a fault takes effect."""

    INSTEAD = "instead of the action"
    BEFORE = "before the action"
    WITHIN = "within the action"
    AFTER = "after the action"
    RESPONSE = "on the response"


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What a kind does and needs: `client_sees` is its text in the reference, `fields` those that only some kinds have.

    `statuses` are those that it may answer; `request_type` is the type of requests that it disturbs, None for all.
    """

    phase: Phase
    client_sees: str
    fields: tuple[str, ...] = ()
    request_type: RequestType | None = None
    statuses: frozenset[int] = frozenset()

    @property
    def acts(self) -> bool:
        """Return True if the service acts on the request."""
        return self.phase is not Phase.INSTEAD


_ERRORS = frozenset(range(400, 600))
_PAGES = _ERRORS | {OK}
_ROUTER = frozenset({404, 502, 503})
FAULT_SPECS = {
    FaultKind.FAIL: FaultSpec(
        Phase.INSTEAD, "`status` (503), `Retry-After` with `seconds`", ("status", "seconds"), statuses=_ERRORS
    ),
    FaultKind.HTML: FaultSpec(Phase.INSTEAD, "a proxy's page, `status` (502)", ("status",), statuses=_PAGES),
    FaultKind.ROUTER: FaultSpec(
        Phase.INSTEAD,
        "the router of Cloud Foundry, with `X-Cf-Routererror`: `status` (404) for an unknown route, 503 "
        "for a route without instances, 502 for an app that did not answer the router",
        ("status",),
        statuses=_ROUTER,
    ),
    FaultKind.SILENCE: FaultSpec(Phase.INSTEAD, "silence, until the client gives up: `httpx.ReadTimeout`"),
    FaultKind.CLOSE: FaultSpec(Phase.INSTEAD, "the connection closed: `httpx.RemoteProtocolError`"),
    FaultKind.RESET: FaultSpec(Phase.INSTEAD, "the connection reset: `httpx.ReadError`"),
    FaultKind.DO_THEN_FAIL: FaultSpec(
        Phase.RESPONSE, "`status` (500), `Retry-After` with `seconds`", ("status", "seconds"), statuses=_ERRORS
    ),
    FaultKind.DO_THEN_HTML: FaultSpec(Phase.RESPONSE, "a proxy's page, `status` (502)", ("status",), statuses=_PAGES),
    FaultKind.DO_THEN_ROUTER: FaultSpec(Phase.RESPONSE, "the router of Cloud Foundry, 502"),
    FaultKind.DO_THEN_SILENCE: FaultSpec(Phase.RESPONSE, "silence, until the client gives up"),
    FaultKind.DO_THEN_CLOSE: FaultSpec(Phase.RESPONSE, "the connection closed"),
    FaultKind.DO_THEN_RESET: FaultSpec(Phase.RESPONSE, "the connection reset"),
    FaultKind.SLOW: FaultSpec(Phase.RESPONSE, "the answer after `seconds` (1) of real time", ("seconds",)),
    FaultKind.TRUNCATED_JSON: FaultSpec(Phase.RESPONSE, "half of the answer"),
    FaultKind.EMPTY_CERTIFICATE: FaultSpec(
        Phase.RESPONSE, "an answer with empty certificates", request_type=RequestType.CERTIFICATE
    ),
    FaultKind.LITERAL_NEWLINES: FaultSpec(
        Phase.RESPONSE,
        "a backslash and an n for each line break in certificates",
        request_type=RequestType.CERTIFICATE,
    ),
    FaultKind.STALE: FaultSpec(
        Phase.WITHIN,
        "the slots as before their last write, `count` times, or for `seconds` of the clock from now",
        ("slot", "seconds"),
        request_type=RequestType.READ,
    ),
    FaultKind.STALE_AFTER_WRITE: FaultSpec(
        Phase.WITHIN,
        "the slots as before a write that comes after the fault was queued, `count` times, or for "
        "`seconds` of the clock from each such write",
        ("slot", "seconds"),
        request_type=RequestType.READ,
    ),
    FaultKind.SHORT_TOKEN: FaultSpec(
        Phase.WITHIN, "a token that expires after `seconds` (0)", ("seconds",), request_type=RequestType.TOKEN_ENDPOINT
    ),
    FaultKind.FOREIGN_TOKEN: FaultSpec(
        Phase.WITHIN, "a token for another subaccount", request_type=RequestType.TOKEN_ENDPOINT
    ),
    FaultKind.RIVAL_BEFORE: FaultSpec(
        Phase.BEFORE,
        "the correct answer; a rival performed `action` just before the write",
        ("action",),
        request_type=RequestType.WRITE,
    ),
    FaultKind.RIVAL_AFTER: FaultSpec(
        Phase.AFTER,
        "the correct answer; a rival performed `action` just after the write",
        ("action",),
        request_type=RequestType.WRITE,
    ),
}
"""The kinds of faults, each with its defaults in brackets; the reference page has the same table."""

TOKEN_ENDPOINT = "token"  # noqa: S105 - the name of a path
"""The `path` of a fault that means every subaccount's token endpoint."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SPECIFIC_FIELDS = ("slot", "seconds", "status", "action")
_UNLISTED_FROM = 10
"""From how many statuses on a range is shown instead of a list."""
_STALE_KINDS = {FaultKind.STALE, FaultKind.STALE_AFTER_WRITE}


class FaultFields(TypedDict, total=False):
    """The fields of a fault besides its kind."""

    method: str | None
    path: str | None
    subaccount: str | None
    slot: Slot | None
    count: int
    seconds: float | None
    skip: int
    status: int | None
    action: Action | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that happens `count` times, after the first `skip` matching requests.

    `method`, `path` (exact, or `TOKEN_ENDPOINT`) and `subaccount` (its GUID) select the requests, None being any; the
    meaning of the other fields depends on the kind.

    Raises:
        Invalid: a field has no meaning for the kind, or is out of its range.
    """

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    subaccount: str | None = None
    slot: Slot | None = None
    count: int = 1
    seconds: float | None = None
    skip: int = 0
    status: int | None = None
    action: Action | None = None

    def __post_init__(self) -> None:
        """Refuse a fault that could never take effect."""
        for why, remedy in (*_spec_errors(self), *_range_errors(self)):
            raise Invalid(f"The fault {self.kind.value} was not queued.", why, remedy)

    @property
    def phase(self) -> Phase:
        """When in the course of a request the fault takes effect."""
        return FAULT_SPECS[self.kind].phase

    @property
    def is_stale(self) -> bool:
        """True if it shows earlier contents of the slots."""
        return self.kind in _STALE_KINDS

    @property
    def is_timed(self) -> bool:
        """True if it lasts for some time instead of some requests."""
        return self.is_stale and self.seconds is not None

    def matches(self, facts: RequestFacts) -> bool:
        """Return True if it may disturb this request."""
        path_matches = self.path in {None, facts.path} or (self.path == TOKEN_ENDPOINT and facts.is_token)
        subaccount_matches = self.subaccount in {None, facts.subaccount}
        return path_matches and subaccount_matches and self.method in {None, facts.method} and self._matches_type(facts)

    def _matches_type(self, facts: RequestFacts) -> bool:
        request_type = FAULT_SPECS[self.kind].request_type
        if request_type is RequestType.WRITE and self.method == "GET":
            request_type = RequestType.READ
        return request_type is None or request_type in facts.effect.request_types

    def is_compatible_with(self, other: Fault) -> bool:
        """Return True if both may disturb one request."""
        both_act = FAULT_SPECS[self.kind].acts and FAULT_SPECS[other.kind].acts
        return both_act and (self.phase, self.slot) != (other.phase, other.slot)


def _spec_errors(fault: Fault) -> Iterator[tuple[str, str]]:
    """Yield what does not go with the kind, and what to do about it."""
    fault_spec = FAULT_SPECS[fault.kind]
    for name in _SPECIFIC_FIELDS:
        if name not in fault_spec.fields and getattr(fault, name) is not None:
            known = ", ".join(sorted(fault_spec.fields)) or "none"
            yield f"`{name}` has no meaning for this kind.", f"Leave `{name}` out (this kind's own fields: {known})."
    if "action" in fault_spec.fields and fault.action is None:
        yield "The rival needs an `action`.", "Give `action`: " + ", ".join(action.value for action in Action) + "."
    if fault_spec.statuses and fault.status is not None and fault.status not in fault_spec.statuses:
        yield (
            f"{fault.status} is outside the statuses that this kind can answer.",
            f"Give a `status` of {_statuses_text(fault_spec.statuses)}.",
        )
    if fault.is_timed and fault.count != 1:
        yield "Both `count` and `seconds` say how long it lasts.", "Give one of them."


def _statuses_text(statuses: frozenset[int]) -> str:
    """Return the statuses that a kind may answer, as a part of a sentence."""
    if len(statuses) < _UNLISTED_FROM:
        return " or ".join(map(str, sorted(statuses)))
    return f"{'200, or ' if OK in statuses else ''}400 to 599"


def _range_errors(fault: Fault) -> Iterator[tuple[str, str]]:
    """Yield what is impossible in any fault, and what to do about it."""
    if fault.method not in {None, *METHODS}:
        yield f"The service has no method {fault.method!r}.", f"Give one of {', '.join(METHODS)}, or leave it out."
    if fault.path is not None and fault.path != TOKEN_ENDPOINT and not fault.path.startswith("/"):
        yield (
            f"{fault.path!r} is malformed.",
            f"Give the whole path from its first slash, or {TOKEN_ENDPOINT!r}, or leave it out.",
        )
    if fault.count < 1 or fault.skip < 0:
        yield "The fault would never happen.", "Give a `count` of 1 or more, and a `skip` of 0 or more."
    if fault.seconds is not None and not 0 <= fault.seconds < math.inf:
        yield f"{fault.seconds} seconds are a malformed duration.", "Give a number from 0 on."
