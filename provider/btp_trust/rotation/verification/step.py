"""One step of a rotation and its verification: what is due, and whether a rejection rolls back. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.formatting import find_name, parse_rfc3339
from btp_trust.property_bag import UNKNOWN
from btp_trust.rotation.evidence import OnVerificationFailure
from btp_trust.rotation.revocation import revocation
from btp_trust.rotation.schema import OnDrift, RotationArgs, RotationInputs, RotationState
from btp_trust.rotation.verification.policy import (
    VerificationCause,
    VerificationRun,
    is_older,
    rolls_back,
    select_destinations,
)
from btp_trust.rotation.verification.refusal_times import SigningStart
from btp_trust.snapshot import Snapshot, has_fingerprint


class RotationStep(Struct, frozen=True):
    """The slots after a step, and the state and the inputs that led to it."""

    state: RotationState
    new: RotationInputs
    slots: Snapshot
    swapped: bool
    """This command has swapped."""

    @property
    def run(self) -> VerificationRun | None:
        """Destinations to verify; None while another certificate signs than declared."""
        if not has_fingerprint(self.slots.active, self.new.declared_fingerprint):
            return None
        return select_destinations(self.new.verify_destinations, self._cause)

    @property
    def is_verification_due(self) -> bool:
        """True if an update has destinations to verify even without a swap: inconclusive ones, or requested ones."""
        return self.run is not None and (self.is_requested or bool(unverified_destinations(self.state, self.new)))

    @property
    def is_requested(self) -> bool:
        """True if the program asks to verify the list, and the deployment that answers is still to come."""
        return is_verification_requested(self.new, self.state)

    @property
    def since(self) -> datetime | None:
        """When the signer began to sign, as far as this stack saw it begin; UTC, by the service's clock."""
        if self.swapped or not has_fingerprint(self.slots.active, self.state.fingerprint):
            return self.slots.now
        moments = filter(None, (self.state.rotated_at, self.state.restored_at))
        return max(map(parse_rfc3339, moments), default=None)

    @property
    def signing_start(self) -> SigningStart:
        """The same moment for a sentence about users whom a target has refused since."""
        return SigningStart(self.since, is_exact=self.swapped)

    @property
    def rolls_back(self) -> bool:
        """True if a rejection rolls back: never to a certificate that is revoked by now."""
        return (
            not self.previous_is_revoked
            and not self.is_rollback
            and rolls_back(self.slots, self._previous_fingerprint, self.new.on_verification_failure)
        )

    @property
    def is_rollback(self) -> bool:
        """True if the step led to an older certificate, and no rotation planned that: such a step is final."""
        swap = self.new.swap
        was_rotation = swap is not None and swap.is_rotation and swap.only_if_active == self._previous_fingerprint
        return is_older(self.slots) and not was_rotation

    @property
    def cannot_roll_back(self) -> bool:
        """True if a rejection should roll back, and the previous signer is gone from the passive slot.

        A signer that a rollback led to is final: there nothing is missing.
        """
        is_final = self.state.failed_generation is not None and self.state.fingerprint == self.new.declared_fingerprint
        is_wanted = self.new.on_verification_failure is OnVerificationFailure.ROLLBACK and not self.previous_is_revoked
        should_roll_back = is_wanted and not is_final
        return should_roll_back and self.slots.slots.passive != self._previous_fingerprint

    @property
    def previous_is_revoked(self) -> bool:
        """True if the signer before the step must never sign again."""
        return revocation(self.new, self._previous_fingerprint) is not None

    def generation_of(self, certificate: Certificate) -> str | None:
        """Return the generation of a certificate."""
        return find_name(self.new.generations, certificate.fingerprint)

    @property
    def _cause(self) -> VerificationCause:
        state, new = self.state, self.new
        was_rolled_back = state.failed_generation == new.generation
        declares_again = new.generation != state.generation or new.on_drift is OnDrift.RESTORE
        # Both fingerprints: a refresh records a new signer too, and leaves it unverified.
        is_recorded = {state.fingerprint, state.declared_fingerprint} == {new.declared_fingerprint}
        return VerificationCause(
            swapped=self.swapped,
            signer_was_found=not self.swapped and (was_rolled_back or not is_recorded),
            # A rejected generation that somebody made sign since is reported on; after an unconfirmed rollback,
            # the rejected signer may still be there, and is rolled back.
            is_approved=(declares_again and not was_rolled_back) or state.rollback_outcome_unknown is not None,
            open_destinations=unverified_destinations(state, new),
            requested=self.is_requested,
        )

    @property
    def _previous_fingerprint(self) -> str | None:
        """The signer before the step."""
        if self.swapped and self.new.swap is not None:
            return self.new.swap.only_if_active
        was_found = self.state.fingerprint != self.new.declared_fingerprint
        return self.state.fingerprint if was_found else self.state.previous_fingerprint


def is_verification_requested(new: RotationArgs, old: RotationArgs | None) -> bool:
    """Return True if `verify_now` has a text that is known, and other than before."""
    # UNKNOWN: the text is an output of the same command, and the deployment knows it.
    return new.verify_now not in (None, UNKNOWN, None if old is None else old.verify_now)


def request_may_be_withdrawn(state: RotationState, new: RotationInputs) -> bool:
    """Return True if `verify_now` was removed, or may have been: the same text is a new request later."""
    return new.verify_now == UNKNOWN or (state.verify_now is not None and new.verify_now is None)


def unverified_destinations(state: RotationState, new: RotationInputs) -> tuple[str, ...]:
    """List the destinations for which the last verification of the declared certificate was inconclusive.

    They stay so while another certificate signs in between: a swap by hand and its reversal are no evidence.
    """
    is_same = state.declared_fingerprint == new.declared_fingerprint
    return tuple(name for name in state.unverified if name in new.verify_destinations) if is_same else ()
