"""An answer of the Destination service: its body, its documented 404, or something that is not from it."""

from __future__ import annotations

from typing import TypeVar

import httpx
import msgspec

from btp_trust.errors import UnexpectedResponse
from btp_trust.service.documents import Unreadable, decode
from btp_trust.service.http import content_type, where

_T = TypeVar("_T")


class _Error(msgspec.Struct, rename="pascal"):
    error_message: str


def body(response: httpx.Response, shape: type[_T]) -> _T:
    """Read the JSON of a 200.

    Raises:
        UnexpectedResponse: It is none, or of another shape.
    """
    if response.status_code != httpx.codes.OK:
        raise unexpected(response)
    try:
        return decode(response.content, shape)
    except Unreadable:
        raise unexpected(response) from None


def documented_not_found(response: httpx.Response) -> None:
    """Believe a 404 only as the documented one: JSON with `ErrorMessage`, from the service itself.

    Raises:
        UnexpectedResponse: It is another one.
    """
    try:
        decode(response.content, _Error)
    except Unreadable:
        raise unexpected(response) from None


def unexpected(response: httpx.Response, detail: str = "") -> UnexpectedResponse:
    """Describe an answer by its status, type and size; never by what it holds."""
    return UnexpectedResponse(
        f"{where(response.request)} gave an answer that is not the Destination service's.",
        f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes.{detail}",
        "Check the service key's uri and proxies on the way; if both are right, report this as a bug.",
        refused=response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT,
    )
