"""The operations of the control plane on S/4HANA tenants and their communication systems."""

from __future__ import annotations

from dataclasses import fields, replace
from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec

from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.backend.landscape import WEEK_SECONDS
from btp_trust_emulator.backend.s4_tenant import create_tenant
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.control import s4
from btp_trust_emulator.control.requests import Operation, malformed_request
from btp_trust_emulator.messages import Response, json
from btp_trust_emulator.switches import S4Switches

if TYPE_CHECKING:
    from btp_trust_emulator.backend.s4_tenant import Tenant
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.control.requests import ControlRequest


class _NewTenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    password: str | None = None
    switches: dict[str, object] = {}


class _UserQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Credential = Credential.SECRET
    valid_seconds: int = WEEK_SECONDS


class _UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    has_scenario: bool = True


class _NewSystem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str


class _NewTrust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: str | None = None
    provider_name: str | None = None
    active: bool = True
    text: str | None = None

    @property
    def given(self) -> s4.GivenTrust:
        """The same for the rules."""
        return s4.GivenTrust(self.certificate, self.provider_name, self.active, self.text)


def _create_tenant(emulation: Emulation, request: ControlRequest[_NewTenant]) -> Response:
    new = request.content
    tenant = create_tenant(new.name, new.password, _merged(S4Switches(), new.switches))
    return _tenant_response(emulation, s4.add_tenant(emulation.landscape, tenant), 201)


def _tenants(emulation: Emulation, _: ControlRequest[None]) -> Response:
    landscape = emulation.landscape
    return json(200, {"tenants": [s4.shown_tenant(landscape, each) for each in landscape.state.tenants.values()]})


def _tenant(emulation: Emulation, request: ControlRequest[None]) -> Response:
    return _tenant_response(emulation, s4.get_tenant(emulation.landscape, request.path_params["tenant"]))


def _set_switches(emulation: Emulation, request: ControlRequest[dict[str, object]]) -> Response:
    def rule(old: Tenant) -> Tenant:
        return replace(old, switches=_merged(old.switches, request.content))

    return _changed_tenant(emulation, request, rule)


def _merged(switches: S4Switches, given: dict[str, object]) -> S4Switches:
    """Return the switches with other values for some of them."""
    if unknown := sorted(given.keys() - {field.name for field in fields(S4Switches)}):
        raise malformed_request(f"a tenant has no switch {', '.join(unknown)}")
    try:
        return msgspec.convert(msgspec.to_builtins(switches) | given, S4Switches)
    except msgspec.ValidationError as exc:
        raise malformed_request(str(exc)) from exc


def _communication_user(emulation: Emulation, request: ControlRequest[_UserQuery]) -> Response:
    query, name = request.content, request.path_params["tenant"]
    return json(200, s4.communication_user(emulation.landscape, name, query.credential, query.valid_seconds))


def _change_user(emulation: Emulation, request: ControlRequest[_UserChange]) -> Response:
    has_scenario = request.content.has_scenario

    def rule(old: Tenant) -> Tenant:
        return replace(old, user=replace(old.user, has_scenario=has_scenario, failed_logons=0))

    return _changed_tenant(emulation, request, rule)


def _changed_tenant(emulation: Emulation, request: ControlRequest[Any], rule: Any) -> Response:
    return _tenant_response(emulation, s4.change_tenant(emulation.landscape, request.path_params["tenant"], rule))


def _tenant_response(emulation: Emulation, tenant: Tenant, status: int = 200) -> Response:
    return json(status, s4.shown_tenant(emulation.landscape, tenant))


def _create_system(emulation: Emulation, request: ControlRequest[_NewSystem]) -> Response:
    return json(201, s4.create_system(emulation.landscape, request.path_params["tenant"], request.content.id))


def _system(emulation: Emulation, request: ControlRequest[None]) -> Response:
    name, system_id = request.path_params["tenant"], request.path_params["id"]
    tenant = s4.get_tenant(emulation.landscape, name)
    shown = s4.shown_system(emulation.landscape, tenant, system_id)
    target = s4.target_of_communication_system(emulation.landscape, name, system_id)
    return json(200, {**msgspec.to_builtins(shown), "target": target})


def _set_trust(emulation: Emulation, request: ControlRequest[_NewTrust]) -> Response:
    path = request.path_params
    try:
        block = TrustBlock(path["block"])
    except ValueError as exc:
        raise malformed_request(str(exc)) from exc
    return json(200, s4.set_trust(emulation.landscape, path["tenant"], path["id"], block, request.content.given))


S4_OPERATIONS: tuple[Operation[Any], ...] = (
    Operation("POST", "/s4", _create_tenant, _NewTenant),
    Operation("GET", "/s4", _tenants, NoneType),
    Operation("GET", "/s4/{tenant}", _tenant, NoneType),
    Operation("PUT", "/s4/{tenant}/switches", _set_switches, dict[str, object]),
    Operation("GET", "/s4/{tenant}/communication-user", _communication_user, _UserQuery),
    Operation("PUT", "/s4/{tenant}/communication-user", _change_user, _UserChange, optional=True),
    Operation("POST", "/s4/{tenant}/systems", _create_system, _NewSystem),
    Operation("GET", "/s4/{tenant}/systems/{id}", _system, NoneType),
    Operation("PUT", "/s4/{tenant}/systems/{id}/{block}", _set_trust, _NewTrust),
)
"""The part of `btp_trust_emulator.control.api.OPERATIONS` for S/4HANA tenants."""
