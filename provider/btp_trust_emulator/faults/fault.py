"""Faults: what goes wrong at a request, or what a rival does around it, when a test has asked for it.

    kind                acted?  what the client sees                                       fields of its own
    FAIL                no      `status` (503), with Retry-After if `seconds` are given    status, seconds
    HTML                no      a proxy's HTML page with `status` (502)                    status
    ROUTER              no      the router of Cloud Foundry: 404 for a route that it does  status
                                not know, 503 for one without instances, 502 for an app
                                that did not answer it; with X-Cf-Routererror
    SILENCE             no      nothing until its time-out: httpx.ReadTimeout
    CLOSE               no      the connection closed: httpx.RemoteProtocolError
    RESET               no      the connection reset: httpx.ReadError
    DO_THEN_FAIL        yes     as FAIL, `status` is 500 unless given                      status, seconds
    DO_THEN_HTML        yes     as HTML                                                    status
    DO_THEN_ROUTER      yes     as ROUTER with 502
    DO_THEN_SILENCE     yes     as SILENCE
    DO_THEN_CLOSE       yes     as CLOSE
    DO_THEN_RESET       yes     as RESET
    SLOW                yes     the first byte after `seconds` (1) of real time            seconds
    TRUNCATED_JSON      yes     the first half of the body, as if it were all
    EMPTY_CERTIFICATE   yes     "" for each certificate in the JSON
    LITERAL_NEWLINES    yes     backslash and n for each line break in the certificates
    STALE               yes     slots as before their last write, `count` times or         slot, seconds
                                for `seconds` (by the clock) from now
    STALE_AFTER_WRITE   yes     the same of a write yet to come, `count` times or          slot, seconds
                                for `seconds` (by the clock) from each such write
    SHORT_TOKEN         yes     a token that expires after `seconds` (0)                   seconds
    FOREIGN_TOKEN       yes     a token for another subaccount (of nobody if there is none)
    RIVAL_BEFORE        yes     the truth; a rival did `action` just before the write      action
    RIVAL_AFTER         yes     the truth; a rival did `action` just after the write       action

The last eight need a request of their sort: the certificate kinds an operation that answers with PEM, the stale ones a
read of a slot that has been written since the start, the token kinds a request for a token, a rival a write (or, if
`method` is GET, a read); all but the token kinds also a token that is good. Other requests do not count.

A reset comes when the request was read to its end. Python's TLS may take it for an end: httpx.RemoteProtocolError.
Before a request, connections are refused by `Emulator.refuse_connections`, which is no kind: no request meets it.

Faults are looked at in the order in which they were queued. A request meets the first that matches, and further ones
that go with it: a rival before, a stale slot or a strange token, a rival after, and one thing that happens to the
answer. Where the request does not act (acted: no), nothing goes with it. A fault that is passed over for another
stays as it was, `skip` included.
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
    """What goes wrong, or who interferes."""

    FAIL = "fail"
    """Does nothing and answers `status` (503 unless given), with `Retry-After` if `seconds` are given."""
    HTML = "html"
    """Does nothing and answers with a proxy's HTML page and `status` (502 unless given)."""
    ROUTER = "router"
    """Does nothing and answers as the router of Cloud Foundry, `status` 404 (unless given), 502 or 503."""
    SILENCE = "silence"
    """Does nothing and does not answer before the client gives up."""
    CLOSE = "close"
    """Does nothing and closes the connection."""
    RESET = "reset"
    """Does nothing and resets the connection."""
    DO_THEN_FAIL = "do_then_fail"
    """Acts, then answers `status` (500 unless given), with `Retry-After` if `seconds` are given."""
    DO_THEN_HTML = "do_then_html"
    """Acts, then answers with a proxy's HTML page and `status` (502 unless given)."""
    DO_THEN_ROUTER = "do_then_router"
    """Acts, then answers as the router of Cloud Foundry that lost the app's answer, 502."""
    DO_THEN_SILENCE = "do_then_silence"
    """Acts, then does not answer before the client gives up."""
    DO_THEN_CLOSE = "do_then_close"
    """Acts, then closes the connection."""
    DO_THEN_RESET = "do_then_reset"
    """Acts, then resets the connection."""
    SLOW = "slow"
    """Acts, then waits `seconds` (1 unless given) of real time before the first byte of the answer."""
    TRUNCATED_JSON = "truncated_json"
    """Acts, then sends the first half of the body as if it were all."""
    EMPTY_CERTIFICATE = "empty_certificate"
    """Acts, then answers with "" for each certificate."""
    LITERAL_NEWLINES = "literal_newlines"
    """Acts, then answers with a backslash and an n for each line break in the certificates."""
    STALE = "stale"
    """Shows slots as they were before their last write, `count` times or for `seconds` from when it was queued."""
    STALE_AFTER_WRITE = "stale_after_write"
    """Hides writes that come after it was queued, `count` times or for `seconds` from each such write."""
    SHORT_TOKEN = "short_token"  # noqa: S105 - the word, no token
    """Hands out a token that expires after `seconds` (0 unless given)."""
    FOREIGN_TOKEN = "foreign_token"  # noqa: S105 - same
    """Hands out a token for the oldest other subaccount, or for one that does not exist if there is no other."""
    RIVAL_BEFORE = "rival_before"
    """Lets a rival do `action` after all that was read and just before the write."""
    RIVAL_AFTER = "rival_after"
    """Lets a rival do `action` just after the write and before its answer."""


