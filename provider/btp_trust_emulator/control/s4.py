"""What people do to S/4HANA tenants and communication systems in their user interface; the journal leaves it out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from btp_trust_emulator.backend import certificate_field, s4_tenant
from btp_trust_emulator.backend.communication_system import (
    CommunicationSystem,
    InboundUser,
    Trust,
    TrustBlock,
    check_system_id,
)
from btp_trust_emulator.backend.landscape import WEEK_SECONDS
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.backend.target_system import TOKEN_PATH, Target
from btp_trust_emulator.errors import Conflict, Unknown
from btp_trust_emulator.pki import client_ca, trust_certificate
from btp_trust_emulator.services.s4 import logon

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.s4_tenant import Tenant


@dataclass(frozen=True, slots=True)
class GivenTrust:
    """What a person gives for a block: a certificate (PEM), None for an empty field; the name is its common name.

    A `text` stands in the certificate field as it is.
    """

    certificate: str | None = None
    provider_name: str | None = None
    active: bool = True
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """One block as the user interface shows it, and the SHA-256 of the certificate (of a key, after `key:`)."""

    is_active: bool
    provider_name: str
    trusted: str | None
    counts_already: bool


@dataclass(frozen=True, slots=True)
class ShownSystem:
    """A communication system as the user interface shows it."""

    tenant: str
    system_id: str
    uuid: str
    blocks: dict[TrustBlock, ShownBlock]


def get_tenant(landscape: Landscape, name: str) -> Tenant:
    """Return the tenant with this name.

    Raises:
        Unknown: see the message.
    """
    tenant = landscape.state.tenants.get(name)
    if tenant is None:
        raise Unknown("The tenant was not found.", f"The emulator lacks an S/4HANA tenant {name}.", "Create it first.")
    return tenant


def add_tenant(landscape: Landscape, new: Tenant) -> Tenant:
    """Add a tenant.

    Raises:
        Conflict: the name is taken.
    """
    with landscape.lock:
        if new.name in landscape.state.tenants:
            raise Conflict(
                "The tenant was not created.", f"The tenant {new.name} exists already.", "Choose another name."
            )
        landscape.commit(lambda old: old.with_tenant(new))
    return new


def change_tenant(landscape: Landscape, name: str, rule: Callable[[Tenant], Tenant]) -> Tenant:
    """Replace a tenant by what a rule makes of it. Raises: what the rule raises; see `get_tenant`."""
    with landscape.lock:
        new = rule(get_tenant(landscape, name))
        landscape.commit(lambda old: old.with_tenant(new))
    return new


def communication_user(
    landscape: Landscape, name: str, credential: Credential, valid_seconds: int = WEEK_SECONDS
) -> dict[str, str]:
    """Return the connection of the communication user: by a password, or by a new client certificate.

    Raises:
        Unknown: see `get_tenant`.
    """
    tenant = get_tenant(landscape, name)
    if credential is Credential.SECRET:
        return {"url": landscape.addresses.s4(name), "user": tenant.user.name, "password": tenant.user.password}
    owner, now = logon.certificate_owner(name, tenant.user), landscape.now()
    certificate, key = client_ca.issue_client(landscape.authority, owner, now, now + timedelta(seconds=valid_seconds))
    return {"url": landscape.addresses.s4_cert(name), "certificate": certificate, "key": key}


def create_system(landscape: Landscape, name: str, system_id: str) -> ShownSystem:
    """Create a communication system that trusts nobody.

    Raises:
        Invalid: the ID is malformed.
        Conflict: the ID is taken.
        Unknown: see `get_tenant`.
    """
    user = InboundUser(f"{check_system_id(system_id)}_USER", secrets.token_urlsafe(24))
    new = CommunicationSystem(system_id, system_id, f"{system_id.lower()}.example.com", user)

    def rule(old: Tenant) -> Tenant:
        if old.has_system(system_id):
            raise Conflict(
                "The communication system was not created.", f"{system_id} exists already.", "Choose another ID."
            )
        return s4_tenant.with_system(old, new, landscape.clock.now())

    return shown_system(landscape, change_tenant(landscape, name, rule), system_id)


def set_trust(
    landscape: Landscape,
    name: str,
    system_id: str,
    block: TrustBlock,
    given: GivenTrust,
) -> ShownSystem:
    """Let a block hold what a person gives.

    Raises:
        Invalid: the text is no certificate with an RSA key.
        Conflict: another system has the provider name.
        Unknown: the tenant or the system is missing.
    """

    def rule(old: Tenant) -> Tenant:
        system = old.system(system_id)
        trust = _trust(old, given)
        new = replace(system, blocks={**system.blocks, block: trust})
        change = s4_tenant.with_system if given.text is None else s4_tenant.with_verbatim
        return change(old, new, landscape.clock.now())

    return shown_system(landscape, change_tenant(landscape, name, rule), system_id)


def _trust(tenant: Tenant, given: GivenTrust) -> Trust:
    if given.certificate is None:
        return Trust(given.active, given.provider_name or "", certificate=given.text or "")
    text = certificate_field.encode(given.certificate, tenant.switches.field_format)
    subject_name = trust_certificate.subject_name(trust_certificate.normalized(given.certificate))
    return Trust(given.active, given.provider_name or subject_name, certificate=text)


def shown_system(landscape: Landscape, tenant: Tenant, system_id: str) -> ShownSystem:
    """Return a communication system as the user interface shows it. Raises: see `Tenant.system`."""
    system = tenant.system(system_id)
    counting = system.blocks_at(landscape.clock.now())
    blocks = {}
    for block, trust in system.blocks.items():
        content = tenant.content(trust)
        identity = content.identity if content else None
        blocks[block] = ShownBlock(trust.is_active, trust.provider_name, identity, counting[block] == trust)
    return ShownSystem(tenant.name, system_id, system.uuid, blocks)


def shown_tenant(landscape: Landscape, tenant: Tenant) -> dict[str, object]:
    """Return a tenant without passwords."""
    systems = [shown_system(landscape, tenant, system.system_id) for system in tenant.systems.values()]
    user = {"name": tenant.user.name, "has_scenario": tenant.user.has_scenario, "is_locked": tenant.is_locked}
    return {
        "name": tenant.name,
        "url": landscape.addresses.s4(tenant.name),
        "client": tenant.client,
        "user": user,
        "switches": tenant.switches,
        "systems": systems,
    }


def target_of_communication_system(landscape: Landscape, name: str, system_id: str) -> Target:
    """Return a communication system as a target. Raises: see `get_tenant`, `Tenant.system`."""
    tenant = get_tenant(landscape, name)
    user = tenant.system(system_id).inbound_user
    url = landscape.addresses.s4(name)
    contents = [(trust.provider_name, tenant.content(trust)) for trust in tenant.system(system_id).blocks.values()]
    certificates = {content.identity: issuer for issuer, content in contents if content}
    return Target(system_id, url, url + TOKEN_PATH, tenant.audience, user.name, user.password, certificates)
