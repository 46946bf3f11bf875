"""What a program declares about the signing slot, and what the state held before the command."""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from btp_trust.certificate import Certificate
from btp_trust.formatting import find_name
from btp_trust.rotation.schema import RotationArgs
from btp_trust.snapshot import Snapshot, has_fingerprint
from btp_trust.trusted_by.statements import Sighting


class Declaration(RotationArgs, frozen=True, kw_only=True):
    """The arguments of a RotationTrigger, and what its policies know besides.

    The arguments are inherited, so that a policy reads each of them under its name, also one that is added later.
    """

    deployed_generation: str | None = None
    """The generation that the state declares; None when the trigger is created."""
    recorded_generations: dict[str, str] = field(default_factory=dict)
    """Names bound before this command: {name: fingerprint}."""
    candidate_generations: dict[str, str] = field(default_factory=dict)
    """Names that the candidate's outputs bind."""
    candidate: str | None = None
    """The candidate's generation."""
    adopted_fingerprint: str | None = None
    """The certificate that the program names for the candidate, with `adopt`."""
    candidate_awaits_adoption: bool = False
    """The candidate adopts it in this command, so that a preview lacks its outputs."""
    candidate_pending: str | None = None
    """The candidate's generation, while its fingerprint is unknown in a preview."""
    pending_generation: str | None = None
    """The generation that a PassiveTrustCertificate of this subaccount may generate in this command."""
    candidate_removed: bool = False
    """The program passed a candidate in the command before, and has removed it since."""
    candidate_ignored: bool = False
    """`ignore_changes` hides what the program passes as candidate."""
    expiry: dict[str, datetime] = field(default_factory=dict)
    """{fingerprint: when it expires}, as far as the certificates of the targets show it."""
    valid_until: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """{target: {fingerprint: end of validity of the metadata that names it}}, where that is limited."""
    rollback_to: str | None = None
    """Fingerprint of the signer before the present one, None if there was none."""

    earlier_attestations: dict[str, dict[str, Sighting]] = field(default_factory=dict)
    """{target: {fingerprint: who attested that before this command}}, of statements that another one has replaced."""
    rejections: dict[str, str] = field(default_factory=dict)
    """{destination: when its target rejected the declared certificate}; empty in check, which gets no outputs."""

    @property
    def eligible_generations(self) -> dict[str, str]:
        """Names bound before this command, or by `known_generations`: a swap may lead to these only."""
        return {**self.known_generations, **self.recorded_generations}  # in any order: `rebound` refuses contradictions

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
        """Return True if the program declares another generation than the state."""
        return self.generation != self.deployed_generation

    def generation_of(self, certificate: Certificate) -> str | None:
        """Return a generation's name of this certificate."""
        return self.name_of(certificate.fingerprint)

    def name_of(self, fingerprint: str) -> str | None:
        """Return a generation's name of the certificate with this fingerprint."""
        return find_name(self.generations, fingerprint)


def swappable_certificate(declaration: Declaration, snapshot: Snapshot) -> Certificate | None:
    """Return the declared certificate if it is in the passive slot and not in the active one."""
    fingerprint = declaration.declared_fingerprint
    if fingerprint is None or has_fingerprint(snapshot.active, fingerprint):
        return None
    return snapshot.passive if has_fingerprint(snapshot.passive, fingerprint) else None
