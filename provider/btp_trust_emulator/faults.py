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
from http.client import OK
from typing import TYPE_CHECKING, TypedDict

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.kinds import TRAITS, Kind, Place
from btp_trust_emulator.occasion import Occasion, Target
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "token"  # noqa: S105 - the name of a path
"""The `path` of a fault that means every subaccount's token endpoint."""

METHODS = ("GET", "POST", "PUT", "DELETE")
_OWN_FIELDS = ("slot", "seconds", "status", "action")
_MANY = 10
"""How many statuses are more than can be listed."""
_STALE = {Kind.STALE, Kind.STALE_AFTER_WRITE}


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
        return self.kind in _STALE

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
