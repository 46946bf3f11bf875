"""Answers of the router of Cloud Foundry that stand in for the service's: its app is down, or did not answer.

Source: the router's code (github.com/cloudfoundry/gorouter: handlers/lookup.go, proxy/round_tripper): it names its
error in the header `X-Cf-Routererror`, and answers with text such as `404 Not Found: Requested route ('…') does not
exist.` with 404 for an app without a route, which is what an app that does not run looks like.
"""

from __future__ import annotations

import re
from typing import Final

import httpx

HEADER: Final = "X-Cf-Routererror"
_NOT_DELIVERED: Final = ("unknown_route", "no_endpoints", "connection limit reached")
"""The router found nobody to whom to hand the request."""
_ENDPOINT_FAILURE: Final = "endpoint_failure"
"""It handed the request over, or tried: nobody knows whether the app acted. More may follow in brackets."""
_UNKNOWN_ROUTE_TEXT: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*\"?(?:404 Not Found: )?Requested route \('[^'\r\n]*'\) does not exist\.(?:\s|\\n)*\"?\s*",
    re.IGNORECASE,
)
"""The first of them without its header: something on the way may have dropped it."""
_ERROR_NAME: Final = re.compile(r"[A-Za-z_ ]{1,40}")


def router_error(answer: httpx.Response) -> str | None:
    """Name the router's error, if it is one that passes; None if the answer is the service's, or a mistake of ours."""
    if not answer.is_error:
        return None
    named = re.split(r"[,;]", answer.headers.get(HEADER, ""), maxsplit=1)[0].strip(" \t\"'")
    if named.lower() in _NOT_DELIVERED or named.lower().startswith(_ENDPOINT_FAILURE):
        return _error_name(named)
    is_unknown_route = answer.status_code == httpx.codes.NOT_FOUND and _UNKNOWN_ROUTE_TEXT.fullmatch(answer.content)
    return _NOT_DELIVERED[0] if is_unknown_route else None


def was_not_delivered(error: str) -> bool:
    """Whether the service certainly never saw the request."""
    return error.lower() in _NOT_DELIVERED


def _error_name(named: str) -> str:
    found = _ERROR_NAME.match(named)
    return found[0].strip() if found else _ENDPOINT_FAILURE
