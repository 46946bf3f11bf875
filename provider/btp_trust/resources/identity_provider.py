"""The resource TrustedIdentityProvider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi
from pulumi.dynamic import Resource

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.providers import TrustedIdentityProviderProvider
from btp_trust.resources.base import refuse_imports, refuse_invalid_settings, refuse_when_known, unless_default
from btp_trust.resources.passive import PassiveTrustCertificate
from btp_trust.resources.registry import belongs_to, register_once
from btp_trust.secret_guard.guard import refuses_secret_arguments

_OUTPUTS = ("trusted", "identity_provider_id", "preexisting", "drift", "subaccount")


class TrustedIdentityProvider(Resource, module="btp-trust", name="TrustedIdentityProvider"):
    """This subaccount, registered as an identity provider that another subaccount trusts.

    Deploying it registers the active certificate of this subaccount in the other one's XSUAA; with `passive`, the
    certificate in the other slot too: the one that will sign next and, after the swap, the one that signed before.
    Without `passive` the other subaccount trusts the active certificate alone. The resource reads the slots itself, so
    it works without an ActiveTrustCertificate, and a RotationTrigger may wait for it.

    Removing it deletes the identity provider there, with its users there and their role collection assignments;
    `on_delete="deactivate"` keeps them. Either way they are refused from then on.

    Args:
        resource_name: Pulumi's name of the resource.
        connection: Name of the connection to the XSUAA of the subaccount that is to trust this one; its key is of the
            plan `apiaccess`.
        origin_key: Its origin key there, for good: another one takes a new resource.
        passive: The PassiveTrustCertificate of the source connection: trust the certificate in the passive slot too,
            and run after it was generated.
        source_connection: Name of the connection to the subaccount whose certificates are to be trusted.
        name: Its name there; without it, the origin key at first, later the name that it has.
        entity_id: What the assertions have as issuer; without it, the issuer name of the active certificate.
        metadata_layout: Where the metadata has the second certificate: "key-descriptors" (default), a KeyDescriptor
            for each, or "x509-data", one with an X509Data for each. The open-source UAA trusts both certificates in
            either; the documentation leaves open which one XSUAA understands.
        adopt: ID of an identity provider: adopt exactly this one, which has this origin key and was created by
            another client. The refusal prints it.
        on_delete: What a removal of the resource does to it: "delete" (default) deletes it, and with it the users
            there who came from it and their role collection assignments; "deactivate" sets it inactive and keeps them.
        subaccount_id: GUID of the subaccount that is to trust this one; refuse any other. Required with a binding found
            in the environment.
        source_subaccount_id: The same of the subaccount whose certificates are to be trusted.
        display_name: Name for people of the subaccount that is to trust this one; without it, its subdomain.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: `passive` is that of another connection, the program declares a second one with this origin
            key on this connection, or it keeps a service key in plain text.
    """

    trusted: pulumi.Output[Sequence[str]]
    """SHA-256 fingerprints, sorted, that the other subaccount trusts: a value for `trusted_by`."""
    drift: pulumi.Output[str | None]
    """What the next deployment will do, as a refresh has found; None after a deployment."""
    entity_id: pulumi.Output[str]
    """What the assertions have as issuer."""
    origin_key: pulumi.Output[str]
    """The origin key."""
    preexisting: pulumi.Output[str | None]
    """Its ID, if it was there before the resource and `adopt` does not name it: another stack may rely on it."""
    identity_provider_id: pulumi.Output[str | None]
    """XSUAA's ID of it; None after somebody deleted it."""
    subaccount_id: pulumi.Output[str]
    """GUID of the subaccount that trusts: given, or recorded by the first deployment."""
    subaccount: pulumi.Output[str]
    """That subaccount in words: its name and eight digits of its GUID."""
    source_subaccount_id: pulumi.Output[str]
    """GUID of the subaccount whose certificates are trusted: given, or recorded."""
    observed_at: pulumi.Output[str]
    """When the last deployment that changed the resource read it, RFC 3339, UTC."""

    @refuses_secret_arguments
    def __init__(
        self,
        resource_name: str,
        *,
        connection: str,
        origin_key: pulumi.Input[str],
        passive: PassiveTrustCertificate | None = None,
        source_connection: str = DEFAULT_CONNECTION,
        name: pulumi.Input[str] | None = None,
        entity_id: pulumi.Input[str] | None = None,
        metadata_layout: pulumi.Input[Literal["key-descriptors", "x509-data"]] | None = None,
        adopt: pulumi.Input[str] | None = None,
        on_delete: pulumi.Input[Literal["delete", "deactivate"]] | None = None,
        subaccount_id: pulumi.Input[str] | None = None,
        source_subaccount_id: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        refuse_invalid_settings()
        refuse_imports(type(self).__name__, resource_name, opts)
        if passive is not None and not belongs_to(source_connection, "PassiveTrustCertificate", passive):
            raise pulumi.RunError(
                f"passive= is not the PassiveTrustCertificate of connection {source_connection!r}.\n"
                "The certificates that are registered are those of source_connection=, and it belongs to another one.\n"
                "Give source_connection= the connection of the PassiveTrustCertificate."
            )
        register_once(connection, origin_key, resource_name, self)
        props = {
            "connection": connection,
            "origin_key": origin_key,
            # The value only orders the two resources: the slot itself says which certificate is in it.
            "passive": None if passive is None else _name_once_known(passive),
            "source_connection": unless_default(source_connection),
            "name": name,
            "entity_id": entity_id,
            "metadata_layout": metadata_layout,
            "adopt": adopt,
            "on_delete": on_delete,
            "subaccount_id": subaccount_id,
            "source_subaccount_id": source_subaccount_id,
            "display_name": display_name,
            # Check gets no options, and the preview of a removal says what it does.
            "retain_on_delete": True if opts is not None and opts.retain_on_delete else None,
            **dict.fromkeys(_OUTPUTS),
            "observed_at": refuse_when_known(self, opts),
        }
        super().__init__(TrustedIdentityProviderProvider(), resource_name, props, opts)


def _name_once_known(passive: PassiveTrustCertificate) -> pulumi.Output[str]:
    """Return the generation once its certificate is known: unknown says that the certificate is yet to come.

    A preview shows the name, never the fingerprint: after a swap that is the signer's, and would look lost where
    `passive` is removed.
    """
    return pulumi.Output.all(passive.generation, passive.fingerprint).apply(lambda known: str(known[0]))
