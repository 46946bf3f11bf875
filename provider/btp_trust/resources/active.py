"""The resource ActiveTrustCertificate."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from btp_trust.arguments import ANNOUNCED, DEFAULT_CONNECTION
from btp_trust.providers import ActiveTrustCertificateProvider
from btp_trust.resources.base import TrustResource, unless_default
from btp_trust.resources.registry import announce, belongs_to, warned_by
from btp_trust.resources.rotation import RotationTrigger
from btp_trust.secret_guard.guard import refuses_secret_arguments


class ActiveTrustCertificate(TrustResource, module="btp-trust", name="ActiveTrustCertificate"):
    """The active trust certificate of a subaccount: the one that signs.

    Deploying the resource adopts the active certificate as it is. Its outputs follow the active slot. Removing it
    leaves the certificate in place, for the API lacks a call to delete it.

    Args:
        resource_name: Pulumi's name of the resource.
        rotation: The RotationTrigger of the same connection: report the signer after that trigger has finished, in the
            same deployment. By default, a swap is followed by one update that leaves the service as it is.
        generate: Generate the first certificate if the subaccount has none.
        renew_fingerprint: SHA-256 fingerprint of the active certificate: renew exactly this one in place. All targets
            reject assertions until they have the new certificate, so `accept_outage` is required. Rotate instead.
        accept_outage: Accept that outage.
        connection: Name of the connection (see the reference of connections).
        subaccount_id: GUID of the subaccount; refuse any other. Required with a binding found in the environment.
        display_name: Name of the subaccount for people, in all lines and errors; without it, its subdomain.
        opts: Pulumi's resource options.

    Raises:
        pulumi.RunError: The program keeps a service key in plain text.
    """

    signer: pulumi.Output[Mapping[str, str]]
    """{fingerprint, not_after} of the certificate that signs after this deployment; known in a preview."""
    role: pulumi.Output[str]
    """`active`; or `gone`, if a refresh found an empty slot."""
    renew_after: pulumi.Output[str]
    """When the warning of its expiry begins (`btp-trust:expiryWarning`), RFC 3339, UTC."""
    recorded_signer: pulumi.Output[str | None]
    """Fingerprint of the signer that the last deployment recorded, while a refresh has found another one."""

    @refuses_secret_arguments
    def __init__(
        self,
        resource_name: str,
        *,
        rotation: RotationTrigger | None = None,
        generate: pulumi.Input[bool] | None = None,
        renew_fingerprint: pulumi.Input[str] | None = None,
        accept_outage: pulumi.Input[bool] | None = None,
        connection: str = DEFAULT_CONNECTION,
        subaccount_id: pulumi.Input[str] | None = None,
        display_name: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        if rotation is not None and not belongs_to(connection, "RotationTrigger", rotation):
            raise _foreign_rotation(connection)
        props = {
            # An output of the trigger orders the two: the slots are read once the swap is done.
            "rotation": None if rotation is None else rotation.generation,
            "generate": generate,
            "renew_fingerprint": renew_fingerprint,
            "accept_outage": accept_outage,
            "connection": unless_default(connection),
            ANNOUNCED: announce(self, connection, subaccount_id),
            "subaccount_id": subaccount_id,
            "display_name": display_name,
            "warned_by": None
            if rotation is not None
            else warned_by(connection, "RotationTrigger", "PassiveTrustCertificate"),
            "signer": None,
            "role": None,
            "renew_after": None,
            "recorded_signer": None,
        }
        super().__init__(ActiveTrustCertificateProvider(), resource_name, props, opts)


def _foreign_rotation(connection: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"rotation= is not the RotationTrigger of connection {connection!r}.\n"
        "It swaps the certificates of another subaccount, so this resource would report what happens elsewhere.\n"
        "Give both the same connection=."
    )
