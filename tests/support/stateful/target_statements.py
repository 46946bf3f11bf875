"""What a program says of its targets, for `trusted_by`: observed, written down, attested, or announced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from pulumi.output import UNKNOWN

from btp_trust.resources import Attested, SwitchesAtRotation
from support.fake_engine import Deployment, FakeEngine


class TargetStatement(Protocol):
    """What a text says of one target."""

    def to_argument(self, deployment: Deployment, target: str, recorded: Any) -> Any:
        """Tell the provider; `recorded` is what the state has of it."""

    def allows_swap_to(self, engine: FakeEngine, target: str, fingerprint: str) -> bool:
        """Whether a swap to this certificate may pass."""


@dataclass(frozen=True)
class ObservedTrust:
    """What the target shows now: the output of a resource that reads it, or gives it its certificates."""

    is_changed: bool = False
    """Whether the same program changes it, so that a preview does not know it until it is deployed."""

    def to_argument(self, deployment: Deployment, target: str, recorded: Any) -> Any:
        """Tell what it shows."""
        shown = _shown_certificates(deployment.engine, target)
        return UNKNOWN if self.is_changed and deployment.dry_run and recorded != shown else shown

    def allows_swap_to(self, engine: FakeEngine, target: str, fingerprint: str) -> bool:
        """Whether it is among them."""
        return fingerprint in _shown_certificates(engine, target)


@dataclass(frozen=True)
class LiteralFingerprints:
    """Fingerprints that somebody wrote into the text."""

    fingerprints: tuple[str, ...] = ()

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Tell them."""
        return [*self.fingerprints]

    def allows_swap_to(self, _twin: FakeEngine, _target: str, fingerprint: str) -> bool:
        """Whether it is among them."""
        return fingerprint in self.fingerprints


@dataclass(frozen=True)
class AttestedTrust:
    """Somebody answers for the target."""

    fingerprint: str
    on: date

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Tell who, for which certificate, and since when."""
        return Attested(self.fingerprint, "Ada", self.on)

    def allows_swap_to(self, engine: FakeEngine, _target: str, fingerprint: str) -> bool:
        """Whether it is that one, and the day has come."""
        return fingerprint == self.fingerprint and self.on <= engine.emulator.now.date()


@dataclass(frozen=True)
class AnnouncedUpload:
    """The target gets the certificate after the swap, and its owner knows."""

    def to_argument(self, _deployment: Deployment, _target: str, _recorded: Any) -> Any:
        """Tell who."""
        return SwitchesAtRotation("HR IT")

    def allows_swap_to(self, _twin: FakeEngine, _target: str, _fingerprint: str) -> bool:
        """Nobody waits for it."""
        return True


def _shown_certificates(engine: FakeEngine, target: str) -> list[str]:
    return sorted(engine.emulator.target(f"{target}-{engine.guid}").certificates)
