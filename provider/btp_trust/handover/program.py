"""Hand-over in a Pulumi program: of resources and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol

import pulumi

from btp_trust.handover.hand_over import MARGIN_DAYS, HandOver, not_a_certificate_error
from btp_trust.handover.target import Target
from btp_trust.secret_guard.guard import refuses_secret_arguments


class HasCertificate(Protocol):
    """An ActiveTrustCertificate, a PassiveTrustCertificate, a RotationTrigger."""

    @property
    def certificate(self) -> pulumi.Output[str]:
        """PEM."""


@refuses_secret_arguments
def hand_over(
    target: Target,
    *,
    certificate: HasCertificate | pulumi.Input[str],
    replaces: HasCertificate | pulumi.Input[str] | None = None,
    upload_by: date | str | None = None,
    margin_days: int = MARGIN_DAYS,
) -> pulumi.Output[Mapping[str, Any]]:
    """Make what a target's administrator is given, as an output to export or to pass on.

    It makes no resource, calls nothing and writes nothing. In a preview it is unknown as long as the certificate is.

    Args:
        target: The system.
        certificate: The PassiveTrustCertificate to be handed over, or its PEM.
        replaces: The ActiveTrustCertificate that signs, or its PEM. After the swap both are the same certificate, and
            the page says that it signs already.
        upload_by: The last day, a date or YYYY-MM-DD. Without it: `margin_days` before the certificate that signs
            expires, but at most half of the time between the new one's making and that.
        margin_days: Days, not negative.

    Returns:
        A mapping with the fields of HandOver, and `page`, all of it as Markdown for a ticket.

    Raises:
        Refused: An argument is no certificate. When the certificates are known, also: they are of two issuers, the
            day is none.
    """

    def make(pems: list[Any]) -> Mapping[str, Any]:
        new, old = pems
        made = HandOver.of(target, certificate=new, replaces=old, upload_by=upload_by, margin_days=margin_days)
        return made.to_dict()

    return pulumi.Output.all(_pem_of(certificate, "certificate"), _pem_of(replaces, "replaces")).apply(make)


def _pem_of(given: Any, prop: str) -> Any:
    """Take the output of a resource; an Output itself would lift any attribute that it is asked for."""
    if not isinstance(given, pulumi.Resource):
        return given
    if not hasattr(given, "certificate"):
        raise not_a_certificate_error(prop, f"a {type(given).__name__} has none")
    return given.certificate
