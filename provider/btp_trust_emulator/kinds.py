"""The kinds of faults, and what each of them needs; `faults` has the table that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from http.client import OK

from btp_trust_emulator.occasion import Target


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
