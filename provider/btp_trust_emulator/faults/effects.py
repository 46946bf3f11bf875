"""What the faults make of a response."""

from __future__ import annotations

import math
from http.client import OK, responses
from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.messages import ConnectionFailure, Outcome, Response, json, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.faults.fault import Fault

_UNAVAILABLE, _BAD_GATEWAY, _SERVER_ERROR = 503, 502, 500
_NOT_FOUND = 404
_ROUTER_STATUSES = {FaultKind.ROUTER: _NOT_FOUND, FaultKind.DO_THEN_ROUTER: _BAD_GATEWAY}
"""The router's default status."""
_ROUTER_ERRORS = {
    _NOT_FOUND: ("unknown_route", "Requested route ('{host}') does not exist."),
    _BAD_GATEWAY: ("endpoint_failure", "Registered endpoint failed to handle the request."),
    _UNAVAILABLE: ("no_endpoints", "Requested route ('{host}') has no available endpoints."),
}
"""By status: the router's name of the error, and its text."""
_PAGE = """<html>
<head><title>{status} {phrase}</title></head>
<body><center><h1>{status} {phrase}</h1></center><hr><center>proxy</center></body>
</html>
"""


def outcome_of(fault: Fault | None, response: Response, host: str) -> Outcome:
    """Return what a fault makes of the response; without a fault, the response is sent as it is.

    `host` is the one that was asked, which the router repeats.
    """
    if fault is None:
        return Outcome(response)
    if fault.kind in _ROUTER_STATUSES:
        return _router(fault.status or _ROUTER_STATUSES[fault.kind], host)
    return _EFFECTS[fault.kind](fault, response)


def outcome_without_action(fault: Fault, host: str) -> Outcome:
    """Return the outcome of a request on which the service does not act."""
    return outcome_of(fault, Response(_UNAVAILABLE), host)


def _fail(fault: Fault, default: int) -> Outcome:
    status = fault.status or default
    headers = {} if fault.seconds is None else {"retry-after": str(math.ceil(fault.seconds))}
    return Outcome(plain(status, responses.get(status, "Error"), headers))


def _html(fault: Fault, _: Response) -> Outcome:
    status = fault.status or _BAD_GATEWAY
    page = _PAGE.format(status=status, phrase=responses.get(status, "Error"))
    return Outcome(Response(status, page.encode(), "text/html"))


def _router(status: int, host: str) -> Outcome:
    """Return the router's own response; its text and headers are those of its code (cloudfoundry/gorouter)."""
    error, text = _ROUTER_ERRORS[status]
    body = f"{status} {responses[status]}: {text.format(host=host)}\n"
    headers = {"x-cf-routererror": error, "x-content-type-options": "nosniff", "cache-control": "public,max-age=2"}
    return Outcome(Response(status, body.encode(), "text/plain; charset=utf-8", headers))


def _fail_connection(connection_failure: ConnectionFailure) -> Callable[[Fault, Response], Outcome]:
    return lambda _, response: Outcome(response, connection_failure=connection_failure)


def _truncate(_: Fault, response: Response) -> Outcome:
    half = response.body[: len(response.body) // 2]
    return Outcome(Response(response.status, half, response.media_type, response.headers))


def _change_certificates(change: Callable[[str], str]) -> Callable[[Fault, Response], Outcome]:
    def changed(_: Fault, response: Response) -> Outcome:
        if response.status != OK:
            return Outcome(response)
        content = msgspec.json.decode(response.body, type=dict[str, str])
        return Outcome(json(response.status, {name: change(pem) for name, pem in content.items()}, response.headers))

    return changed


_EFFECTS: dict[FaultKind, Callable[[Fault, Response], Outcome]] = {
    FaultKind.FAIL: lambda fault, _: _fail(fault, _UNAVAILABLE),
    FaultKind.DO_THEN_FAIL: lambda fault, _: _fail(fault, _SERVER_ERROR),
    FaultKind.HTML: _html,
    FaultKind.DO_THEN_HTML: _html,
    FaultKind.SILENCE: _fail_connection(ConnectionFailure.SILENCE),
    FaultKind.DO_THEN_SILENCE: _fail_connection(ConnectionFailure.SILENCE),
    FaultKind.CLOSE: _fail_connection(ConnectionFailure.CLOSE),
    FaultKind.DO_THEN_CLOSE: _fail_connection(ConnectionFailure.CLOSE),
    FaultKind.RESET: _fail_connection(ConnectionFailure.RESET),
    FaultKind.DO_THEN_RESET: _fail_connection(ConnectionFailure.RESET),
    FaultKind.SLOW: lambda fault, response: Outcome(response, delay=1.0 if fault.seconds is None else fault.seconds),
    FaultKind.TRUNCATED_JSON: _truncate,
    FaultKind.EMPTY_CERTIFICATE: _change_certificates(lambda _: ""),
    FaultKind.LITERAL_NEWLINES: _change_certificates(lambda pem: pem.replace("\n", "\\n")),
}
