"""What the faults make of an answer."""

from __future__ import annotations

import math
from http.client import OK, responses
from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.faults.fault import Kind
from btp_trust_emulator.messages import Answer, Ending, Outcome, json, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.faults.fault import Fault

_UNAVAILABLE, _BAD_GATEWAY, _SERVER_ERROR = 503, 502, 500
_NOT_FOUND = 404
_ROUTED = {Kind.ROUTER: _NOT_FOUND, Kind.DO_THEN_ROUTER: _BAD_GATEWAY}
"""The router's status unless told otherwise."""
_ROUTER = {
    _NOT_FOUND: ("unknown_route", "Requested route ('{host}') does not exist."),
    _BAD_GATEWAY: ("endpoint_failure", "Registered endpoint failed to handle the request."),
    _UNAVAILABLE: ("no_endpoints", "Requested route ('{host}') has no available endpoints."),
}
"""By status: the router's name for what happened, and its text."""
_PAGE = """<html>
<head><title>{status} {phrase}</title></head>
<body><center><h1>{status} {phrase}</h1></center><hr><center>proxy</center></body>
</html>
"""


def outcome(fault: Fault | None, answer: Answer, host: str) -> Outcome:
    """What becomes of the answer by a fault that bears on it; without one, it is sent as it is.

    `host` is the one that was asked, which the router repeats.
    """
    if fault is None:
        return Outcome(answer)
    if fault.kind in _ROUTED:
        return _router(fault.status or _ROUTED[fault.kind], host)
    return _EFFECTS[fault.kind](fault, answer)


def instead(fault: Fault, host: str) -> Outcome:
    """The outcome of a request that does not act."""
    return outcome(fault, Answer(_UNAVAILABLE), host)


def _fail(fault: Fault, default: int) -> Outcome:
    status = fault.status or default
    headers = {} if fault.seconds is None else {"retry-after": str(math.ceil(fault.seconds))}
    return Outcome(plain(status, responses.get(status, "Error"), headers))


def _html(fault: Fault, _: Answer) -> Outcome:
    status = fault.status or _BAD_GATEWAY
    page = _PAGE.format(status=status, phrase=responses.get(status, "Error"))
    return Outcome(Answer(status, page.encode(), "text/html"))


def _router(status: int, host: str) -> Outcome:
    """The router's own answer; what it says and its headers are those of its code (cloudfoundry/gorouter)."""
    error, text = _ROUTER[status]
    body = f"{status} {responses[status]}: {text.format(host=host)}\n"
    headers = {"x-cf-routererror": error, "x-content-type-options": "nosniff", "cache-control": "public,max-age=2"}
    return Outcome(Answer(status, body.encode(), "text/plain; charset=utf-8", headers))


def _ends(ending: Ending) -> Callable[[Fault, Answer], Outcome]:
    return lambda _, answer: Outcome(answer, ending=ending)


def _truncated(_: Fault, answer: Answer) -> Outcome:
    half = answer.body[: len(answer.body) // 2]
    return Outcome(Answer(answer.status, half, answer.media_type, answer.headers))


def _certificates(change: Callable[[str], str]) -> Callable[[Fault, Answer], Outcome]:
    def changed(_: Fault, answer: Answer) -> Outcome:
        if answer.status != OK:
            return Outcome(answer)
        content = msgspec.json.decode(answer.body, type=dict[str, str])
        return Outcome(json(answer.status, {name: change(pem) for name, pem in content.items()}, answer.headers))

    return changed


_EFFECTS: dict[Kind, Callable[[Fault, Answer], Outcome]] = {
    Kind.FAIL: lambda fault, _: _fail(fault, _UNAVAILABLE),
    Kind.DO_THEN_FAIL: lambda fault, _: _fail(fault, _SERVER_ERROR),
    Kind.HTML: _html,
    Kind.DO_THEN_HTML: _html,
    Kind.SILENCE: _ends(Ending.SILENCE),
    Kind.DO_THEN_SILENCE: _ends(Ending.SILENCE),
    Kind.CLOSE: _ends(Ending.CLOSE),
    Kind.DO_THEN_CLOSE: _ends(Ending.CLOSE),
    Kind.RESET: _ends(Ending.RESET),
    Kind.DO_THEN_RESET: _ends(Ending.RESET),
    Kind.SLOW: lambda fault, answer: Outcome(answer, pause=1.0 if fault.seconds is None else fault.seconds),
    Kind.TRUNCATED_JSON: _truncated,
    Kind.EMPTY_CERTIFICATE: _certificates(lambda _: ""),
    Kind.LITERAL_NEWLINES: _certificates(lambda pem: pem.replace("\n", "\\n")),
}
