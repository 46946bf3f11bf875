"""What the resources have in common: outputs, a connection that may be the default one, settings that are right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.config import CONFIG

from btp_trust.resources.settings import NAMESPACE, Setting, invalid_settings
from btp_trust.secret_guard.detection import find_secret
from btp_trust.secret_guard.guard import refuse_secrets
from btp_trust.service.credentials.environment import DEFAULT_CONNECTION

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
_PLUGIN: Final = "pulumi-python:dynamic:Resource"
"""A type of the plugin that runs this provider."""


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
        refuse_invalid_settings()
        refuse_imports(type(self).__name__, resource_name, opts)
        outputs = dict.fromkeys(_CERTIFICATE_OUTPUTS)
        judged = refuse_when_known(self, opts)
        super().__init__(provider, resource_name, {**outputs, **props, "observed_at": judged}, opts)


def unless_default(connection: str) -> str | None:
    """Give an input of the connection only where it is another one than the default."""
    return None if connection == DEFAULT_CONNECTION else connection


def refuse_invalid_settings() -> None:
    """Stop a program whose settings hold a secret for all to read, or a key that nothing reads.

    Raises:
        pulumi.RunError: One does.
    """
    given = {**pulumi.runtime.get_config_env(), **CONFIG.get()}
    _refuse(Setting(key, value, pulumi.runtime.is_config_secret(key)) for key, value in given.items())


def refuse_when_known(resource: pulumi.Resource, opts: pulumi.ResourceOptions | None) -> pulumi.Output[Any]:
    """Refuse what is amiss in an explicit provider and in the options, once outputs tell what they are.

    Returns:
        An input without a value, which the resource waits for: nothing is done with a key that is for all to read.
    """
    return pulumi.Output.from_input(_refuse_known(resource, None if opts is None else opts.replacement_trigger))


async def _refuse_known(resource: pulumi.Resource, trigger: pulumi.Input[Any] | None) -> Any:
    given = pulumi.Output.from_input(trigger)
    if not await given.is_secret():
        refuse_secrets({"replacement_trigger": await given.future()})
    provider = resource.get_provider(_PLUGIN)
    outputs = {} if provider is None else vars(provider)
    _refuse(
        [
            _setting(name, await value.future(), is_secret=await value.is_secret())
            for name, value in outputs.items()
            if isinstance(value, pulumi.Output)
        ],
        is_provider=True,
    )


def _setting(name: str, value: object, *, is_secret: bool) -> Setting:
    """Take a property of a provider as a setting; one that holds a secret is meant as one of ours."""
    is_misnamed = ":" not in name and find_secret(value) is not None
    return Setting(f"{NAMESPACE}:{name}" if is_misnamed else name, value, is_secret)


def _refuse(settings: Iterable[Setting], *, is_provider: bool = False) -> None:
    for parts in invalid_settings(settings, pulumi.get_project(), is_provider=is_provider):
        raise pulumi.RunError("\n".join(parts))


def refuse_imports(kind: str, resource_name: str, opts: pulumi.ResourceOptions | None) -> None:
    """Stop a program that would have Pulumi read a resource by its ID, which tells nothing of its connection."""
    for option, given in (("import_", opts and opts.import_), ("id", opts and opts.id)):
        if given is not None:
            raise pulumi.RunError(
                f"{kind} {resource_name!r} cannot be imported by {option}=: it adopts by itself.\n"
                "Pulumi would read it by an ID alone, and that tells nothing of its connection and its generations.\n"
                f"Remove {option}= from its options: its first deployment takes up what is there, as its preview says."
            )
