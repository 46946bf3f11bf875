"""The arguments, inputs and state of ActiveTrustCertificate."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from msgspec.structs import replace

from btp_trust.arguments import fingerprint_argument
from btp_trust.property_bag import ResourceArgs, SignerSummary

PREVIEW_ONLY: Final = ("step",)
"""Inputs that are no outputs: check adds them for the preview and the update."""


class ActiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of ActiveTrustCertificate."""

    may_be_unknown: ClassVar = ("rotation",)

    rotation: str | None = None
    """The generation that the RotationTrigger of `rotation=` declares; UNKNOWN while a preview lacks it."""
    generate: bool = False
    renew_fingerprint: str | None = None
    accept_outage: bool = False

    def normalized(self) -> Self:
        """Write the fingerprint as certificates have it."""
        text = self.renew_fingerprint
        renewed = None if text is None else fingerprint_argument(text, "renew_fingerprint")
        return replace(super().normalized(), renew_fingerprint=renewed)


class ActiveInputs(ActiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """ActiveTrustCertificate after check."""

    signer: SignerSummary | None = None
    step: str | None = None
    """What the last deployment that wrote did, or this one does."""


class ActiveState(ActiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of ActiveTrustCertificate, as far as the next command reads them."""

    fingerprint: str
    observed_at: str | None = None
