"""The operations of the control plane on users, destinations and targets."""

from __future__ import annotations

from dataclasses import asdict
from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec

from btp_trust_emulator.backend import target_system
from btp_trust_emulator.backend.account import User
from btp_trust_emulator.backend.destination import Level
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN
from btp_trust_emulator.control import people
from btp_trust_emulator.control.requests import Operation, malformed_request
from btp_trust_emulator.messages import Response, json

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.target_system import System
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.control.requests import ControlRequest


class _NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user_name: str
    password: str | None = None
    email: str | None = None
    groups: tuple[str, ...] = ()
    origin: str = DEFAULT_ORIGIN


class _NewDestination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    properties: dict[str, str]
    level: Level = Level.SUBACCOUNT


class _NewTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    entity_id: str | None = None
    holds: int = target_system.MAX_CERTIFICATES


class _Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: str
    issuer: str | None = None


class _Misreported(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fingerprints: list[str]


def _create_user(emulation: Emulation, request: ControlRequest[_NewUser]) -> Response:
    new = request.content
    user = User(new.user_name, new.email or new.user_name, new.password, groups=new.groups, origin=new.origin)
    people.create_user(emulation.landscape, request.guid, user)
    return _users(emulation, request, 201)


def _users(emulation: Emulation, request: ControlRequest[Any], status: int = 200) -> Response:
    users = [asdict(user) for user in emulation.landscape.account(request.guid).users]
    public = [{name: value for name, value in user.items() if name != "password"} for user in users]
    return json(status, {"users": public})


def _api_access_key(emulation: Emulation, request: ControlRequest[None]) -> Response:
    return json(200, emulation.landscape.api_access_key(request.guid))


def _create_destination(emulation: Emulation, request: ControlRequest[_NewDestination]) -> Response:
    new = request.content
    destination = people.create_destination(emulation.landscape, request.guid, new.level, new.properties)
    return json(201, _destination_json(destination))


def _destinations(emulation: Emulation, request: ControlRequest[None]) -> Response:
    account = emulation.landscape.account(request.guid)
    return json(200, {"destinations": [_destination_json(destination) for destination in account.destinations]})


def _destination_json(destination: Destination) -> dict[str, object]:
    return {"level": destination.level, "properties": destination.properties}


def _delete_destination(emulation: Emulation, request: ControlRequest[None]) -> Response:
    try:
        level = Level(request.path_params["level"])
    except ValueError as exc:
        raise malformed_request(str(exc)) from exc
    people.delete_destination(emulation.landscape, request.guid, level, request.path_params["name"])
    return _destinations(emulation, request)


def _create_target(emulation: Emulation, request: ControlRequest[_NewTarget]) -> Response:
    new = request.content
    system = target_system.create_system(new.name, new.entity_id, new.holds)
    return json(201, people.add_system(emulation.landscape, system))


def _targets(emulation: Emulation, _: ControlRequest[None]) -> Response:
    landscape = emulation.landscape
    targets = [people.target_of_system(landscape, system) for system in landscape.state.systems.values()]
    return json(200, {"targets": targets})


def _one_target(emulation: Emulation, request: ControlRequest[None]) -> Response:
    return json(200, people.get_target(emulation.landscape, request.path_params["name"]))


def _upload(emulation: Emulation, request: ControlRequest[_Upload]) -> Response:
    upload = request.content
    return _change_system(
        emulation, request, lambda old: target_system.with_upload(old, upload.certificate, upload.issuer), 201
    )


def _remove(emulation: Emulation, request: ControlRequest[None]) -> Response:
    fingerprint = request.path_params["fingerprint"]
    return _change_system(emulation, request, lambda old: target_system.without_upload(old, fingerprint))


def _misreport(emulation: Emulation, request: ControlRequest[_Misreported]) -> Response:
    fingerprints = request.content.fingerprints
    return _change_system(emulation, request, lambda old: target_system.with_misreported(old, fingerprints))


def _change_system(
    emulation: Emulation, request: ControlRequest[Any], rule: Callable[[System], System], status: int = 200
) -> Response:
    return json(status, people.change_system(emulation.landscape, request.path_params["name"], rule))


PROPAGATION_OPERATIONS: tuple[Operation[Any], ...] = (
    Operation("POST", "/subaccounts/{guid}/users", _create_user, _NewUser),
    Operation("GET", "/subaccounts/{guid}/users", _users, NoneType),
    Operation("GET", "/subaccounts/{guid}/api-access-key", _api_access_key, NoneType),
    Operation("POST", "/subaccounts/{guid}/destinations", _create_destination, _NewDestination),
    Operation("GET", "/subaccounts/{guid}/destinations", _destinations, NoneType),
    Operation("DELETE", "/subaccounts/{guid}/destinations/{level}/{name}", _delete_destination, NoneType),
    Operation("POST", "/targets", _create_target, _NewTarget),
    Operation("GET", "/targets", _targets, NoneType),
    Operation("GET", "/targets/{name}", _one_target, NoneType),
    Operation("POST", "/targets/{name}/certificates", _upload, _Upload),
    Operation("DELETE", "/targets/{name}/certificates/{fingerprint}", _remove, NoneType),
    Operation("PUT", "/targets/{name}/misreported", _misreport, _Misreported),
)
"""The part of `btp_trust_emulator.control.api.OPERATIONS` for users, destinations and targets."""
