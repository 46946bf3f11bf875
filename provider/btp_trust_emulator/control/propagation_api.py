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
from btp_trust_emulator.control.requests import Question, decoded, not_understood
from btp_trust_emulator.messages import Answer, json

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import World
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
    holds: int = target_system.MOST


class _Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: str
    issuer: str | None = None


class _Lies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fingerprints: list[str]


def _create_user(world: World, question: Question) -> Answer:
    wanted = decoded(question.body, _NewUser)
    email = wanted.email or wanted.user_name
    user = User(wanted.user_name, email, wanted.password, groups=wanted.groups, origin=wanted.origin)
    people.create_user(world, question.guid, user)
    return _users(world, question, 201)


def _users(world: World, question: Question, status: int = 200) -> Answer:
    users = [asdict(each) for each in world.account(question.guid).users]
    shown = [{name: value for name, value in each.items() if name != "password"} for each in users]
    return json(status, {"users": shown})


def _api_access_key(world: World, question: Question) -> Answer:
    return json(200, world.api_access_key(question.guid))


def _create_destination(world: World, question: Question) -> Answer:
    wanted = decoded(question.body, _NewDestination)
    return json(201, _shown(people.create_destination(world, question.guid, wanted.level, wanted.properties)))


def _destinations(world: World, question: Question) -> Answer:
    account = world.account(question.guid)
    return json(200, {"destinations": [_shown(each) for each in account.destinations]})


def _shown(destination: Destination) -> dict[str, object]:
    return {"level": destination.level, "properties": destination.properties}


def _delete_destination(world: World, question: Question) -> Answer:
    try:
        level = Level(question.names["level"])
    except ValueError as exc:
        raise not_understood(str(exc)) from exc
    people.delete_destination(world, question.guid, level, question.names["name"])
    return _destinations(world, question)


def _create_target(world: World, question: Question) -> Answer:
    wanted = decoded(question.body, _NewTarget)
    new = target_system.system(wanted.name, wanted.entity_id, wanted.holds)
    return json(201, people.create_system(world, new))


def _targets(world: World, _: Question) -> Answer:
    return json(200, {"targets": [people.shown(world, each) for each in world.state.systems.values()]})


def _one_target(world: World, question: Question) -> Answer:
    return json(200, people.target(world, question.names["name"]))


def _upload(world: World, question: Question) -> Answer:
    wanted = decoded(question.body, _Upload)
    return _changed(world, question, lambda old: target_system.with_upload(old, wanted.certificate, wanted.issuer), 201)


def _remove(world: World, question: Question) -> Answer:
    fingerprint = question.names["fingerprint"]
    return _changed(world, question, lambda old: target_system.without_upload(old, fingerprint))


def _lie(world: World, question: Question) -> Answer:
    wanted = decoded(question.body, _Lies)
    return _changed(world, question, lambda old: target_system.lying(old, wanted.fingerprints))


def _changed(world: World, question: Question, rule: Callable[[System], System], status: int = 200) -> Answer:
    return json(status, people.change_system(world, question.names["name"], rule))


TABLE: list[tuple[str, str, Handler]] = [
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
    ("PUT", "/targets/{name}/lies", _lie),
]
