"""What the resources have in common: outputs, a connection that may be the default one, no plain service key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from btp_trust.service.connections import DEFAULT

_CERTIFICATE_OUTPUTS = (
    "fingerprint",
    "certificate",
    "certificate_body",
    "metadata",
    "issuer_name",
    "serial_number",
    "not_before",
    "not_after",
    "role",
)


class TrustResource(Resource):
    """What the resources have in common: a connection, a subaccount, and the certificate that they report."""

    subaccount_id: pulumi.Output[str]
    """GUID of the subaccount that the resource belongs to: given, or recorded by its first deployment."""
    fingerprint: pulumi.Output[str]
    """SHA-256 of the DER, 64 lower-case hexadecimal digits."""
    certificate: pulumi.Output[str]
    """PEM: 64 columns, line feeds."""
    certificate_body: pulumi.Output[str]
    """Base64 of the DER without header and line breaks, as SuccessFactors and SAP BTP Neo want it."""
    metadata: pulumi.Output[str]
    """SAML 2.0 metadata of the subaccount as identity provider, with exactly this certificate."""
    issuer_name: pulumi.Output[str]
    """Common name of the certificate: the provider name and entity ID that targets want."""
    serial_number: pulumi.Output[str]
    """Content of the DER INTEGER, hexadecimal; a first digit above 7 means that tools print it as negative."""
    not_before: pulumi.Output[str]
    """RFC 3339, UTC."""
    not_after: pulumi.Output[str]
    """RFC 3339, UTC."""
    role: pulumi.Output[str]
    """`active`, `passive` or `gone`, as last observed."""
    observed_at: pulumi.Output[str]
    """When the last deployment that changed the resource observed the slots, RFC 3339, UTC."""

    def __init__(
        self,
        provider: pulumi.dynamic.ResourceProvider,
        resource_name: str,
        props: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        refuse_plain_service_key()
        outputs = dict.fromkeys((*_CERTIFICATE_OUTPUTS, "observed_at"))
        super().__init__(provider, resource_name, {**outputs, **props}, opts)


def unless_default(connection: str) -> str | None:
    """Give an input of the connection only where it is another one than the default."""
    return None if connection == DEFAULT else connection


def refuse_plain_service_key() -> None:
    """Stop a program that would put a service key into the stack's settings for all to read."""
    for key in ("btp-trust:serviceKey", "btp-trust:connections"):
        if pulumi.runtime.get_config(key) is not None and not pulumi.runtime.is_config_secret(key):
            raise pulumi.RunError(
                f"The config {key} is in plain text.\n"
                "It gives whoever reads the stack's settings control over all destinations of the subaccount.\n"
                f"Set it anew as a secret, and renew the service key: pulumi config set --secret {key} …"
            )
