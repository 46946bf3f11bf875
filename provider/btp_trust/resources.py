"""The resources that a program declares."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import pulumi
from pulumi.dynamic import Resource

from btp_trust.providers import (
    ActiveTrustCertificateProvider,
    PassiveTrustCertificateProvider,
    RotationTriggerProvider,
)
from btp_trust.service.environment import DEFAULT

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
_PASSIVE_TYPE = "pulumi-python:dynamic/btp-trust:PassiveTrustCertificate"
_declared: WeakKeyDictionary[Any, dict[tuple[str, str], Resource]] = WeakKeyDictionary()
"""What each program declares: {(kind, connection): resource}."""


class _TrustResource(Resource):
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
        _refuse_plain_service_key()
        outputs = dict.fromkeys((*_CERTIFICATE_OUTPUTS, "observed_at"))
        super().__init__(provider, resource_name, {**outputs, **props}, opts)


class PassiveTrustCertificate(_TrustResource, module="btp-trust", name="PassiveTrustCertificate"):
    """The certificate minted for one generation.

    Deploying it generates the passive trust certificate; nothing signs with it yet. It stays the same certificate
    when a RotationTrigger makes it sign: `role` changes, `fingerprint` does not. One per connection.

    Removing it empties the passive slot, if that holds this certificate or the older one that it displaced.

    Args:
        resource_name: Pulumi's name of the resource.
        generation: Your name for the certificate, used once: a new name mints a new certificate. An earlier name
            takes up its certificate again, if a slot still holds it.
        adopt: SHA-256 fingerprint: take up exactly this certificate from whichever slot holds it, mint nothing.
        replace: SHA-256 fingerprint: allow to overwrite this certificate, which the resource did not make.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one on this connection, or keeps a service key in plain text.
    """

    generation: pulumi.Output[str]
    """The name as given."""
    generations: pulumi.Output[Mapping[str, str]]
    """All names that this resource ever bound: {name: fingerprint}."""

    def __init__(
        self,
        resource_name: str,
        generation: pulumi.Input[str],
        *,
        adopt: pulumi.Input[str] | None = None,
        replace: pulumi.Input[str] | None = None,
        connection: str = DEFAULT,
        subaccount_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        _declare_once("PassiveTrustCertificate", connection, self)
        if _find("RotationTrigger", connection) is not None:
            raise _not_the_candidate(connection)
        props = {
            "generation": generation,
            "adopt": adopt,
            "replace": replace,
            "connection": _unless_default(connection),
            "subaccount_id": subaccount_id,
            "resource_urn": _urn(resource_name, opts.parent if opts else None),
            "generations": None,
        }
        super().__init__(PassiveTrustCertificateProvider(), resource_name, props, opts)


class RotationTrigger(_TrustResource, module="btp-trust", name="RotationTrigger"):
    """Declares which generation signs.

    Changing `generation` swaps the active and the passive certificate, once, and only if both slots hold exactly
    the certificates that were previewed. Changing it back is the way back. Creating it never swaps: it records
    what signs under the given name. Deleting it calls nothing. One per connection.

    The certificate outputs report what signs now.

    Args:
        resource_name: Pulumi's name of the resource.
        generation: Name of the generation that shall sign.
        candidate: The PassiveTrustCertificate whose generations may be declared here.
        known_generations: {name: SHA-256 fingerprint}: names taught by hand, after a rename, a lost state, or a
            colleague's work.
        on_drift: What to do if somebody else swapped: `report` (default) says so and changes nothing; `restore`
            plans the swap back.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one on this connection, or keeps a service key in plain text.
    """

    generation: pulumi.Output[str]
    """The name as given."""
    signing: pulumi.Output[Mapping[str, str]]
    """{fingerprint, not_after} of the declared certificate; known in a preview."""
    swap_number: pulumi.Output[int]
    """How many swaps this trigger has made."""
    previous_fingerprint: pulumi.Output[str | None]
    """What signed before the last change that this trigger made or saw."""
    rotated_at: pulumi.Output[str | None]
    """When that was, RFC 3339, UTC."""

    def __init__(
        self,
        resource_name: str,
        generation: pulumi.Input[str],
        *,
        candidate: PassiveTrustCertificate | None = None,
        known_generations: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        on_drift: pulumi.Input[Literal["report", "restore"]] | None = None,
        connection: str = DEFAULT,
        subaccount_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        _declare_once("RotationTrigger", connection, self)
        if _find("PassiveTrustCertificate", connection) not in (None, candidate):
            raise _not_the_candidate(connection)
        props = {
            "generation": generation,
            "candidate": None if candidate is None else _candidate(candidate),
            "known_generations": known_generations,
            "on_drift": on_drift,
            "connection": _unless_default(connection),
            "subaccount_id": subaccount_id,
            **dict.fromkeys(("signing", "swap_number", "previous_fingerprint", "rotated_at")),
        }
        super().__init__(RotationTriggerProvider(), resource_name, props, opts)


class ActiveTrustCertificate(_TrustResource, module="btp-trust", name="ActiveTrustCertificate"):
    """The certificate that signs.

    Deploying it adopts the active trust certificate that the subaccount has, and calls nothing. Its outputs follow
    the signing slot. Removing it leaves the certificate in place: the API cannot delete it.

    Args:
        resource_name: Pulumi's name of the resource.
        rotation: The RotationTrigger of the same connection: report what signs once it has done its work, in the
            same deployment. Without it, one update that calls nothing follows a swap.
        generate: Make the first certificate if the subaccount has none.
        renew_fingerprint: SHA-256 fingerprint of the active certificate: renew exactly this one in place. Every
            target refuses until it has the new certificate, so `accept_outage` is needed; rotate instead.
        accept_outage: Accept that outage.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program keeps a service key in plain text.
    """

    signing: pulumi.Output[Mapping[str, str]]
    """{fingerprint, not_after} of what signs after this deployment; known in a preview."""

    def __init__(
        self,
        resource_name: str,
        *,
        rotation: RotationTrigger | None = None,
        generate: pulumi.Input[bool] | None = None,
        renew_fingerprint: pulumi.Input[str] | None = None,
        accept_outage: pulumi.Input[bool] | None = None,
        connection: str = DEFAULT,
        subaccount_id: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if rotation is not None and _find("RotationTrigger", connection) is not rotation:
            raise _foreign_rotation(connection)
        props = {
            "rotation": None if rotation is None else rotation.generation,
            "generate": generate,
            "renew_fingerprint": renew_fingerprint,
            "accept_outage": accept_outage,
            "connection": _unless_default(connection),
            "subaccount_id": subaccount_id,
            "signing": None,
        }
        super().__init__(ActiveTrustCertificateProvider(), resource_name, props, opts)


def _candidate(candidate: PassiveTrustCertificate) -> Mapping[str, pulumi.Input[Any]]:
    return {
        "generation": candidate.generation,
        "generations": candidate.generations,
        "subaccount_id": candidate.subaccount_id,
    }


def _urn(resource_name: str, parent: pulumi.Resource | None) -> pulumi.Output[str]:
    """Compute the URN of a PassiveTrustCertificate; to wait for the parent would be to wait for itself."""
    urn = pulumi.create_urn(resource_name, _PASSIVE_TYPE, parent)
    return pulumi.Output(set(), cast("Awaitable[str]", urn.future()), urn.is_known())


def _unless_default(connection: str) -> str | None:
    return None if connection == DEFAULT else connection


def _of_this_program() -> dict[tuple[str, str], Resource]:
    return _declared.setdefault(pulumi.runtime.get_root_resource() or pulumi.runtime.settings.SETTINGS, {})


def _find(kind: str, connection: str) -> Resource | None:
    return _of_this_program().get((kind, connection))


def _declare_once(kind: str, connection: str, resource: Resource) -> None:
    """Refuse a second one in the same program: the two would undo each other."""
    if _find(kind, connection) is not None:
        raise pulumi.RunError(
            f"A second {kind} on connection {connection!r}.\n"
            "A subaccount has one active and one passive certificate; two of them would undo each other.\n"
            "Remove one, or give it the connection= of another subaccount."
        )
    _of_this_program()[kind, connection] = resource


def _not_the_candidate(connection: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"PassiveTrustCertificate and RotationTrigger on connection {connection!r} do not know each other.\n"
        "Without candidate= they run in any order, and the one changes the slots that the other was previewed for.\n"
        "Declare PassiveTrustCertificate first, and pass it: RotationTrigger(…, candidate=<it>)."
    )


def _foreign_rotation(connection: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"rotation= is not the RotationTrigger of connection {connection!r}.\n"
        "It swaps the certificates of another subaccount, so this one would report what never happens here.\n"
        "Give both the same connection=."
    )


def _refuse_plain_service_key() -> None:
    for key in ("btp-trust:serviceKey", "btp-trust:connections"):
        if pulumi.runtime.get_config(key) is not None and not pulumi.runtime.is_config_secret(key):
            raise pulumi.RunError(
                f"The config {key} is in plain text.\n"
                "It gives whoever reads the stack's settings control over all destinations of the subaccount.\n"
                f"Set it anew as a secret, and renew the service key: pulumi config set --secret {key} …"
            )
