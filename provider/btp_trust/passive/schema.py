"""The arguments, inputs and state of PassiveTrustCertificate."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from msgspec.structs import replace

from btp_trust.arguments import check_generation_name, fingerprint_argument
from btp_trust.property_bag import ResourceArgs, SignerSummary

PREVIEW_ONLY: Final = ("step", "replaces", "passive_slot", "earlier_generations")
"""Inputs that are no outputs: check adds them for the preview, the update, and the next check."""


class PassiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of PassiveTrustCertificate."""

    set_by_resource: ClassVar = ("resource_urn",)

    generation: str
    adopt: str | None = None
    replace: str | None = None
    resource_urn: str | None = None
    """Named by a deletion that fails: Pulumi keeps it from a provider."""

    def normalized(self) -> Self:
        """Write the fingerprints as certificates have them."""
        given = {"adopt": self.adopt, "replace": self.replace}
        written = {prop: fingerprint_argument(text, prop) for prop, text in given.items() if text is not None}
        check_generation_name(self.generation, "generation")
        return replace(super().normalized(), **written)


class PassiveInputs(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """PassiveTrustCertificate after check."""

    earlier_generations: list[str] = []
    passive_slot: SignerSummary | None = None
    replaces: str | None = None
    step: str | None = None


class PassiveState(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of PassiveTrustCertificate, as far as the next command reads them."""

    fingerprint: str
    observed_at: str | None = None
    generations: dict[str, str] = {}
