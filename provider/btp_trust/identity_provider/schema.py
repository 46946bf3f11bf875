"""What TrustedIdentityProvider takes, plans and records."""

from __future__ import annotations

from typing import ClassVar, Final

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.identity_provider.plan import OnDelete
from btp_trust.property_bag import ResourceArgs
from btp_trust.saml.metadata import MetadataLayout

PREVIEW_ONLY: Final = ("certificates", "only_if_trusted", "step", "preexisting", "removal", "retain_on_delete")
"""Inputs that are no outputs: check writes them for the preview, and for the create or update after it."""


class IdentityProviderArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of TrustedIdentityProvider; connection and subaccount are the target's."""

    never_empty: ClassVar = (
        *ResourceArgs.never_empty,
        "source_connection",
        "source_subaccount_id",
        "origin_key",
        "entity_id",
        "adopt",
    )
    may_be_unknown: ClassVar = ("passive",)
    set_by_resource: ClassVar = ("retain_on_delete",)
    subaccounts: ClassVar = (*ResourceArgs.subaccounts, "source_subaccount_id")
    found_by_check: ClassVar = ("entity_id",)

    connection: str
    origin_key: str
    source_connection: str = DEFAULT_CONNECTION
    source_subaccount_id: str | None = None
    passive: str | None = None
    """Generation of the PassiveTrustCertificate; UNKNOWN while a preview does not know its certificate."""
    name: str | None = None
    entity_id: str | None = None
    metadata_layout: MetadataLayout = MetadataLayout.KEY_DESCRIPTORS
    adopt: str | None = None
    """ID of an identity provider that another client created."""
    on_delete: OnDelete = OnDelete.DELETE
    retain_on_delete: bool = False
    """The option of the resource, for `removal` alone: changing it is no update."""

    @property
    def source(self) -> ResourceArgs:
        """Where the certificates are."""
        return ResourceArgs(connection=self.source_connection, subaccount_id=self.source_subaccount_id)


class IdentityProviderInputs(IdentityProviderArgs, frozen=True, omit_defaults=True, kw_only=True):
    """TrustedIdentityProvider after check."""

    certificates: dict[str, str] | str = {}
    """{fingerprint: when it expires} that the target is to trust; one that is to be generated has its name for a key.

    UNKNOWN while `passive` is unknown for another reason."""
    step: str | None = None
    """What is registered or changed; it stays, with the next one, until another one is planned."""
    only_if_trusted: str | None = None
    """Precondition of the step: what the target trusts before."""
    preexisting: str | None = None
    """ID of an identity provider that was there before the resource, and that it adopted without `adopt`."""
    removal: str | None = None
    """What a removal of the resource does to it: the preview of a removal shows the inputs."""

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints that the target is to trust, sorted."""
        return sorted(self.certificates) if isinstance(self.certificates, dict) else [self.certificates]


class IdentityProviderState(IdentityProviderArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of TrustedIdentityProvider, as far as the next command reads them."""

    trusted: list[str] = []
    drift: str | None = None
    """What the next deployment will do, as a refresh has found; a deployment removes it."""
    identity_provider_id: str | None = None
    preexisting: str | None = None
    observed_at: str | None = None
