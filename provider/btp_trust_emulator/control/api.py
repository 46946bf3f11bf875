"""The control plane, JSON under `/_emulator/`: what a test, a demo or a person does with the emulator itself.

    POST   subaccounts                     {"guid"?, "subdomain"?, "active"?, "passive"?, "generate"?}
    GET    subaccounts
    GET    subaccounts/{guid}/service-key  ?credential=secret|x509  &valid_seconds=N
    GET    subaccounts/{guid}/api-access-key
    POST   subaccounts/{guid}/cockpit      {"action": "generate_active"|"generate_passive"|"rotate"|"delete_passive"}
    POST   subaccounts/{guid}/users        {"user_name", "password", "email"?, "groups"?}
    GET    subaccounts/{guid}/users
    POST   subaccounts/{guid}/destinations {"properties", "level"?: "subaccount"|"instance"}
    GET    subaccounts/{guid}/destinations
    DELETE subaccounts/{guid}/destinations/{level}/{name}
    POST   targets                         {"name", "entity_id"?, "holds"?: 1|2}
    GET    targets
    GET    targets/{name}                  (or the GUID of a subaccount)
    POST   targets/{name}/certificates     {"certificate", "issuer"?}
    DELETE targets/{name}/certificates/{fingerprint}
    PUT    targets/{name}/lies             {"fingerprints"}
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
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from btp_trust_emulator.backend.account import Account
from btp_trust_emulator.backend.landscape import WEEK_SECONDS, Landscape, perform_action
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.control import requests
from btp_trust_emulator.control.propagation_api import PROPAGATION_ROUTES
from btp_trust_emulator.control.requests import ControlRequest, decode_body, malformed_request
from btp_trust_emulator.faults.fault import Fault
from btp_trust_emulator.messages import Response, json
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from starlette.routing import Route

    from btp_trust_emulator.control.requests import Handler


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


def routes(landscape: Landscape) -> list[Route]:
    """The routes, relative to the mount."""
    table: list[tuple[str, str, Handler]] = [
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
    return requests.routes(landscape, [*table, *PROPAGATION_ROUTES])


def _create(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body or b"{}", _NewSubaccount)
    account = landscape.create(wanted.guid, wanted.subdomain, wanted.active, wanted.passive, generate=wanted.generate)
    return json(201, _account_json(account))


def _list(landscape: Landscape, _: ControlRequest) -> Response:
    return json(200, {"subaccounts": [_account_json(account) for account in landscape.accounts()]})


def _service_key(landscape: Landscape, control_request: ControlRequest) -> Response:
    try:
        query = msgspec.convert(dict(control_request.query), _KeyQuery, strict=False)
    except msgspec.ValidationError as exc:
        raise malformed_request(str(exc)) from exc
    return json(200, landscape.service_key(control_request.guid, query.credential, query.valid_seconds))


def _cockpit(landscape: Landscape, control_request: ControlRequest) -> Response:
    return json(
        200,
        _account_json(
            perform_action(landscape, control_request.guid, decode_body(control_request.body, _Cockpit).action)
        ),
    )


def _journal(landscape: Landscape, _: ControlRequest) -> Response:
    return json(200, {"entries": landscape.journal.entries()})


def _clear_journal(landscape: Landscape, _: ControlRequest) -> Response:
    landscape.journal.clear()
    return json(200, {"entries": []})


def _clock(landscape: Landscape, _: ControlRequest) -> Response:
    return json(200, {"now": landscape.clock.now()})


def _set_clock(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _NewClock)
    if wanted.now is not None and wanted.advance_seconds is None:
        landscape.set_clock(wanted.now)
    elif wanted.now is None and wanted.advance_seconds is not None:
        landscape.advance(wanted.advance_seconds)
    else:
        raise malformed_request("one of `now` and `advance_seconds` has to be given, and one alone")
    return _clock(landscape, control_request)


def _queue_faults(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, object)
    faults = [_fault(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
    landscape.queue(*faults)
    return json(201, _queued(landscape))


def _fault(wanted: object) -> Fault:
    try:
        fields = msgspec.convert(wanted, dict[str, object])
        fault = msgspec.convert(fields, Fault)
    except msgspec.ValidationError as exc:
        raise malformed_request(
            f"{exc}; the kinds and fields are explained in btp_trust_emulator.faults.fault"
        ) from exc
    if unknown := fields.keys() - {each.name for each in dataclasses.fields(Fault)}:
        raise malformed_request(f"a fault has no field {', '.join(sorted(unknown))}")
    return fault


def _faults(landscape: Landscape, _: ControlRequest) -> Response:
    return json(200, _queued(landscape))


def _clear_faults(landscape: Landscape, _: ControlRequest) -> Response:
    landscape.faults.clear()
    return json(200, _queued(landscape))


def _queued(landscape: Landscape) -> dict[str, object]:
    each = [msgspec.to_builtins(queued.fault) | {"fired": queued.fired} for queued in landscape.faults.queued()]
    return {"faults": each}


def _ca(landscape: Landscape, _: ControlRequest) -> Response:
    return Response(200, landscape.authority.certificate.encode(), "application/x-pem-file")


def _account_json(account: Account) -> dict[str, object]:
    return {
        **msgspec.to_builtins(account.public),
        "slots": account.slots,
        "certificates": {slot.value: account.certificate(slot) for slot in Slot},
    }
