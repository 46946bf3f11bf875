"""The plan of waves: rows, digests, and which verb a row needs. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from msgspec import Struct

from btp_trust.formatting import short_fingerprint
from btp_trust_cli.exit_codes import Severity
from btp_trust_fleet.stack_run.classification import ALLOWED
from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState
from btp_trust_fleet.table.fleet import FleetStack, Wave

SIGNER_CHANGES: Final = frozenset({Change.ROTATE, Change.ROLL_BACK, Change.RESTORE})
"""Changes after which another certificate signs."""


class PlannedStack(Struct, frozen=True):
    """A stack, and what its preview shows."""

    stack: FleetStack
    outcome: StackOutcome

    @property
    def is_plan(self) -> bool:
        """Return True if the preview was made."""
        return self.outcome.state in {StackState.PLANNED, StackState.UNCHANGED}

    @property
    def is_due(self) -> bool:
        """Return True if it has changes."""
        return self.outcome.state is StackState.PLANNED

    @property
    def step(self) -> str:
        """What an update would do: the verb that allows it, `refused`, or how the preview failed."""
        if not self.is_due:
            return self.outcome.state.value
        is_allowed = any(self.outcome.change in changes for changes in ALLOWED.values())
        return self.outcome.change.value if is_allowed else "refused"

    @property
    def signers(self) -> tuple[str, str]:
        """The signer before it, short, and the generation that signs then; a hyphen where it stays or is unknown."""
        to = self.stack.generation if self.is_due and self.outcome.change in SIGNER_CHANGES else "-"
        return short(self.outcome.signer_before), to

    @property
    def severity(self) -> Severity:
        """A preview that fails, and changes that every verb refuses, are critical."""
        if self.outcome.state is StackState.POSTPONED:
            return Severity.OK
        return Severity.OK if self.is_plan and self.step != "refused" else Severity.CRITICAL


class WavePlan(Struct, frozen=True):
    """A wave, with the stacks that were planned."""

    wave: Wave
    stacks: tuple[PlannedStack, ...]

    @property
    def digest(self) -> str | None:
        """The digest of its changes, which stays while every stack's plan does; None without changes.

        Stacks without changes are left out, so that it is the same before and in the middle of a wave's updates for
        those that are left.
        """
        plans = sorted((each.stack.stack, each.outcome.plan_digest) for each in self.stacks if each.is_due)
        if not plans:
            return None
        return f"sha256:{hashlib.sha256(json.dumps([self.wave.name, plans]).encode()).hexdigest()}"


def short(fingerprint: str | None) -> str:
    """Return eight digits of a fingerprint; a hyphen for an unknown one."""
    return "-" if fingerprint is None else short_fingerprint(fingerprint)