class Phase(Enum):
    """Where in the course of a request a fault has its effect."""

    INSTEAD = "instead of the act"
    BEFORE = "before the act"
    WITHIN = "within the act"
    AFTER = "after the act"
    RESPONSE = "on the way back"


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What a kind needs, which fields it has of its own, and which statuses it may answer."""

    phase: Phase
    fields: frozenset[str] = frozenset()
    request_type: RequestType | None = None
    statuses: frozenset[int] = frozenset()


_ERRORS = frozenset(range(400, 600))
_PAGES = _ERRORS | {OK}
_FAIL = frozenset({"status", "seconds"})
_HTML = frozenset({"status"})
_ROUTER = frozenset({404, 502, 503})
_STALE = frozenset({"slot", "seconds"})
_SECONDS = frozenset({"seconds"})
_ACTION = frozenset({"action"})
FAULT_SPECS = {
    FaultKind.FAIL: FaultSpec(Phase.INSTEAD, _FAIL, statuses=_ERRORS),
    FaultKind.HTML: FaultSpec(Phase.INSTEAD, _HTML, statuses=_PAGES),
    FaultKind.ROUTER: FaultSpec(Phase.INSTEAD, _HTML, statuses=_ROUTER),
    FaultKind.SILENCE: FaultSpec(Phase.INSTEAD),
    FaultKind.CLOSE: FaultSpec(Phase.INSTEAD),
    FaultKind.RESET: FaultSpec(Phase.INSTEAD),
    FaultKind.DO_THEN_FAIL: FaultSpec(Phase.RESPONSE, _FAIL, statuses=_ERRORS),
    FaultKind.DO_THEN_HTML: FaultSpec(Phase.RESPONSE, _HTML, statuses=_PAGES),
    FaultKind.DO_THEN_ROUTER: FaultSpec(Phase.RESPONSE),
    FaultKind.DO_THEN_SILENCE: FaultSpec(Phase.RESPONSE),
    FaultKind.DO_THEN_CLOSE: FaultSpec(Phase.RESPONSE),
    FaultKind.DO_THEN_RESET: FaultSpec(Phase.RESPONSE),
    FaultKind.SLOW: FaultSpec(Phase.RESPONSE, _SECONDS),
    FaultKind.TRUNCATED_JSON: FaultSpec(Phase.RESPONSE),
    FaultKind.EMPTY_CERTIFICATE: FaultSpec(Phase.RESPONSE, request_type=RequestType.CERTIFICATE),
    FaultKind.LITERAL_NEWLINES: FaultSpec(Phase.RESPONSE, request_type=RequestType.CERTIFICATE),
    FaultKind.STALE: FaultSpec(Phase.WITHIN, _STALE, RequestType.READ),
    FaultKind.STALE_AFTER_WRITE: FaultSpec(Phase.WITHIN, _STALE, RequestType.READ),
    FaultKind.SHORT_TOKEN: FaultSpec(Phase.WITHIN, _SECONDS, RequestType.TOKEN_ENDPOINT),
    FaultKind.FOREIGN_TOKEN: FaultSpec(Phase.WITHIN, request_type=RequestType.TOKEN_ENDPOINT),
    FaultKind.RIVAL_BEFORE: FaultSpec(Phase.BEFORE, _ACTION, RequestType.WRITE),
    FaultKind.RIVAL_AFTER: FaultSpec(Phase.AFTER, _ACTION, RequestType.WRITE),
}


TOKEN_ENDPOINT = "token"  # noqa: S105 - the name of a path
"""The `path` of a fault that means every subaccount's token endpoint."""

