"""The resource PassiveTrustCertificate."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, cast
from weakref import WeakSet

import pulumi

from btp_trust.arguments import ANNOUNCED, DEFAULT_CONNECTION
from btp_trust.providers import PassiveTrustCertificateProvider
from btp_trust.resources.base import TrustResource, unless_default
from btp_trust.resources.registry import announce, declare_once, find_declared, unlinked_candidate_error, warned_by
from btp_trust.secret_guard.guard import refuses_secret_arguments

_retained: Final[WeakSet[pulumi.Resource]] = WeakSet()
_PASSIVE_TYPE = "pulumi-python:dynamic/btp-trust:PassiveTrustCertificate"


class PassiveTrustCertificate(TrustResource, module="btp-trust", name="PassiveTrustCertificate"):
    """The certificate generated for one generation.

    Deploying the resource generates the passive trust certificate, which waits for a rotation. The resource keeps its
    certificate when a RotationTrigger makes it sign. One per connection.

    Removing the resource empties the passive slot, if that holds this certificate or the older one that it displaced.

    Args:
        resource_name: Pulumi's name of the resource.
        generation: Your name for the certificate. Use each name once: a new name generates a new certificate. An
            earlier name adopts its certificate again, if a slot still holds it.
        adopt: SHA-256 fingerprint: adopt exactly this certificate, from either slot, instead of generating one.
        replace: SHA-256 fingerprint: allow to overwrite this certificate, which this stack did not create.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        display_name: Name of the subaccount for people, in all lines and errors; without it, its subdomain.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program declares a second one on this connection, or keeps a service key in plain text.
    """

    generation: pulumi.Output[str]
    """The name as given."""
    adopt: pulumi.Output[str | None]
    """As given."""
    generations: pulumi.Output[Mapping[str, str]]
    """All names that this resource ever bound: {name: fingerprint}."""

    @refuses_secret_arguments
    def __init__(
        self,
        resource_name: str,
        generation: pulumi.Input[str],
        *,
        adopt: pulumi.Input[str] | None = None,
        replace: pulumi.Input[str] | None = None,
        connection: str = DEFAULT_CONNECTION,
        subaccount_id: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        declare_once("PassiveTrustCertificate", connection, resource_name, self)
        if opts is not None and opts.retain_on_delete:
            _retained.add(self)
        # A trigger that was declared before this line has another candidate, or none.
        if find_declared("RotationTrigger", connection) is not None:
            raise unlinked_candidate_error(connection)
        props = {
            "generation": generation,
            "adopt": adopt,
            "replace": replace,
            "connection": unless_default(connection),
            ANNOUNCED: announce(self, connection, subaccount_id),
            "subaccount_id": subaccount_id,
            "display_name": display_name,
            # Check gets no options, and the preview of a removal says what it deletes.
            "retain_on_delete": True if opts is not None and opts.retain_on_delete else None,
            # Check and delete get no URN, and the remedy of a failed deletion names it.
            "resource_urn": _urn(resource_name, opts.parent if opts else None),
            "warned_by": warned_by(connection, "RotationTrigger"),
            "generations": None,
        }
        super().__init__(PassiveTrustCertificateProvider(), resource_name, props, opts)


def is_retained(resource: PassiveTrustCertificate) -> bool:
    """Return True if the resource's own options have `retain_on_delete`; Pulumi hides that of a component."""
    return resource in _retained


def _urn(resource_name: str, parent: pulumi.Resource | None) -> pulumi.Output[str]:
    """Compute the URN of a PassiveTrustCertificate."""
    # A new Output without the parent among its resources: an input that depends on the parent would wait for itself.
    urn = pulumi.create_urn(resource_name, _PASSIVE_TYPE, parent)
    return pulumi.Output(set(), cast("Awaitable[str]", urn.future()), urn.is_known())
