"""Requests to the control plane: an operation, what it gets, and how an error is answered."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from starlette.routing import Route

from btp_trust_emulator.errors import Conflict, Invalid, Refused, Unknown
from btp_trust_emulator.messages import EXTENSION, Connection, Response, json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse

    from btp_trust_emulator.control.emulation import Emulation

OPERATIONS_HINT = "See OPERATIONS in btp_trust_emulator.control.api."
"""Where each message about a request that does not fit sends its reader."""
_STATUS: dict[type[Refused], int] = {Invalid: 400, Unknown: 404, Conflict: 409}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ControlRequest(Generic[_T]):
    """A request: the parameters in its path, and its content in the shape of the operation."""

    path_params: Mapping[str, str]
    content: _T

    @property
    def guid(self) -> str:
        """The subaccount in the path."""
        return self.path_params["guid"]


@dataclass(frozen=True, slots=True)
class Operation(Generic[_T]):
    """One operation of the control plane; `path` is relative to `/_emulator`.

    `shape` is what the body is decoded to, or the query of a GET. With `optional`, an empty body means defaults.
    """

    method: str
    path: str
    handler: Callable[[Emulation, ControlRequest[_T]], Response]
    shape: type[_T]
    optional: bool = False

    def perform(self, emulation: Emulation, request: StarletteRequest, body: bytes) -> Response:
        """Decode the content, let the handler act, and turn what it refuses into a response."""
        try:
            content = self._decode(request.query_params, body)
            return self.handler(emulation, ControlRequest(request.path_params, content))
        except Refused as refused:
            return _error_response(refused)

    def _decode(self, query: Mapping[str, str], body: bytes) -> _T:
        try:
            if self.shape is NoneType:
                return msgspec.convert(None, self.shape)
            if self.method == "GET":
                # A query is text, so numbers in it need conversion.
                return msgspec.convert(dict(query), self.shape, strict=False)
            return msgspec.json.decode(body or (b"{}" if self.optional else b""), type=self.shape)
        except msgspec.DecodeError as exc:
            raise malformed_request(str(exc)) from exc


def malformed_request(why: str) -> Invalid:
    """Return the error of a request that fits no operation."""
    return Invalid("The request was not understood.", f"{why}.", OPERATIONS_HINT)


def routes(emulation: Emulation, operations: Iterable[Operation[Any]]) -> list[Route]:
    """Return the routes of a table of operations."""
    return [
        Route(operation.path, _endpoint(emulation, operation), methods=[operation.method]) for operation in operations
    ]


def _endpoint(emulation: Emulation, operation: Operation[Any]) -> Callable[[StarletteRequest], object]:
    async def endpoint(request: StarletteRequest) -> StarletteResponse:
        body = await request.body()
        connection: Connection = request.scope["extensions"][EXTENSION]
        response = await connection.call(operation.perform, emulation, request, body)
        return response.to_starlette()

    return endpoint


def _error_response(refused: Refused) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(refused, kind))
    content = {"what": refused.what, "why": refused.why, "remedy": refused.remedy}
    return json(status, {"error": content})
