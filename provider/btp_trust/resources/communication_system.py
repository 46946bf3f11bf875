"""The resource CommunicationSystemTrust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pulumi
from pulumi.dynamic import Resource

from btp_trust.providers import CommunicationSystemTrustProvider
from btp_trust.resources.base import TrustResource, refuse_imports, refuse_invalid_settings, refuse_when_known
from btp_trust.resources.registry import after_switchover, declare_system, switched_by
from btp_trust.secret_guard.guard import refuses_secret_arguments

_OUTPUTS = ("tenant", "trusted", "provider_name", "active", "not_after", "drift")
_DEFAULT_BLOCK = "oauth2"


class CommunicationSystemTrust(Resource, module="btp-trust", name="CommunicationSystemTrust"):
    """What one block of a communication system of S/4HANA Cloud or of the ABAP environment trusts.

    Such a block holds one certificate. Deploying the resource adopts the block as it is, and sends nothing; its outputs
    follow the block. With `certificate`, later deployments let the block trust that certificate, each as its preview
    says. Passed to RotationTrigger as `switches`, the block changes over with the signer, in the same deployment.
    Removing the resource leaves the system as it is.

    Args:
        resource_name: Pulumi's name of the resource.
        connection: Name of the connection to the tenant: a communication user of SAP_COM_0A48.
        system: ID of the communication system (column System ID in the app Communication Systems), for good.
        block: Which of its blocks, for good: "oauth2" (default), the OAuth 2.0 Identity Provider, which accepts
            destinations with OAuth2SAMLBearerAssertion; or "saml-bearer", the SAML Bearer Assertion Provider, for
            those with SAMLAssertion.
        certificate: What the block is to trust: an ActiveTrustCertificate, or a certificate in PEM. Without it, the
            resource only follows the block.
        certificate_format: How a certificate is written into an empty field, which shows no format of its own:
            "certificate" (DER in base64), "pem" (with BEGIN and END, without line breaks) or "key" (the public key).
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one for this block, or it keeps credentials in plain text.
    """

    connection: pulumi.Output[str]
    """Name of the connection."""
    system: pulumi.Output[str]
    """ID of the communication system."""
    block: pulumi.Output[str]
    """The block."""
    certificate_format: pulumi.Output[str | None]
    """The format for an empty field, if it was given."""
    tenant: pulumi.Output[str]
    """Address of the tenant, as the first deployment recorded it; the resource stays there."""
    trusted: pulumi.Output[Sequence[str]]
    """What the block trusts, as it was read: the SHA-256 fingerprint of its certificate; or `key:` and the SHA-256 of
    its public key, where the system keeps keys alone. A value for `trusted_by`. Empty for an empty block."""
    provider_name: pulumi.Output[str | None]
    """Name of the provider that the block trusts: the issuer of assertions."""
    active: pulumi.Output[bool]
    """Whether the block is active; an inactive one refuses every assertion."""
    not_after: pulumi.Output[str | None]
    """When the certificate expires, RFC 3339, UTC; None for a key, and for an empty block."""
    drift: pulumi.Output[str | None]
    """What a refresh has found to differ from the last deployment; None after a deployment."""
    observed_at: pulumi.Output[str]
    """When the last deployment that changed the resource read it, RFC 3339, UTC."""

    @refuses_secret_arguments
    def __init__(
        self,
        resource_name: str,
        *,
        connection: str,
        system: pulumi.Input[str],
        block: pulumi.Input[Literal["oauth2", "saml-bearer"]] | None = None,
        certificate: TrustResource | pulumi.Input[str] | None = None,
        certificate_format: pulumi.Input[Literal["certificate", "pem", "key"]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        refuse_invalid_settings()
        refuse_imports(type(self).__name__, resource_name, opts)
        declare_system(connection, system, block or _DEFAULT_BLOCK, resource_name, self)
        props = {
            "connection": connection,
            "system": system,
            # Left out, so that writing the default out changes nothing.
            "block": None if block == _DEFAULT_BLOCK else block,
            "certificate": certificate.certificate if isinstance(certificate, TrustResource) else certificate,
            "certificate_format": certificate_format,
            "switched_by": switched_by(self),
            **dict.fromkeys(_OUTPUTS),
            "observed_at": refuse_when_known(self, opts),
        }
        self.switch_arguments: Mapping[str, pulumi.Input[Any]] = {
            name: props[name] for name in ("connection", "system", "block", "certificate_format")
        }
        """How a RotationTrigger finds the block: as arguments, because outputs would make it wait for this resource,
        which follows the trigger."""
        ordered = pulumi.ResourceOptions.merge(opts, after_switchover(self))
        super().__init__(CommunicationSystemTrustProvider(), resource_name, props, ordered)