METHODS = ("GET", "POST", "PUT", "DELETE")
_SPECIFIC_FIELDS = ("slot", "seconds", "status", "action")
_UNLISTED_FROM = 10
"""How many statuses are more than can be listed."""
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
    """One thing that goes wrong `count` times, after the first `skip` requests that it would have met.

    `method`, `path` (exact, or `TOKEN`) and `subaccount` (its GUID) say which requests it may meet, None being any;
    what the other fields mean depends on the kind.

    Raises:
        Invalid: a field says nothing to the kind, or is out of its range.
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
        """Refuse what could never have an effect."""
        for why, remedy in (*_spec_errors(self), *_range_errors(self)):
            raise Invalid(f"The fault {self.kind.value} was not queued.", why, remedy)

    @property
    def phase(self) -> Phase:
        """Where in the course of a request it has its effect."""
        return FAULT_SPECS[self.kind].phase

    @property
    def is_stale(self) -> bool:
        """Whether it shows what was instead of what is."""
        return self.kind in _STALE_KINDS

    @property
    def is_timed(self) -> bool:
        """Whether it lasts for some time instead of some requests."""
        return self.is_stale and self.seconds is not None

    def matches(self, facts: RequestFacts) -> bool:
        """Whether it may meet this request."""
        is_there = self.path in {None, facts.path} or (self.path == TOKEN_ENDPOINT and facts.is_token)
        is_his = self.subaccount in {None, facts.subaccount}
        return is_there and is_his and self.method in {None, facts.method} and self._matches_type(facts)

    def _matches_type(self, facts: RequestFacts) -> bool:
        request_type = FAULT_SPECS[self.kind].request_type
        if request_type is RequestType.WRITE and self.method == "GET":
            request_type = RequestType.READ
        return request_type is None or request_type in facts.effect.request_types

    def is_compatible_with(self, other: Fault) -> bool:
        """Whether one request may meet both."""
        if Phase.INSTEAD in {self.phase, other.phase}:
            return False
        return (self.phase, self.slot) != (other.phase, other.slot)


def _spec_errors(fault: Fault) -> Iterator[tuple[str, str]]:
    """What does not go with the kind, and what to do about it."""
    fault_spec = FAULT_SPECS[fault.kind]
    for name in _SPECIFIC_FIELDS:
        if name not in fault_spec.fields and getattr(fault, name) is not None:
            known = ", ".join(sorted(fault_spec.fields)) or "none"
            yield f"`{name}` means nothing to it.", f"Leave `{name}` out (this kind's own fields: {known})."
    if "action" in fault_spec.fields and fault.action is None:
        yield "It does not say what the rival does.", "Give `action`: " + ", ".join(each.value for each in Action) + "."
    if fault_spec.statuses and fault.status is not None and fault.status not in fault_spec.statuses:
        yield (
            f"{fault.status} is no status that it can answer.",
            f"Give a `status` of {_statuses_text(fault_spec.statuses)}.",
        )
    if fault.is_timed and fault.count != 1:
        yield "Both `count` and `seconds` say how long it lasts.", "Give one of them."


def _statuses_text(statuses: frozenset[int]) -> str:
    """What a kind may answer, as a part of a sentence."""
    if len(statuses) < _UNLISTED_FROM:
        return " or ".join(map(str, sorted(statuses)))
    return f"{'200, or ' if OK in statuses else ''}400 to 599"


def _range_errors(fault: Fault) -> Iterator[tuple[str, str]]:
    """What no fault can have, and what to do about it."""
    if fault.method not in {None, *METHODS}:
        yield f"{fault.method!r} is no method of the service.", f"Give one of {', '.join(METHODS)}, or none."
    if fault.path is not None and fault.path != TOKEN_ENDPOINT and not fault.path.startswith("/"):
        yield (
            f"{fault.path!r} is no path.",
            f"Give the whole path from its first slash, or {TOKEN_ENDPOINT!r}, or none.",
        )
    if fault.count < 1 or fault.skip < 0:
        yield "It would never happen.", "Give a `count` of 1 or more, and a `skip` of 0 or more."
    if fault.seconds is not None and not 0 <= fault.seconds < math.inf:
        yield f"{fault.seconds} seconds are no duration.", "Give a number from 0 on."
