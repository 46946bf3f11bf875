"""Responses of Cloud Foundry's router in place of the service's: the service's app is down or silent.

Source: the router's code (github.com/cloudfoundry/gorouter: handlers/lookup.go, proxy/round_tripper): it names its
error in the header `X-Cf-Routererror`. A stopped app has lost its route, and the router answers 404 with a text about
the requested route.
"""

from __future__ import annotations

import re
from typing import Final

import httpx

HEADER: Final = "X-Cf-Routererror"
_NOT_DELIVERED: Final = ("unknown_route", "no_endpoints", "connection limit reached")
"""Errors before the router could hand the request to an instance of the app."""
_ENDPOINT_FAILURE: Final = "endpoint_failure"
"""The router handed the request over, or tried: the app may have acted. More may follow in brackets."""
_UNKNOWN_ROUTE_TEXT: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*\"?(?:404 Not Found: )?Requested route \('[^'\r\n]*'\) does not exist\.(?:\s|\\n)*\"?\s*",
    re.IGNORECASE,
)
"""Body of `unknown_route`, for a response whose header was dropped on the way."""
_ERROR_NAME: Final = re.compile(r"[A-Za-z_ ]{1,40}")


def router_error(response: httpx.Response) -> str | None:
    """Name the router's error, if it is temporary; None if the response is the service's, or the request is wrong."""
    if not response.is_error:
        return None
    # Two routers on the way give the header twice, joined by a comma.
    header = re.split(r"[,;]", response.headers.get(HEADER, ""), maxsplit=1)[0].strip(" \t\"'")
    # The router's code writes one of these errors with capitals, and `endpoint_failure` with a reason behind it.
    if header.lower() in _NOT_DELIVERED or header.lower().startswith(_ENDPOINT_FAILURE):
        return _error_name(header)
    # The whole body must match: a page that quotes the sentence comes from another server.
    is_unknown_route = response.status_code == httpx.codes.NOT_FOUND and _UNKNOWN_ROUTE_TEXT.fullmatch(response.content)
    return _NOT_DELIVERED[0] if is_unknown_route else None


def was_not_delivered(error: str) -> bool:
    """Return True if the router certainly kept the request from the service."""
    return error.lower() in _NOT_DELIVERED


def _error_name(header: str) -> str:
    # The rest of the header may be any text.
    name = _ERROR_NAME.match(header)
    return name[0].strip() if name else _ENDPOINT_FAILURE
