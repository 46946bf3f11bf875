"""Responses of the services: authorization, the documented body, the documented 404, and evidence about all others."""

from __future__ import annotations

from typing import Final, TypeVar

import httpx
import msgspec

from btp_trust.errors import RENEWED_KEY_HINT, CredentialsRejected, NotAuthorized, UnexpectedResponse
from btp_trust.service.credentials.service_key import XSUAA, Service
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.request import USER_TOKEN_HEADER, content_type, request_label

BASE_PATH: Final = "/destination-configuration/v1"
_T = TypeVar("_T")


class _Error(msgspec.Struct, rename="pascal"):
    error_message: str


def require_authorized(response: httpx.Response, what: str, service: Service) -> httpx.Response:
    """Return the response, unless it rejects the token or its scope.

    Args:
        response: The response of the service.
        what: What the request is about, as a part of a sentence.
        service: The service whose key is needed.

    Raises:
        CredentialsRejected: 401.
        NotAuthorized: 403.
    """
    # XSUAA answers as OAuth prescribes (RFC 6750, 3), so its words can be quoted.
    statement = error_text(response) if service is XSUAA else ""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise _token_rejected(response.request, statement)
    if response.status_code == httpx.codes.FORBIDDEN:
        raise NotAuthorized(
            f"{request_label(response.request)} was refused: 403.",
            f"The token is valid but not for the {what} of this subaccount.{statement}",
            f"Use a service key of {service.instance_label} in that subaccount.",
        )
    return response


def _token_rejected(request: httpx.Request, statement: str) -> CredentialsRejected:
    """Name the tokens that the request had: the service key's, and perhaps that of a user."""
    why = "The service accepts no token of this service key, a fresh one included"
    remedy = "Create a new service key and give it to the connection."
    if USER_TOKEN_HEADER in request.headers:
        why = f"{why}, or it rejects the user's token"
        remedy = "Try another user's token; if it is rejected as well, create a new service key."
    return CredentialsRejected(
        f"{request_label(request)} was refused: 401.", f"{why}.{statement}", f"{remedy} {RENEWED_KEY_HINT}"
    )


def decode_body(response: httpx.Response, shape: type[_T]) -> _T:
    """Decode the JSON of a 200.

    Raises:
        UnexpectedResponse: Another status, or a body of another shape.
    """
    if response.status_code != httpx.codes.OK:
        raise unexpected_response(response)
    try:
        return decode(response.content, shape)
    except DecodingError:
        raise unexpected_response(response) from None


def require_documented_not_found(response: httpx.Response) -> None:
    """Accept a 404 only as the documented one: JSON with `ErrorMessage`, from the service itself.

    Raises:
        UnexpectedResponse: The 404 comes from somewhere else, such as a proxy.
    """
    try:
        # The form alone counts: the sentence in it varies with the route to the service.
        decode(response.content, _Error)
    except DecodingError:
        raise unexpected_response(response) from None


def unexpected_response(response: httpx.Response, detail: str = "") -> UnexpectedResponse:
    """Describe a response by its status, type and size; its content stays out of the message."""
    return UnexpectedResponse(
        f"{request_label(response.request)} gave an answer that is not the Destination service's.",
        f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes.{detail}",
        "Check the service key's uri and proxies on the way; if both are right, report this as a bug.",
        client_error=is_client_error(response),
    )


def is_client_error(response: httpx.Response) -> bool:
    """Return True for a client error, after which nothing was done; after a 408 the service may have acted."""
    return response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT
