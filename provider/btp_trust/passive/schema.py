"""The arguments, inputs and state of PassiveTrustCertificate."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from msgspec.structs import replace

from btp_trust.arguments import check_generation_name, fingerprint_argument
from btp_trust.property_bag import ResourceArgs

PREVIEW_ONLY: Final = ("step", "replaces", "only_if_passive", "removal", "earlier_generations", "retain_on_delete")
"""Inputs that are no outputs: check adds them for the preview, the update, and the next check."""
EMPTY: Final = "empty"
"""The empty slot in `only_if_passive`."""


class PassiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of PassiveTrustCertificate."""

    set_by_resource: ClassVar = ("resource_urn", "retain_on_delete", "warned_by")

    generation: str
    adopt: str | None = None
    replace: str | None = None
    resource_urn: str | None = None
    """Named by a deletion that fails: Pulumi keeps it from a provider."""
    retain_on_delete: bool = False
    """The option of the resource, for `removal` alone: changing it is no update, which would need the service."""
    warned_by: str | None = None
    """The resource of the program that warns of the signer in place of this one."""

    def normalized(self) -> Self:
        """Write the fingerprints as certificates have them."""
        given = {"adopt": self.adopt, "replace": self.replace}
        written = {prop: fingerprint_argument(text, prop) for prop, text in given.items() if text is not None}
        check_generation_name(self.generation, "generation")
        return replace(super().normalized(), **written)


class PassiveInputs(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """PassiveTrustCertificate after check."""

    earlier_generations: list[str] = []
    step: str | None = None
    """How the generation got its certificate; it stays, with the next two, until another one is planned."""
    replaces: str | None = None
    """The certificate over which it is generated, and what ends with that one."""
    only_if_passive: str | None = None
    """Precondition of the step: the fingerprint that the passive slot holds, or EMPTY."""
    removal: str | None = None
    """What a removal of the resource deletes: the preview of a removal shows the inputs."""


class PassiveState(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of PassiveTrustCertificate, as far as the next command reads them."""

    fingerprint: str
    observed_at: str | None = None
    generations: dict[str, str] = {}
