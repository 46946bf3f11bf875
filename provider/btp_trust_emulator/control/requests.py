"""Questions to the control plane: what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread
import msgspec
from starlette.routing import Route

from btp_trust_emulator.errors import Conflict, Invalid, Refused, Unknown
from btp_trust_emulator.messages import Answer, json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from btp_trust_emulator.backend.landscape import World

    Handler = Callable[[World, "Question"], Answer]

_STATUS: dict[type[Refused], int] = {Invalid: 400, Unknown: 404, Conflict: 409}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Question:
    """A question: the names in its path, its query and its body."""

    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def guid(self) -> str:
        """The subaccount that it is about."""
        return self.names["guid"]


def decoded(body: bytes, kind: type[_T]) -> _T:
    """The body as JSON of a kind.

    Raises:
        Invalid: it is none.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as exc:
        raise not_understood(str(exc)) from exc


def not_understood(why: str) -> Invalid:
    """The refusal of a question that is wrong in itself."""
    return Invalid(
        "The question was not understood.", f"{why}.", "See the list of questions in btp_trust_emulator.control.api."
    )


def routes(world: World, table: Iterable[tuple[str, str, Handler]]) -> list[Route]:
    """The routes of a table of methods, paths and handlers."""
    return [Route(path, _endpoint(world, handler), methods=[method]) for method, path, handler in table]


def _endpoint(world: World, handler: Handler) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        question = Question(request.path_params, request.query_params, await request.body())
        try:
            answer = await anyio.to_thread.run_sync(handler, world, question)
        except Refused as refusal:
            answer = _refusal(refusal)
        return answer.response()

    return endpoint


def _refusal(refusal: Refused) -> Answer:
    status = next(status for kind, status in _STATUS.items() if isinstance(refusal, kind))
    content = {"what": refusal.what, "why": refusal.why, "remedy": refusal.remedy}
    return json(status, {"error": content})
