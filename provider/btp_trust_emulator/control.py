"""The control plane, JSON under `/_emulator/`: what a test, a demo or a person does with the emulator itself.

    POST   subaccounts                     {"guid"?, "subdomain"?, "active"?, "passive"?, "generate"?}
    GET    subaccounts
    GET    subaccounts/{guid}/service-key  ?credential=secret|x509  &valid_seconds=N
    POST   subaccounts/{guid}/cockpit      {"action": "generate_active"|"generate_passive"|"rotate"|"delete_passive"}
    GET    journal                         DELETE journal
    GET    clock                           PUT clock {"now": RFC 3339} or {"advance_seconds": N}
    GET    faults                          POST faults {"kind", ...} or a list of such, DELETE faults
    GET    ca                              the PEM of the authority behind the TLS host

A fault has the fields of `faults.Fault`, and that module explains the kinds; the answer to all three questions is
`{"faults": [{"kind", ..., "fired"}]}`, those that still wait. Refusals are 400, 404 or 409 with
`{"error": {"what", "why", "remedy"}}`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import anyio.to_thread
import msgspec
from starlette.routing import Route

from btp_trust_emulator.cockpit import act
from btp_trust_emulator.errors import Conflict, Invalid, Refused, Unknown
from btp_trust_emulator.exchange import Answer, json
from btp_trust_emulator.faults import Fault
from btp_trust_emulator.service_keys import Credential
from btp_trust_emulator.slots import Action, Slot
from btp_trust_emulator.state import Account
from btp_trust_emulator.world import WEEK_SECONDS, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

_STATUS: dict[type[Refused], int] = {Invalid: 400, Unknown: 404, Conflict: 409}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Question:
    guid: str
    query: Mapping[str, str]
    body: bytes


class _NewSubaccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    guid: str | None = None
    subdomain: str | None = None
    active: str | None = None
    passive: str | None = None
    generate: bool = False


class _KeyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Credential = Credential.SECRET
    valid_seconds: int = WEEK_SECONDS


class _Cockpit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: Action


class _NewClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    now: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    advance_seconds: float | None = None


def routes(world: World) -> list[Route]:
    """The routes, relative to the mount."""
    table: list[tuple[str, str, Callable[[World, _Question], Answer]]] = [
        ("POST", "/subaccounts", _create),
        ("GET", "/subaccounts", _list),
        ("GET", "/subaccounts/{guid}/service-key", _service_key),
        ("POST", "/subaccounts/{guid}/cockpit", _cockpit),
        ("GET", "/journal", _journal),
        ("DELETE", "/journal", _clear_journal),
        ("GET", "/clock", _clock),
        ("PUT", "/clock", _set_clock),
        ("POST", "/faults", _queue_faults),
        ("GET", "/faults", _faults),
        ("DELETE", "/faults", _clear_faults),
        ("GET", "/ca", _ca),
    ]
    return [Route(path, _endpoint(world, handler), methods=[method]) for method, path, handler in table]


def _create(world: World, question: _Question) -> Answer:
    wanted = _decoded(question.body or b"{}", _NewSubaccount)
    account = world.create(wanted.guid, wanted.subdomain, wanted.active, wanted.passive, generate=wanted.generate)
    return json(201, _shown(account))


def _list(world: World, _: _Question) -> Answer:
    return json(200, {"subaccounts": [_shown(account) for account in world.accounts()]})


def _service_key(world: World, question: _Question) -> Answer:
    try:
        query = msgspec.convert(dict(question.query), _KeyQuery, strict=False)
    except msgspec.ValidationError as exc:
        raise _not_understood(str(exc)) from exc
    return json(200, world.service_key(question.guid, query.credential, query.valid_seconds))


def _cockpit(world: World, question: _Question) -> Answer:
    return json(200, _shown(act(world, question.guid, _decoded(question.body, _Cockpit).action)))


def _journal(world: World, _: _Question) -> Answer:
    return json(200, {"entries": world.journal.entries()})


def _clear_journal(world: World, _: _Question) -> Answer:
    world.journal.clear()
    return json(200, {"entries": []})


def _clock(world: World, _: _Question) -> Answer:
    return json(200, {"now": world.clock.now()})


def _set_clock(world: World, question: _Question) -> Answer:
    wanted = _decoded(question.body, _NewClock)
    if wanted.now is not None and wanted.advance_seconds is None:
        world.set_clock(wanted.now)
    elif wanted.now is None and wanted.advance_seconds is not None:
        world.advance(wanted.advance_seconds)
    else:
        raise _not_understood("one of `now` and `advance_seconds` has to be given, and one alone")
    return _clock(world, question)


def _queue_faults(world: World, question: _Question) -> Answer:
    wanted = _decoded(question.body, object)
    faults = [_fault(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
    world.queue(*faults)
    return json(201, _queued(world))


def _fault(wanted: object) -> Fault:
    try:
        fields = msgspec.convert(wanted, dict[str, object])
        fault = msgspec.convert(fields, Fault)
    except msgspec.ValidationError as exc:
        raise _not_understood(f"{exc}; the kinds and fields are explained in btp_trust_emulator.faults") from exc
    if unknown := fields.keys() - {each.name for each in dataclasses.fields(Fault)}:
        raise _not_understood(f"a fault has no field {', '.join(sorted(unknown))}")
    return fault


def _faults(world: World, _: _Question) -> Answer:
    return json(200, _queued(world))


def _clear_faults(world: World, _: _Question) -> Answer:
    world.faults.clear()
    return json(200, _queued(world))


def _queued(world: World) -> dict[str, object]:
    each = [msgspec.to_builtins(queued.fault) | {"fired": queued.fired} for queued in world.faults.queued()]
    return {"faults": each}


def _ca(world: World, _: _Question) -> Answer:
    return Answer(200, world.authority.certificate.encode(), "application/x-pem-file")


def _shown(account: Account) -> dict[str, object]:
    return {
        **msgspec.to_builtins(account.public),
        "slots": account.slots,
        "certificates": {slot.value: account.certificate(slot) for slot in Slot},
    }


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as exc:
        raise _not_understood(str(exc)) from exc


def _not_understood(why: str) -> Invalid:
    return Invalid(
        "The question was not understood.", f"{why}.", "See the list of questions in btp_trust_emulator.control."
    )


def _endpoint(world: World, handler: Callable[[World, _Question], Answer]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        guid = request.path_params.get("guid", "")
        question = _Question(guid, request.query_params, await request.body())
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
