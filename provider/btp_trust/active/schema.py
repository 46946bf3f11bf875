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
    set_by_resource: ClassVar = ("warned_by",)

    rotation: str | None = None
    """The generation that the RotationTrigger of `rotation=` declares; UNKNOWN while a preview lacks it."""
    generate: bool = False
    renew_fingerprint: str | None = None
    accept_outage: bool = False
    warned_by: str | None = None
    """The resource of the program that warns of the signer in place of this one, unless `rotation` is given."""

    @property
    def warns_of_expiry(self) -> bool:
        """Return True if no other resource of the program does."""
        return self.rotation is None and self.warned_by is None

    @property
    def warns_of_change(self) -> bool:
        """Return True if no RotationTrigger does: that one knows which signer is declared."""
        return self.rotation is None and self.warned_by != "RotationTrigger"

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
    not_after: str | None = None
    observed_at: str | None = None
    recorded_signer: str | None = None
    """The signer of the last deployment, while a refresh has found another one."""

    @property
    def deployed_signer(self) -> str:
        """Fingerprint of the signer that the last deployment recorded."""
        return self.recorded_signer or self.fingerprint
