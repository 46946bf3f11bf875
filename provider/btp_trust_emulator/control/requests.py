"""Questions to the control plane: what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread
import msgspec
from starlette.routing import Route

from btp_trust_emulator.errors import Conflict, Invalid, Refused, Unknown
from btp_trust_emulator.messages import Response, json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response as StarletteResponse

    from btp_trust_emulator.backend.landscape import Landscape

    Handler = Callable[[Landscape, "ControlRequest"], Response]

_STATUS: dict[type[Refused], int] = {Invalid: 400, Unknown: 404, Conflict: 409}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A question: the names in its path, its query and its body."""

    path_params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def guid(self) -> str:
        """The subaccount that it is about."""
        return self.path_params["guid"]


def decode_body(body: bytes, kind: type[_T]) -> _T:
    """The body as JSON of a kind.

    Raises:
        Invalid: it is none.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as exc:
        raise malformed_request(str(exc)) from exc


def malformed_request(why: str) -> Invalid:
    """The refusal of a question that is wrong in itself."""
    return Invalid(
        "The question was not understood.", f"{why}.", "See the list of questions in btp_trust_emulator.control.api."
    )


def routes(landscape: Landscape, table: Iterable[tuple[str, str, Handler]]) -> list[Route]:
    """The routes of a table of methods, paths and handlers."""
    return [Route(path, _endpoint(landscape, handler), methods=[method]) for method, path, handler in table]


def _endpoint(landscape: Landscape, handler: Handler) -> Callable[[StarletteRequest], object]:
    async def endpoint(request: StarletteRequest) -> StarletteResponse:
        control_request = ControlRequest(request.path_params, request.query_params, await request.body())
        try:
            response = await anyio.to_thread.run_sync(handler, landscape, control_request)
        except Refused as refusal:
            response = _error_response(refusal)
        return response.to_starlette()

    return endpoint


def _error_response(refusal: Refused) -> Response:
    status = next(status for kind, status in _STATUS.items() if isinstance(refusal, kind))
    content = {"what": refusal.what, "why": refusal.why, "remedy": refusal.remedy}
    return json(status, {"error": content})
