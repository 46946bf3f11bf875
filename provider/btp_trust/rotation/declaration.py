"""What a program declares about the signing slot, and what the state before the command held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from btp_trust.certificate import Certificate
from btp_trust.snapshot import Snapshot, has_fingerprint
from btp_trust.trusted_by.statements import TrustStatement


class OnDrift(StrEnum):
    """What to do when somebody else swapped the slots."""

    REPORT = "report"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the program declares, and what the state before this command held."""

    generation: str
    """The generation that shall sign."""
    deployed_generation: str | None = None
    """The generation that the state declares; None when the trigger is created."""
    recorded_generations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names bound before this command: {name: fingerprint}."""
    known_generations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the program teaches with `known_generations`."""
    candidate_generations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the candidate's outputs bind."""
    candidate: str | None = None
    """The candidate's generation."""
    adopted_fingerprint: str | None = None
    """The certificate that the program names for the candidate, with `adopt`."""
    candidate_awaits_adoption: bool = False
    """It is to take that up in this command: a preview does not know its outputs."""
    candidate_pending: str | None = None
    """The candidate's generation, while its fingerprint is unknown in a preview."""
    pending_generation: str | None = None
    """The generation that a PassiveTrustCertificate of this subaccount may mint in this command."""
    candidate_removed: bool = False
    """The program passed a candidate in the command before, and passes none in this one."""
    candidate_ignored: bool = False
    """`ignore_changes` keeps what the program passes as candidate from being read."""
    on_drift: OnDrift = OnDrift.REPORT
    trusted_by: Mapping[str, TrustStatement] = field(default_factory=lambda: MappingProxyType({}))
    """{target: what it said that it trusts}."""
    expiry: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """{fingerprint: when it expires}: what the targets' certificates told besides."""
    valid_until: Mapping[str, Mapping[str, datetime]] = field(default_factory=lambda: MappingProxyType({}))
    """{target: {fingerprint: how long the metadata that names it may be believed}}, where that is limited."""
    rollback_to: str | None = None
    """What signed before and does not now, an empty text for nothing; None where the inputs do not tell."""

    @property
    def eligible_generations(self) -> dict[str, str]:
        """Names that were bound before this command, or are taught: what may be made to sign."""
        return {**self.known_generations, **self.recorded_generations}

    @property
    def generations(self) -> dict[str, str]:
        """All names known in this command."""
        return {**self.candidate_generations, **self.eligible_generations}

    @property
    def declared_fingerprint(self) -> str | None:
        """Fingerprint of the declared generation, None while unknown."""
        return self.generations.get(self.generation)

    @property
    def is_new_declaration(self) -> bool:
        """Whether the program declares another generation than the state."""
        return self.generation != self.deployed_generation

    def generation_of(self, certificate: Certificate) -> str | None:
        """Return a generation's name of this certificate."""
        names = (name for name, known in self.generations.items() if known == certificate.fingerprint)
        return next(names, None)


def swappable_certificate(declaration: Declaration, snapshot: Snapshot) -> Certificate | None:
    """Return the declared certificate if it lies in the passive slot and does not sign."""
    declared_fingerprint = declaration.declared_fingerprint
    if (
        declared_fingerprint is None
        or not has_fingerprint(snapshot.passive, declared_fingerprint)
        or has_fingerprint(snapshot.active, declared_fingerprint)
    ):
        return None
    return snapshot.passive
