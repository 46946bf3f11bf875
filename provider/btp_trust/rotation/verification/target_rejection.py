"""A target's rejection as the cause of a rollback. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, RollbackFailed, TrustError
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.verification.messages import (
    rollback_error,
    rollback_failed_error,
    unknown_rollback_outcome_error,
)
from btp_trust.rotation.verification.step import RotationStep
from btp_trust.snapshot import Snapshot


class TargetRejection(Struct, frozen=True):
    """What the destinations answered, see `automatic_rollback.RollbackCause`."""

    step: RotationStep
    earlier: Certificate
    evidence: Mapping[str, Evidence]

    def done(self, evidence: Mapping[str, Evidence], after: Snapshot) -> Refused:
        """Explain a rollback that was done."""
        name = self.step.generation_of(self.earlier)
        return rollback_error(self.step.new.generation, name, evidence, after, since=self.step.signing_start)

    def failed(self, error: TrustError) -> RollbackFailed:
        """Explain one that was not applied."""
        step = self.step
        return rollback_failed_error(step.new.generation, step.slots, self.evidence, error, since=step.signing_start)

    def unknown(self, error: TrustError, until: datetime) -> Refused:
        """Explain one with an unknown outcome, which readings show from `until` on."""
        step = self.step
        return unknown_rollback_outcome_error(
            step.new.generation, self.evidence, step.slots, error.what, since=step.signing_start, until=until
        )
