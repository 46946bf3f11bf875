"""An answer of the Destination service: its body, its documented 404, or something that is not from it."""

from __future__ import annotations

from typing import Final, TypeVar

import httpx
import msgspec

from btp_trust.errors import RENEWED_KEY_HINT, CredentialsRejected, NotAuthorized, UnexpectedResponse
from btp_trust.service.credentials.service_key import XSUAA, Service
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.request import content_type, request_label

BASE_PATH: Final = "/destination-configuration/v1"


def require_authorized(response: httpx.Response, what: str, service: Service) -> httpx.Response:
    """Return an answer that refuses neither the token nor what it is for.

    Args:
        response: The answer.
        what: What was asked for, as a part of a sentence.
        service: Whose key is needed.

    Raises:
        CredentialsRejected: 401.
        NotAuthorized: 403.
    """
    told = error_text(response) if service is XSUAA else ""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise CredentialsRejected(
            f"{request_label(response.request)} was refused: 401.",
            f"The service accepts no token of this service key, a fresh one included.{told}",
            f"Create a new service key and give it to the connection. {RENEWED_KEY_HINT}",
        )
    if response.status_code == httpx.codes.FORBIDDEN:
        raise NotAuthorized(
            f"{request_label(response.request)} was refused: 403.",
            f"The token is valid but not for the {what} of this subaccount.{told}",
            f"Use a service key of {service.instance_label} in that subaccount.",
        )
    return response


_T = TypeVar("_T")


class _Error(msgspec.Struct, rename="pascal"):
    error_message: str


def decode_body(response: httpx.Response, shape: type[_T]) -> _T:
    """Read the JSON of a 200.

    Raises:
        UnexpectedResponse: It is none, or of another shape.
    """
    if response.status_code != httpx.codes.OK:
        raise unexpected_response(response)
    try:
        return decode(response.content, shape)
    except DecodingError:
        raise unexpected_response(response) from None


def require_documented_not_found(response: httpx.Response) -> None:
    """Believe a 404 only as the documented one: JSON with `ErrorMessage`, from the service itself.

    Raises:
        UnexpectedResponse: It is another one.
    """
    try:
        decode(response.content, _Error)
    except DecodingError:
        raise unexpected_response(response) from None


def unexpected_response(response: httpx.Response, detail: str = "") -> UnexpectedResponse:
    """Describe an answer by its status, type and size; never by what it holds."""
    return UnexpectedResponse(
        f"{request_label(response.request)} gave an answer that is not the Destination service's.",
        f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes.{detail}",
        "Check the service key's uri and proxies on the way; if both are right, report this as a bug.",
        client_error=response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT,
    )
