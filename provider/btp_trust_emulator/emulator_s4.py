"""The part of `Emulator` for S/4HANA tenants and their communication systems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.backend.landscape import WEEK_SECONDS
from btp_trust_emulator.backend.s4_tenant import create_tenant
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.control import s4

if TYPE_CHECKING:
    from typing import Literal

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.target_system import Target
    from btp_trust_emulator.control.s4 import ShownSystem
    from btp_trust_emulator.switches import S4Switches


class S4Tenants(ABC):
    """The methods of `Emulator` on S/4HANA tenants."""

    @property
    @abstractmethod
    def _landscape(self) -> Landscape: ...

    def create_s4(self, tenant: str, password: str | None = None, switches: S4Switches | None = None) -> str:
        """Create an S/4HANA tenant; return its base URL.

        Raises:
            Invalid: the name cannot stand in a URL.
            Conflict: the name is taken.
        """
        s4.add_tenant(self._landscape, create_tenant(tenant, password, switches))
        return self._landscape.addresses.s4(tenant)

    def set_s4_switches(self, tenant: str, switches: S4Switches) -> None:
        """Replace the switches of a tenant."""
        s4.change_tenant(self._landscape, tenant, lambda old: replace(old, switches=switches))

    def communication_user(
        self,
        tenant: str,
        credential: Credential | Literal["secret", "x509"] = Credential.SECRET,
        valid_seconds: int = WEEK_SECONDS,
    ) -> dict[str, str]:
        """Return the connection of the tenant's communication user, who has the scenario SAP_COM_0A48.

        With `x509`, a new client certificate is valid from now (by the clock).
        """
        return s4.communication_user(self._landscape, tenant, Credential(credential), valid_seconds)

    def is_user_locked(self, tenant: str) -> bool:
        """Return True if failed logons locked the communication user."""
        return s4.get_tenant(self._landscape, tenant).is_locked

    def set_communication_user(self, tenant: str, *, has_scenario: bool = True) -> None:
        """Unlock the communication user, and give it the scenario or take it away."""
        s4.change_tenant(
            self._landscape,
            tenant,
            lambda old: replace(old, user=replace(old.user, has_scenario=has_scenario, failed_logons=0)),
        )

    def create_communication_system(
        self,
        tenant: str,
        system_id: str,
        certificate: str | None = None,
        block: TrustBlock | Literal["oauth2", "saml-bearer"] = TrustBlock.OAUTH2,
    ) -> ShownSystem:
        """Create a communication system, and let a block hold a certificate (PEM) if one is given.

        Raises:
            Invalid: the ID or the certificate is malformed.
            Conflict: the ID or the provider name is taken.
        """
        shown = s4.create_system(self._landscape, tenant, system_id)
        return self.trust_in_system(tenant, system_id, certificate, block) if certificate else shown

    def trust_in_system(
        self,
        tenant: str,
        system_id: str,
        certificate: str | None = None,
        block: TrustBlock | Literal["oauth2", "saml-bearer"] = TrustBlock.OAUTH2,
        provider_name: str | None = None,
        *,
        active: bool = True,
        text: str | None = None,
    ) -> ShownSystem:
        """Let a block hold a certificate (PEM), as a person does; the default of the name is its common name.

        A `text` stands in the certificate field as it is; if both are missing, the field is empty.
        """
        given = s4.GivenTrust(certificate, provider_name, active, text)
        return s4.set_trust(self._landscape, tenant, system_id, TrustBlock(block), given)

    def communication_system(self, tenant: str, system_id: str) -> ShownSystem:
        """Return a communication system as it is now."""
        return s4.shown_system(self._landscape, s4.get_tenant(self._landscape, tenant), system_id)

    def communication_system_target(self, tenant: str, system_id: str) -> Target:
        """Return a communication system as a target, with the properties of destinations to it."""
        return s4.target_of_communication_system(self._landscape, tenant, system_id)
