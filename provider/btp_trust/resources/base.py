"""Common parts of the resources: outputs, the connection, and the checks of settings and options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.config import CONFIG

from btp_trust.arguments import ANNOUNCED, DEFAULT_CONNECTION
from btp_trust.resources.event_loop import wait_for_outputs_at_once
from btp_trust.resources.pickling import pickler_kept
from btp_trust.resources.settings import NAMESPACE, Setting, invalid_settings
from btp_trust.secret_guard.detection import find_secret
from btp_trust.secret_guard.guard import refuse_secrets

_OUTPUTS = (
    "subaccount",
    "fingerprint",
    "certificate",
    "certificate_body",
    "metadata",
    "issuer_name",
    "serial_number",
    "not_before",
    "not_after",
)
_PLUGIN: Final = "pulumi-python:dynamic:Resource"
"""Type of a resource of the plugin that runs this provider: an explicit provider is found by it."""


class TrustResource(Resource):
    """A resource of one connection that reports one certificate."""

    subaccount_id: pulumi.Output[str]
    """GUID of the subaccount that the resource belongs to: given, or recorded by its first deployment."""
    subaccount: pulumi.Output[str]
    """The subaccount in words: its name and eight digits of its GUID, as lines and errors have it."""
    fingerprint: pulumi.Output[str]
    """SHA-256 of the DER, 64 lower-case hexadecimal digits."""
    certificate: pulumi.Output[str]
    """PEM: 64 columns, line feeds."""
    certificate_body: pulumi.Output[str]
    """Base64 of the DER without header and line breaks, as SuccessFactors and SAP BTP Neo expect it."""
    metadata: pulumi.Output[str]
    """SAML 2.0 metadata of the subaccount as identity provider, with exactly this certificate."""
    issuer_name: pulumi.Output[str]
    """Common name of the certificate: the provider name and entity ID that targets expect."""
    serial_number: pulumi.Output[str]
    """Content of the DER INTEGER, hexadecimal; if the first digit is above 7, tools print the number as negative."""
    not_before: pulumi.Output[str]
    """RFC 3339, UTC."""
    not_after: pulumi.Output[str]
    """RFC 3339, UTC."""
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
        wait_for_outputs_at_once()
        refuse_imports(type(self).__name__, resource_name, opts)
        # Pulumi gives a dynamic resource only the attributes that are in its props, so outputs are there as None.
        outputs = dict.fromkeys(_OUTPUTS)
        # `observed_at` is an output, which has no value as an input: as one, it carries the wait for the checks.
        checked = refuse_when_known(self, opts)
        inputs = {**outputs, **props, "observed_at": checked}
        # Pulumi awaits inputs in their order: what is announced is found out once all others have their values.
        inputs[ANNOUNCED] = inputs.pop(ANNOUNCED, None)
        with pickler_kept():
            super().__init__(provider, resource_name, inputs, opts)
        # Pulumi makes an attribute of each input, and `pulumi.export(name, resource)` would show this one.
        vars(self).pop(ANNOUNCED, None)


def explicit_provider(resource: pulumi.Resource) -> pulumi.ProviderResource | None:
    """Return the explicit provider that runs a resource: of its options, or of its parent; None for Pulumi's own."""
    # A constructor that was refused, which the program may have caught, has left the resource without this.
    return resource.get_provider(_PLUGIN) if hasattr(resource, "_providers") else None


def unless_default(connection: str) -> str | None:
    """Return the input of a connection: None for the default, so that writing the default out changes nothing."""
    return None if connection == DEFAULT_CONNECTION else connection


def refuse_invalid_settings() -> None:
    """Stop a program whose settings have a secret in plain text, or an unknown key.

    Raises:
        pulumi.RunError: A setting is invalid.
    """
    config = {**pulumi.runtime.get_config_env(), **CONFIG.get()}
    _refuse(Setting(key, value, pulumi.runtime.is_config_secret(key)) for key, value in config.items())


def refuse_when_known(resource: pulumi.Resource, opts: pulumi.ResourceOptions | None) -> pulumi.Output[Any]:
    """Refuse invalid properties of an explicit provider, and secrets in the options, once their outputs are known.

    Returns:
        An input without a value that the resource waits for, so that a key in plain text is refused before it is used.
    """
    return pulumi.Output.from_input(_refuse_known(resource, None if opts is None else opts.replacement_trigger))


async def _refuse_known(resource: pulumi.Resource, trigger: pulumi.Input[Any] | None) -> Any:
    output = pulumi.Output.from_input(trigger)
    if not await output.is_secret():
        refuse_secrets({"replacement_trigger": await output.future()})
    # Pulumi keeps the properties of an explicit provider as attributes, and each is an output.
    provider = explicit_provider(resource)
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
    """Convert a property of an explicit provider to a setting; one that holds a secret counts as ours."""
    is_misnamed = ":" not in name and find_secret(value) is not None
    return Setting(f"{NAMESPACE}:{name}" if is_misnamed else name, value, is_secret)


def _refuse(settings: Iterable[Setting], *, is_provider: bool = False) -> None:
    for parts in invalid_settings(settings, pulumi.get_project(), is_provider=is_provider):
        raise pulumi.RunError("\n".join(parts))


def refuse_imports(kind: str, resource_name: str, opts: pulumi.ResourceOptions | None) -> None:
    """Stop a program that imports a resource by its ID."""
    for option, resource_id in (("import_", opts and opts.import_), ("id", opts and opts.id)):
        if resource_id is not None:
            raise pulumi.RunError(
                f"{kind} {resource_name!r} cannot be imported by {option}=: it adopts by itself.\n"
                "Pulumi would read it by an ID alone, which leaves its connection and its generations open.\n"
                f"Remove {option}= from its options: its first deployment adopts what is there, as its preview says."
            )
