"""A system that failed to switch over, as the cause of a rollback."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct

from btp_trust.errors import Refused, RollbackFailed, TrustError
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.switchover import messages
from btp_trust.snapshot import Snapshot


class SwitchFailure(Struct, frozen=True):
    """Why a step is rolled back before its verification, see `automatic_rollback.RollbackCause`."""

    generation: str
    """The generation that was made to sign."""
    earlier: str | None
    """Name of the generation that is to sign again, if it has one."""
    swapped_at: datetime
    failures: Mapping[str, TrustError]
    evidence: Mapping[str, Evidence] = MappingProxyType({})

    def done(self, _evidence: Mapping[str, Evidence], after: Snapshot) -> Refused:
        """Explain a rollback that was done."""
        return messages.rolled_back_error(self.generation, self.earlier, self.failures, self.swapped_at, after)

    def failed(self, error: TrustError) -> RollbackFailed:
        """Explain one that was not applied."""
        return messages.rollback_failed_error(self.generation, self.failures, error)

    def unknown(self, error: TrustError, until: datetime) -> Refused:
        """Explain one with an unknown outcome, which readings show from `until` on."""
        return messages.unknown_rollback_error(self.generation, self.failures, error.what, until)
