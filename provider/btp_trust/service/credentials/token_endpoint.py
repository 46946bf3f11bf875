"""Token endpoint of XSUAA: one request for a grant (RFC 6749, 4), and the token in its response."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import httpx
import msgspec

from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.request import send
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

_DEFAULT_LIFETIME: Final = 300.0
"""Seconds for a token whose response leaves its lifetime out: less than any token service gives."""


class TokenResponse(msgspec.Struct):
    """Response of the token service to a grant."""

    access_token: str
    expires_in: float | str | None = None
    """Seconds; recommended by RFC 6749, 5.1, and optional."""

    @property
    def lifetime(self) -> float:
        """Seconds for which the token may be used: few, where the response leaves that out."""
        try:
            seconds = float("nan" if self.expires_in is None else self.expires_in)
        except ValueError:
            return _DEFAULT_LIFETIME
        # `nan` and `inf` are numbers for Python, and comparisons with them would keep a token permanently.
        return seconds if math.isfinite(seconds) else _DEFAULT_LIFETIME

    def __repr__(self) -> str:
        """Hide the token."""
        return "TokenResponse(…)"


def request_grant(
    key: ServiceKey, http: httpx.Client, retry_policy: RetryPolicy, grant: Mapping[str, str]
) -> httpx.Response:
    """POST a grant as the client of a service key, again while the token service is unavailable.

    Args:
        key: The service key. The client certificate of an X.509 key is a part of `http`.
        http: The client for the token service.
        retry_policy: Bounds attempts and time.
        grant: The form fields of the grant; those of the client are added.
    """
    form = {**grant, "client_id": key.clientid}
    if not key.is_x509:
        form["client_secret"] = key.clientsecret
    return retry_policy.run_with_retries(
        lambda: send(http, http.build_request("POST", key.token_url, data=form), retry_policy), is_unavailable
    )


def parse_token(response: httpx.Response) -> TokenResponse:
    """Return the token of a response; an empty one if the response is a refusal or of another shape."""
    try:
        parsed = decode(response.content, TokenResponse)
    except DecodingError:
        return TokenResponse("")
    return parsed if response.status_code == httpx.codes.OK else TokenResponse("")
