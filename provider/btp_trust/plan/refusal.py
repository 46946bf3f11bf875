"""Whether an error that the service reports is a target's refusal: only that is a reason to swap back.

The service answers 200 when it got no token, with one sentence of its own and sometimes the target's answer in it. The
sentences are not documented, so what is not recognised is no refusal.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

_OF_THE_USER: Final = re.compile(r"/?userinfo\b", re.IGNORECASE)
"""The service asks the user's own token service about the user, before it asks the target."""
_OAUTH: Final = re.compile(
    r"\b(?:invalid_(?:request|client|grant|scope)|unauthorized_client|unsupported_grant_type|access_denied)\b"
    r"|[\"']?error\\?[\"']?\s*[:=]\s*\\?[\"']?unauthorized\b",
    re.IGNORECASE,
)
"""RFC 6749, 4.1.2.1 and 5.2, without `server_error` and `temporarily_unavailable`; and XSUAA's `unauthorized`."""
_STATUS: Final = re.compile(
    r"\b(?:status(?:[ _-]?code)?|response[ _-]?code|HTTP(?:/\d(?:\.\d)?)?|code)\\?[\"']?\s*(?:was|is|of|with|:|=)?\s*"
    r"\\?[\"']?([1-5]\d\d)\b",
    re.IGNORECASE,
)
_PHRASES: Final = "|".join(
    re.escape(status.phrase).replace("\\ ", "[ _]") for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST
)
_PHRASE: Final = re.compile(rf"\b([45]\d\d)\W{{1,3}}(?:{_PHRASES})\b", re.IGNORECASE)
_PASSING: Final = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Statuses of a target that is busy, and says nothing about the assertion."""
_TRANSPORT: Final = re.compile(
    r"time[d ]?[ -]?out|\b(?:SSL|TLS)|handshake|PKIX|connect(?:ion|\b)|unreachable|unknown ?host|resol(?:ve|ution)"
    r"|\bDNS\b|\bsocket|\breset\b|\bproxy|\bno route\b|unavailable|overload|maintenance|too many|temporar|\bbusy\b",
    re.IGNORECASE,
)
_DOWN: Final = re.compile(
    r"\bserver[ _]?error\b|\bbad[ _]gateway\b|\bgateway[ _]time|\bservice[ _]unavailable\b|\bupstream\b|\bbackend\b"
    r"|\brate[ _]limit|\bquota\b|\bapplication error\b|\btime[d ]?[ -]?out\b",
    re.IGNORECASE,
)
"""Words of a server, or of one in front of it, that does not work."""
_ANSWER: Final = re.compile(
    r"\bResponse was:.*(?:assertion|signature|\bsigned|issuer|audience|\bgrant\b|trust|certificate|subject|\buser\b"
    r"|denied|\brefus|\breject|forbidden|not allowed|unauthori[sz]ed|invalid)",
    re.IGNORECASE | re.DOTALL,
)
"""A target's own words, if they are about what it was given."""
_VALID: Final = frozenset(int(status) for status in HTTPStatus)


def is_refusal(error: str) -> bool:
    """Whether a target has answered, and with a refusal.

    A time-out, a 5xx, a failure of TLS or of the connection, and every text that is not known, are none.
    """
    statuses = {int(number) for pattern in (_STATUS, _PHRASE) for number in pattern.findall(error)}
    failed = {number for number in statuses if number >= HTTPStatus.BAD_REQUEST and number in _VALID}
    if _OF_THE_USER.search(error) or _DOWN.search(error) or any(map(_is_passing, failed)):
        return False
    if failed or _OAUTH.search(error):
        return True
    return _ANSWER.search(error) is not None and _TRANSPORT.search(error) is None


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING
