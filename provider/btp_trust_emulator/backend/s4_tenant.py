"""An S/4HANA tenant: its communication user of the scenario SAP_COM_0A48, its communication systems, its switches."""

from __future__ import annotations

import contextlib
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.backend import certificate_field
from btp_trust_emulator.backend.communication_system import CommunicationSystem, Trust
from btp_trust_emulator.errors import Conflict, Invalid, Unknown
from btp_trust_emulator.pki import certificate_profile
from btp_trust_emulator.switches import FieldFormat, ProviderNames, S4Switches, SubjectAndIssuer

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.backend.communication_system import TrustBlock

_NAME = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DEFAULT_USER = "BTP_TRUST"


@dataclass(frozen=True, slots=True)
class CommunicationUser:
    """The inbound user of the scenario; `has_scenario` is False if the arrangement is missing."""

    name: str
    password: str = field(repr=False)
    has_scenario: bool = True
    failed_logons: int = 0


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and all of its communication systems, by their UUIDs."""

    name: str
    user: CommunicationUser
    client: str = "100"
    switches: S4Switches = field(default_factory=S4Switches)
    systems: dict[str, CommunicationSystem] = field(default_factory=dict)

    @property
    def audience(self) -> str:
        """The audience of assertions: the tenant's name as a SAML service provider."""
        return f"https://{self.name}.s4hana.cloud.sap"

    @property
    def is_locked(self) -> bool:
        """True after too many failed logons of the communication user."""
        return self.user.failed_logons >= self.switches.lock_after

    def system(self, system_id: str) -> CommunicationSystem:
        """Return the system with this ID.

        Raises:
            Unknown: the ID is free.
        """
        for system in self.systems.values():
            if system.system_id == system_id:
                return system
        raise Unknown(
            "The communication system was not found.",
            f"The tenant {self.name} lacks a system {system_id}.",
            "Create it first.",
        )

    def has_system(self, system_id: str) -> bool:
        """Return True if the ID is taken."""
        return any(system.system_id == system_id for system in self.systems.values())

    def with_logon(self, *, succeeded: bool) -> Tenant:
        """Return the tenant after a logon of the communication user."""
        failed = 0 if succeeded else self.user.failed_logons + 1
        return replace(self, user=replace(self.user, failed_logons=failed))

    def trusted(self, block: TrustBlock, now: datetime) -> dict[str, list[str]]:
        """Return the certificates or keys (PEM) whose assertions count at a time, by provider name."""
        trusted: dict[str, list[str]] = {}
        for system in self.systems.values():
            trust = system.blocks_at(now)[block]
            if trust.is_active and (content := self.content(trust)):
                trusted.setdefault(trust.provider_name, []).append(content.verifier)
        return trusted

    def content(self, trust: Trust) -> certificate_field.FieldContent | None:
        """Return the certificate or key in the field of a block; None if it is empty or has another text.

        The text may have any format: the tenant's switch may be another one by now.
        """
        for field_format in FieldFormat:
            with contextlib.suppress(Invalid):
                return certificate_field.decode(trust.certificate, field_format)
        return None


def create_tenant(name: str, password: str | None = None, switches: S4Switches | None = None) -> Tenant:
    """Create a tenant, with an empty list of communication systems.

    Raises:
        Invalid: the name is malformed.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(
            "The tenant was not created.",
            f"The name {name!r} is invalid.",
            "Give a name of 1 to 63 lower-case letters, digits and inner hyphens.",
        )
    user = CommunicationUser(DEFAULT_USER, password or secrets.token_urlsafe(24))
    return Tenant(name, user, switches=switches or S4Switches())


def with_system(tenant: Tenant, new: CommunicationSystem, now: datetime, delay_seconds: float = 0) -> Tenant:
    """Return the tenant with a new or a changed system, once its certificates are checked.

    Raises:
        Invalid: a certificate field is malformed, or its certificate is refused.
        Conflict: another system has a provider name.
    """
    old = tenant.systems.get(new.uuid)
    blocks = {block: _checked(tenant, trust, old.blocks[block] if old else None) for block, trust in new.blocks.items()}
    return with_verbatim(tenant, replace(new, blocks=blocks), now, delay_seconds)


def with_verbatim(tenant: Tenant, new: CommunicationSystem, now: datetime, delay_seconds: float = 0) -> Tenant:
    """Return the tenant with a new or a changed system and its certificate fields as they are.

    Raises:
        Conflict: another system has a provider name.
    """
    _refuse_shared_names(tenant, new)
    old = tenant.systems.get(new.uuid)
    if old is not None:
        new = old.changed(new, now, delay_seconds)
    return replace(tenant, systems={**tenant.systems, new.uuid: new})


def _checked(tenant: Tenant, new: Trust, old: Trust | None) -> Trust:
    """Return the block with subject and issuer as the switch says; only a new certificate is checked."""
    if new.certificate and (old is None or new.certificate != old.certificate):
        _check_certificate(tenant, new.certificate)
    if tenant.switches.subject_and_issuer is SubjectAndIssuer.AS_SENT:
        return new
    content = tenant.content(new)
    pem = content.certificate if content else None
    subject, issuer = certificate_profile.subject_and_issuer(pem) if pem else ("", "")
    return replace(new, subject=subject, issuer=issuer)


def _check_certificate(tenant: Tenant, text: str) -> None:
    content = certificate_field.decode(text, tenant.switches.field_format)
    profile = tenant.switches.certificate_profile
    if violation := certificate_profile.profile_violation(profile, content.key, content.certificate):
        raise Invalid("The certificate was not accepted.", f"It is unsupported: {violation}.", "Give another one.")


def _refuse_shared_names(tenant: Tenant, new: CommunicationSystem) -> None:
    if tenant.switches.provider_names is ProviderNames.SHARED:
        return
    for other in tenant.systems.values():
        for block, trust in new.blocks.items():
            is_same = trust.provider_name and trust.provider_name == other.blocks[block].provider_name
            if other.uuid != new.uuid and is_same:
                raise Conflict(
                    "The communication system was refused.",
                    f"The provider name {trust.provider_name} is used in {other.system_id} already.",
                    "Give another name.",
                )


def description(tenant: Tenant, system: CommunicationSystem) -> str:
    """Return what the journal says of a system: which certificate each block holds."""
    contents = {block.value: tenant.content(trust) for block, trust in system.blocks.items()}
    held = ", ".join(f"{block} {content.identity if content else 'nothing'}" for block, content in contents.items())
    return f"{system.system_id} holds {held}"
