"""The trust configuration of a subaccount: one reading of the identity providers that it trusts."""

from __future__ import annotations

from btp_trust.runtime.cached_reading import SubaccountReading
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import IdentityProviderClient


class TrustConfiguration(SubaccountReading[IdentityProviderClient, tuple[IdentityProvider, ...]]):
    """The identity providers that one subaccount trusts, in this command."""

    def providers(self) -> tuple[IdentityProvider, ...]:
        """Return the identity providers as this command has read them."""
        return self.last()

    def _fetch(self) -> tuple[IdentityProvider, ...]:
        return self.client.all()
