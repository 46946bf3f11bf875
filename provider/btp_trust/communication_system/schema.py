"""The arguments, inputs and state of CommunicationSystemTrust."""

from __future__ import annotations

from typing import ClassVar, Final, Self

import msgspec
from msgspec.structs import replace

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import Refused
from btp_trust.property_bag import UNKNOWN, CommonArgs
from btp_trust.service.certificate_field import FieldFormat
from btp_trust.service.communication_systems import TrustBlock

PREVIEW_ONLY: Final = ("write",)
"""Inputs that are no outputs: check adds them for the preview and the update."""


class PlannedWrite(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The last write that was planned, as an input; it stays, as `PlannedSwap` does, until another one is planned.

    `SystemPlan.is_write_due` says whether it is due.
    """

    number: int
    """Counts the writes of the resource, so that each one is a change of the inputs."""
    step: str
    only_if_trusted: str
    """Precondition: what the block trusts, see `messages.identity_text`."""
    becomes: str


class SystemTrustArgs(CommonArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of CommunicationSystemTrust."""

    never_empty: ClassVar = ("connection", "system", "certificate")
    may_be_unknown: ClassVar = ("certificate",)
    set_by_resource: ClassVar = ("switched_by",)

    connection: str
    system: str
    block: TrustBlock = TrustBlock.OAUTH2
    certificate: str | None = None
    """PEM of the certificate that the block is declared to trust; UNKNOWN while a preview lacks it."""
    certificate_format: FieldFormat | None = None
    switched_by: str | None = None
    """The resource of the program that switches the block over, and warns of what it trusts in place of this one."""

    @property
    def declared(self) -> Certificate | None:
        """The certificate that the block is declared to trust, if it is known."""
        return None if self.certificate in {None, UNKNOWN} else parse_pem(self.certificate or "")

    def normalized(self) -> Self:
        """Write the certificate in one form of PEM.

        Raises:
            Refused: It is none.
        """
        args = super().normalized()
        try:
            declared = args.declared
        except ValueError as error:
            raise _no_certificate(str(error)) from None
        return replace(args, certificate=declared.pem if declared else args.certificate)


class SystemTrustInputs(SystemTrustArgs, frozen=True, omit_defaults=True, kw_only=True):
    """CommunicationSystemTrust after check."""

    tenant: str | None = None
    """Address of the tenant: the resource stays in it."""
    trusted: list[str] = []
    """What the block trusts after this deployment."""
    provider_name: str | None = None
    active: bool | None = None
    write: PlannedWrite | None = None


class SystemTrustState(SystemTrustArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of CommunicationSystemTrust, as far as the next command reads them."""

    tenant: str | None = None
    trusted: list[str] = []
    provider_name: str | None = None
    active: bool | None = None
    drift: str | None = None
    """What a refresh has found to differ from the last deployment; a deployment removes it."""
    observed_at: str | None = None

    @property
    def subaccount_id(self) -> None:
        """None: a communication system belongs to a tenant."""


def _no_certificate(why: str) -> Refused:
    return Refused(
        "The argument `certificate` cannot be used.",
        f"It holds {why}." if why.startswith("no ") else f"It is {why}.",
        "Give an ActiveTrustCertificate, its output `certificate`, or the PEM of a certificate.",
        prop="certificate",
    )
