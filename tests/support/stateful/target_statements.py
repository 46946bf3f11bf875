"""Statements about targets, for `trusted_by`: observed, literal, attested, or announced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from pulumi.output import UNKNOWN

from btp_trust.resources import Attested, SwitchesAtRotation
from support.fake_engine import Deployment, FakeEngine


class TargetStatement(Protocol):
    """The statement of a program about one target."""

    def to_argument(self, deployment: Deployment, target: str, recorded: Any) -> Any:
        """Return the argument of the program; `recorded` is the statement in the state."""

    def allows_swap_to(self, engine: FakeEngine, target: str, fingerprint: str) -> bool:
        """Return True if the gate is to let a swap to this certificate pass."""


@dataclass(frozen=True)
class ObservedTrust:
    """The certificates that the target reports now: an output of a resource that reads or manages the target."""

    is_changed: bool = False
    """True if the same program changes the target, so that its output is unknown in a preview."""

    def to_argument(self, deployment: Deployment, target: str, recorded: Any) -> Any:
        """Return the reported certificates, or unknown."""
        shown = _shown_certificates(deployment.engine, target)
        return UNKNOWN if self.is_changed and deployment.dry_run and _certificates_in(recorded) != shown else shown

    def allows_swap_to(self, engine: FakeEngine, target: str, fingerprint: str) -> bool:
        """Return True if the target reports the certificate."""
        return fingerprint in _shown_certificates(engine, target)


@dataclass(frozen=True)
class LiteralFingerprints:
    """Fingerprints in the program."""

    fingerprints: tuple[str, ...] = ()

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Return the fingerprints."""
        return [*self.fingerprints]

    def allows_swap_to(self, _engine: FakeEngine, _target: str, fingerprint: str) -> bool:
        """Return True if the fingerprint is in the program."""
        return fingerprint in self.fingerprints


@dataclass(frozen=True)
class AttestedTrust:
    """The attestation of a person."""

    fingerprint: str
    on: date | datetime

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Return the attestation."""
        return Attested(self.fingerprint, "Ada", self.on)

    def allows_swap_to(self, engine: FakeEngine, _target: str, fingerprint: str) -> bool:
        """Return True for the attested certificate, from the date of the attestation on."""
        return fingerprint == self.fingerprint and not self.is_after(engine.emulator.now)

    def is_after(self, moment: datetime) -> bool:
        """Return True if the whole time of the attestation is after this moment."""
        return self.on > (moment if isinstance(self.on, datetime) else moment.date())


@dataclass(frozen=True)
class AnnouncedUpload:
    """The announcement that the owner uploads the certificate after the swap."""

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Return the announcement."""
        return SwitchesAtRotation("HR IT")

    def allows_swap_to(self, _engine: FakeEngine, _target: str, _fingerprint: str) -> bool:
        """Return True for every certificate."""
        return True


def _certificates_in(recorded: Any) -> list[str] | None:
    """Return the certificates in a recorded statement, if the target itself made it."""
    is_observed = isinstance(recorded, dict) and recorded.get("kind") == "observed"
    return sorted(recorded["certificates"]) if is_observed else None


def _shown_certificates(engine: FakeEngine, target: str) -> list[str]:
    return sorted(engine.emulator.target(f"{target}-{engine.guid}").certificates)
