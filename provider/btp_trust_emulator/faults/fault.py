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
from btp_trust_emulator.faults.request import Occasion, Target
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(Enum):
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


class Place(Enum):
    """Where in the course of a request a fault has its effect."""

    INSTEAD = "instead of the act"
    BEFORE = "before the act"
    WITHIN = "within the act"
    AFTER = "after the act"
    ANSWER = "on the way back"


@dataclass(frozen=True, slots=True)
class Trait:
    """What a kind needs, which fields it has of its own, and which statuses it may answer."""

    place: Place
    fields: frozenset[str] = frozenset()
    target: Target | None = None
    statuses: frozenset[int] = frozenset()


_ERRORS = frozenset(range(400, 600))
_PAGES = _ERRORS | {OK}
_FAIL = frozenset({"status", "seconds"})
_HTML = frozenset({"status"})
_ROUTER = frozenset({404, 502, 503})
_STALE = frozenset({"slot", "seconds"})
_SECONDS = frozenset({"seconds"})
_ACTION = frozenset({"action"})
TRAITS = {
    Kind.FAIL: Trait(Place.INSTEAD, _FAIL, statuses=_ERRORS),
    Kind.HTML: Trait(Place.INSTEAD, _HTML, statuses=_PAGES),
    Kind.ROUTER: Trait(Place.INSTEAD, _HTML, statuses=_ROUTER),
    Kind.SILENCE: Trait(Place.INSTEAD),
    Kind.CLOSE: Trait(Place.INSTEAD),
    Kind.RESET: Trait(Place.INSTEAD),
    Kind.DO_THEN_FAIL: Trait(Place.ANSWER, _FAIL, statuses=_ERRORS),
    Kind.DO_THEN_HTML: Trait(Place.ANSWER, _HTML, statuses=_PAGES),
    Kind.DO_THEN_ROUTER: Trait(Place.ANSWER),
    Kind.DO_THEN_SILENCE: Trait(Place.ANSWER),
    Kind.DO_THEN_CLOSE: Trait(Place.ANSWER),
    Kind.DO_THEN_RESET: Trait(Place.ANSWER),
    Kind.SLOW: Trait(Place.ANSWER, _SECONDS),
    Kind.TRUNCATED_JSON: Trait(Place.ANSWER),
    Kind.EMPTY_CERTIFICATE: Trait(Place.ANSWER, target=Target.PEM),
    Kind.LITERAL_NEWLINES: Trait(Place.ANSWER, target=Target.PEM),
    Kind.STALE: Trait(Place.WITHIN, _STALE, Target.READ),
    Kind.STALE_AFTER_WRITE: Trait(Place.WITHIN, _STALE, Target.READ),
    Kind.SHORT_TOKEN: Trait(Place.WITHIN, _SECONDS, Target.TOKEN),
    Kind.FOREIGN_TOKEN: Trait(Place.WITHIN, target=Target.TOKEN),
    Kind.RIVAL_BEFORE: Trait(Place.BEFORE, _ACTION, Target.WRITE),
    Kind.RIVAL_AFTER: Trait(Place.AFTER, _ACTION, Target.WRITE),
}


TOKEN = "token"  # noqa: S105 - the name of a path
"""The `path` of a fault that means every subaccount's token endpoint."""

METHODS = ("GET", "POST", "PUT", "DELETE")
_OWN_FIELDS = ("slot", "seconds", "status", "action")
_MANY = 10
"""How many statuses are more than can be listed."""
_STALE_KINDS = {Kind.STALE, Kind.STALE_AFTER_WRITE}


class Fields(TypedDict, total=False):
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

    kind: Kind
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
        for why, remedy in (*_of_the_kind(self), *_out_of_range(self)):
            raise Invalid(f"The fault {self.kind.value} was not queued.", why, remedy)

    @property
    def place(self) -> Place:
        """Where in the course of a request it has its effect."""
        return TRAITS[self.kind].place

    @property
    def is_stale(self) -> bool:
        """Whether it shows what was instead of what is."""
        return self.kind in _STALE_KINDS

    @property
    def is_timed(self) -> bool:
        """Whether it lasts for some time instead of some requests."""
        return self.is_stale and self.seconds is not None

    def matches(self, occasion: Occasion) -> bool:
        """Whether it may meet this request."""
        is_there = self.path in {None, occasion.path} or (self.path == TOKEN and occasion.is_token)
        is_his = self.subaccount in {None, occasion.subaccount}
        return is_there and is_his and self.method in {None, occasion.method} and self._is_sort(occasion)

    def _is_sort(self, occasion: Occasion) -> bool:
        target = TRAITS[self.kind].target
        if target is Target.WRITE and self.method == "GET":
            target = Target.READ
        return target is None or target in occasion.purpose.targets

    def goes_with(self, other: Fault) -> bool:
        """Whether one request may meet both."""
        if Place.INSTEAD in {self.place, other.place}:
            return False
        return (self.place, self.slot) != (other.place, other.slot)


def _of_the_kind(fault: Fault) -> Iterator[tuple[str, str]]:
    """What does not go with the kind, and what to do about it."""
    trait = TRAITS[fault.kind]
    for name in _OWN_FIELDS:
        if name not in trait.fields and getattr(fault, name) is not None:
            known = ", ".join(sorted(trait.fields)) or "none"
            yield f"`{name}` means nothing to it.", f"Leave `{name}` out (this kind's own fields: {known})."
    if "action" in trait.fields and fault.action is None:
        yield "It does not say what the rival does.", "Give `action`: " + ", ".join(each.value for each in Action) + "."
    if trait.statuses and fault.status is not None and fault.status not in trait.statuses:
        yield f"{fault.status} is no status that it can answer.", f"Give a `status` of {_named(trait.statuses)}."
    if fault.is_timed and fault.count != 1:
        yield "Both `count` and `seconds` say how long it lasts.", "Give one of them."


def _named(statuses: frozenset[int]) -> str:
    """What a kind may answer, as a part of a sentence."""
    if len(statuses) < _MANY:
        return " or ".join(map(str, sorted(statuses)))
    return f"{'200, or ' if OK in statuses else ''}400 to 599"


def _out_of_range(fault: Fault) -> Iterator[tuple[str, str]]:
    """What no fault can have, and what to do about it."""
    if fault.method not in {None, *METHODS}:
        yield f"{fault.method!r} is no method of the service.", f"Give one of {', '.join(METHODS)}, or none."
    if fault.path is not None and fault.path != TOKEN and not fault.path.startswith("/"):
        yield f"{fault.path!r} is no path.", f"Give the whole path from its first slash, or {TOKEN!r}, or none."
    if fault.count < 1 or fault.skip < 0:
        yield "It would never happen.", "Give a `count` of 1 or more, and a `skip` of 0 or more."
    if fault.seconds is not None and not 0 <= fault.seconds < math.inf:
        yield f"{fault.seconds} seconds are no duration.", "Give a number from 0 on."
