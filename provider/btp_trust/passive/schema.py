"""What PassiveTrustCertificate takes, plans and records."""

from __future__ import annotations

from typing import Self

from msgspec.structs import replace

from btp_trust.property_bag import ResourceArgs, SignerSummary, check_generation_name, fingerprint_argument


class PassiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of PassiveTrustCertificate."""

    generation: str
    adopt: str | None = None
    replace: str | None = None
    resource_urn: str | None = None
    """So that a deletion that fails can name it: Pulumi does not tell a provider."""

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
