"""The control plane of user propagation: users, destinations and targets; `control` has the list of the questions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.backend import target_system
from btp_trust_emulator.backend.account import User
from btp_trust_emulator.backend.destination import Level
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN
from btp_trust_emulator.control import people
from btp_trust_emulator.control.requests import ControlRequest, decode_body, malformed_request
from btp_trust_emulator.messages import Response, json

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.target_system import System
    from btp_trust_emulator.control.requests import Handler


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


def _create_user(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _NewUser)
    email = wanted.email or wanted.user_name
    user = User(wanted.user_name, email, wanted.password, groups=wanted.groups, origin=wanted.origin)
    people.create_user(landscape, control_request.guid, user)
    return _users(landscape, control_request, 201)


def _users(landscape: Landscape, control_request: ControlRequest, status: int = 200) -> Response:
    users = [asdict(each) for each in landscape.account(control_request.guid).users]
    shown = [{name: value for name, value in each.items() if name != "password"} for each in users]
    return json(status, {"users": shown})


def _api_access_key(landscape: Landscape, control_request: ControlRequest) -> Response:
    return json(200, landscape.api_access_key(control_request.guid))


def _create_destination(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _NewDestination)
    return json(
        201,
        _destination_json(people.create_destination(landscape, control_request.guid, wanted.level, wanted.properties)),
    )


def _destinations(landscape: Landscape, control_request: ControlRequest) -> Response:
    account = landscape.account(control_request.guid)
    return json(200, {"destinations": [_destination_json(each) for each in account.destinations]})


def _destination_json(destination: Destination) -> dict[str, object]:
    return {"level": destination.level, "properties": destination.properties}


def _delete_destination(landscape: Landscape, control_request: ControlRequest) -> Response:
    try:
        level = Level(control_request.path_params["level"])
    except ValueError as exc:
        raise malformed_request(str(exc)) from exc
    people.delete_destination(landscape, control_request.guid, level, control_request.path_params["name"])
    return _destinations(landscape, control_request)


def _create_target(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _NewTarget)
    new = target_system.system(wanted.name, wanted.entity_id, wanted.holds)
    return json(201, people.create_system(landscape, new))


def _targets(landscape: Landscape, _: ControlRequest) -> Response:
    return json(200, {"targets": [people.shown(landscape, each) for each in landscape.state.systems.values()]})


def _one_target(landscape: Landscape, control_request: ControlRequest) -> Response:
    return json(200, people.target(landscape, control_request.path_params["name"]))


def _upload(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _Upload)
    return _changed(
        landscape, control_request, lambda old: target_system.with_upload(old, wanted.certificate, wanted.issuer), 201
    )


def _remove(landscape: Landscape, control_request: ControlRequest) -> Response:
    fingerprint = control_request.path_params["fingerprint"]
    return _changed(landscape, control_request, lambda old: target_system.without_upload(old, fingerprint))


def _misreport(landscape: Landscape, control_request: ControlRequest) -> Response:
    wanted = decode_body(control_request.body, _Misreported)
    return _changed(landscape, control_request, lambda old: target_system.with_misreported(old, wanted.fingerprints))


def _changed(
    landscape: Landscape, control_request: ControlRequest, rule: Callable[[System], System], status: int = 200
) -> Response:
    return json(status, people.change_system(landscape, control_request.path_params["name"], rule))


PROPAGATION_ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/subaccounts/{guid}/users", _create_user),
    ("GET", "/subaccounts/{guid}/users", _users),
    ("GET", "/subaccounts/{guid}/api-access-key", _api_access_key),
    ("POST", "/subaccounts/{guid}/destinations", _create_destination),
    ("GET", "/subaccounts/{guid}/destinations", _destinations),
    ("DELETE", "/subaccounts/{guid}/destinations/{level}/{name}", _delete_destination),
    ("POST", "/targets", _create_target),
    ("GET", "/targets", _targets),
    ("GET", "/targets/{name}", _one_target),
    ("POST", "/targets/{name}/certificates", _upload),
    ("DELETE", "/targets/{name}/certificates/{fingerprint}", _remove),
    ("PUT", "/targets/{name}/lies", _misreport),
]
