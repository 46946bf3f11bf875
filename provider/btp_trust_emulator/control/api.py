"""The control plane, JSON under `/_emulator/`: what a test, a demo or a person does with the emulator itself.

`OPERATIONS` is the one table of it. Errors are 400, 404 or 409 with `{"error": {"what", "why", "remedy"}}`.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from btp_trust_emulator.backend.landscape import WEEK_SECONDS, perform_action
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.control import page, requests
from btp_trust_emulator.control.propagation_api import PROPAGATION_OPERATIONS
from btp_trust_emulator.control.requests import Operation, malformed_request
from btp_trust_emulator.control.s4_api import S4_OPERATIONS
from btp_trust_emulator.faults.fault import FAULT_SPECS, Fault
from btp_trust_emulator.messages import Response, json
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from starlette.routing import Route

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.control.requests import ControlRequest


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


def routes(emulation: Emulation) -> list[Route]:
    """Return the routes, relative to the mount."""
    return requests.routes(emulation, OPERATIONS)


def _create(emulation: Emulation, request: ControlRequest[_NewSubaccount]) -> Response:
    new = request.content
    account = emulation.landscape.create(new.guid, new.subdomain, new.active, new.passive, generate=new.generate)
    return json(201, _account_json(account))


def _list(emulation: Emulation, _: ControlRequest[None]) -> Response:
    return json(200, {"subaccounts": [_account_json(account) for account in emulation.landscape.accounts()]})


def _service_key(emulation: Emulation, request: ControlRequest[_KeyQuery]) -> Response:
    query = request.content
    return json(200, emulation.landscape.service_key(request.guid, query.credential, query.valid_seconds))


def _cockpit(emulation: Emulation, request: ControlRequest[_Cockpit]) -> Response:
    return json(200, _account_json(perform_action(emulation.landscape, request.guid, request.content.action)))


def _journal(emulation: Emulation, _: ControlRequest[None]) -> Response:
    return json(200, {"entries": emulation.journal.entries()})


def _clear_journal(emulation: Emulation, _: ControlRequest[None]) -> Response:
    emulation.journal.clear()
    return json(200, {"entries": []})


def _clock(emulation: Emulation, _: ControlRequest[Any]) -> Response:
    return json(200, {"now": emulation.landscape.clock.now()})


def _set_clock(emulation: Emulation, request: ControlRequest[_NewClock]) -> Response:
    now, seconds = request.content.now, request.content.advance_seconds
    if now is not None and seconds is None:
        emulation.landscape.set_clock(now)
    elif now is None and seconds is not None:
        emulation.landscape.advance(seconds)
    else:
        raise malformed_request("exactly one of `now` and `advance_seconds` is needed")
    return _clock(emulation, request)


def _queue_faults(emulation: Emulation, request: ControlRequest[object]) -> Response:
    content = request.content
    emulation.queue(*map(_parse_fault, content if isinstance(content, list) else [content]))
    return _faults_response(emulation, 201)


def _parse_fault(content: object) -> Fault:
    try:
        fields = msgspec.convert(content, dict[str, object])
        fault = msgspec.convert(fields, Fault)
    except msgspec.ValidationError as exc:
        kinds = ", ".join(kind.value for kind in FAULT_SPECS)
        raise malformed_request(f"{exc}; the kinds of faults are {kinds}") from exc
    if unknown := fields.keys() - {field.name for field in dataclasses.fields(Fault)}:
        raise malformed_request(f"a fault has no field {', '.join(sorted(unknown))}")
    return fault


def _faults(emulation: Emulation, _: ControlRequest[None]) -> Response:
    return _faults_response(emulation)


def _clear_faults(emulation: Emulation, _: ControlRequest[None]) -> Response:
    emulation.faults.clear()
    return _faults_response(emulation)


def _faults_response(emulation: Emulation, status: int = 200) -> Response:
    queued = [msgspec.to_builtins(entry.fault) | {"fired": entry.fired} for entry in emulation.faults.queued()]
    return json(status, {"faults": queued})


def _ca(emulation: Emulation, _: ControlRequest[None]) -> Response:
    return Response(200, emulation.landscape.authority.certificate.encode(), "application/x-pem-file")


def _account_json(account: Account) -> dict[str, object]:
    return {
        **msgspec.to_builtins(account.public),
        "slots": account.slots,
        "certificates": {slot.value: account.certificate(slot) for slot in Slot},
    }


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation("GET", "/", page.show_page, NoneType),
    Operation("GET", "/overview", page.show_overview, NoneType),
    Operation("POST", "/subaccounts", _create, _NewSubaccount, optional=True),
    Operation("GET", "/subaccounts", _list, NoneType),
    Operation("GET", "/subaccounts/{guid}/service-key", _service_key, _KeyQuery),
    Operation("POST", "/subaccounts/{guid}/cockpit", _cockpit, _Cockpit),
    *PROPAGATION_OPERATIONS,
    *S4_OPERATIONS,
    Operation("GET", "/journal", _journal, NoneType),
    Operation("DELETE", "/journal", _clear_journal, NoneType),
    Operation("GET", "/clock", _clock, NoneType),
    Operation("PUT", "/clock", _set_clock, _NewClock),
    Operation("POST", "/faults", _queue_faults, object),
    Operation("GET", "/faults", _faults, NoneType),
    Operation("DELETE", "/faults", _clear_faults, NoneType),
    Operation("GET", "/ca", _ca, NoneType),
)
"""Every operation of the control plane: method, path, handler, and the shape of the request."""
