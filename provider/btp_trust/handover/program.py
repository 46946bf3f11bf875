"""Hand-over in a Pulumi program, made of resources and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

import pulumi

from btp_trust.handover.hand_over import MARGIN_DAYS, HandOver, not_a_certificate_error
from btp_trust.handover.target import Target
from btp_trust.secret_guard.guard import refuses_secret_arguments


class HasCertificate(Protocol):
    """An ActiveTrustCertificate, a PassiveTrustCertificate or a RotationTrigger."""

    @property
    def certificate(self) -> pulumi.Output[str]:
        """PEM."""


@refuses_secret_arguments
def hand_over(
    target: Target,
    *,
    certificate: HasCertificate | pulumi.Input[str],
    replaces: HasCertificate | pulumi.Input[str] | None = None,
    subaccount: pulumi.Input[str] | None = None,
    upload_by: date | str | None = None,
    margin_days: int = MARGIN_DAYS,
) -> pulumi.Output[Mapping[str, Any]]:
    """Make the hand-over for a target's administrator, as an output to export or to pass on.

    The function declares no resource, sends no request and writes no file. In a preview the output is unknown as long
    as the certificate is.

    Args:
        target: The system.
        certificate: The PassiveTrustCertificate to hand over, or its PEM.
        replaces: The ActiveTrustCertificate, or its PEM. After the swap both are the same certificate, and the page
            says that it signs already.
        subaccount: The subaccount whose certificate it is, in words. Default: the output `subaccount` of the resource.
        upload_by: The last day, a date or YYYY-MM-DD. Default: `margin_days` before the active certificate expires,
            but at most half of the time between the creation of the new one and that expiry.
        margin_days: Days, 0 or more.

    Returns:
        A mapping with the fields of HandOver, and `page`, the whole hand-over as Markdown for a ticket.

    Raises:
        Refused: An argument is not a certificate. Once the certificates are known, also: their issuers differ, or the
            day is invalid.
    """

    def make(known: list[Any]) -> Mapping[str, Any]:
        new, old, name = known
        return HandOver.of(
            target, certificate=new, replaces=old, subaccount=name, upload_by=upload_by, margin_days=margin_days
        ).to_dict()

    name = _subaccount_of(certificate) if subaccount is None else subaccount
    return pulumi.Output.all(_pem_of(certificate, "certificate"), _pem_of(replaces, "replaces"), name).apply(make)


def _pem_of(certificate: Any, prop: str) -> Any:
    """Return the PEM of a resource; return any other value as it is."""
    # `hasattr` alone would be True for each Output: an Output lifts all attributes.
    if not isinstance(certificate, pulumi.Resource):
        return certificate
    if not hasattr(certificate, "certificate"):
        raise not_a_certificate_error(prop, f"a {type(certificate).__name__} has no `certificate`")
    return certificate.certificate


def _subaccount_of(certificate: Any) -> Any:
    """Return the label of the subaccount that a resource belongs to."""
    return getattr(certificate, "subaccount", None) if isinstance(certificate, pulumi.Resource) else None
