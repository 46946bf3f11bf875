"""What the resources have in common: outputs, a connection that may be the default one, no plain service key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi.dynamic import Resource

from btp_trust.service.environment import DEFAULT
from btp_trust.service.users import SECRETS

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
_OF_KEYS: Final = ("control over all destinations of the subaccount", "renew the service key")
_OF_USERS: Final = ("the rights of that user in every target system", "change the user's password or revoke the token")
_SECRETS: Final = {
    "btp-trust:serviceKey": _OF_KEYS,
    "btp-trust:connections": _OF_KEYS,
    **dict.fromkeys(SECRETS, _OF_USERS),
}
"""{key of the configuration: what it is good for, what to do if it was seen}."""


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
        refuse_plain_secrets()
        refuse_imports(type(self).__name__, resource_name, opts)
        outputs = dict.fromkeys((*_CERTIFICATE_OUTPUTS, "observed_at"))
        super().__init__(provider, resource_name, {**outputs, **props}, opts)


def unless_default(connection: str) -> str | None:
    """Give an input of the connection only where it is another one than the default."""
    return None if connection == DEFAULT else connection


def refuse_imports(kind: str, resource_name: str, opts: pulumi.ResourceOptions | None) -> None:
    """Stop a program that would have Pulumi read a resource by its ID, which tells nothing of its connection."""
    for option, given in (("import_", opts and opts.import_), ("id", opts and opts.id)):
        if given is not None:
            raise pulumi.RunError(
                f"{kind} {resource_name!r} cannot be imported by {option}=: it adopts by itself.\n"
                "Pulumi would read it by an ID alone, and that tells nothing of its connection and its generations.\n"
                f"Remove {option}= from its options: its first deployment takes up what is there, as its preview says."
            )


def refuse_plain_secrets() -> None:
    """Stop a program that would put a secret into the stack's settings for all to read."""
    for key, (power, renew) in _SECRETS.items():
        if pulumi.runtime.get_config(key) is not None and not pulumi.runtime.is_config_secret(key):
            raise pulumi.RunError(
                f"The config {key} is in plain text.\n"
                f"It gives whoever reads the stack's settings {power}.\n"
                f"Set it anew as a secret, and {renew}: pulumi config set --secret {key} …"
            )
