"""The program of a stack, and the pull requests that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from support.fake_engine import Deployment, ResourceHandle
from support.stateful.communication_systems import BLOCKS, CONNECTION, SYSTEM
from support.stateful.target_statements import AnnouncedUpload, LiteralFingerprints, ObservedTrust, TargetStatement
from support.stateful.targets import ASSERTION, PLAIN

Change = dict[str, Any]


@dataclass(frozen=True)
class ProgramSpec:
    """The arguments of the three resources. A generation of None leaves its resource out."""

    subaccount_id: str | None = None
    """Argument of all resources."""
    passive_generation: str | None = None
    adopt: str | None = None
    replace: str | None = None
    passive_name: str = "next"
    active_generation: str | None = None
    known_generations: dict[str, str] = field(default_factory=dict)
    on_drift: str | None = None
    trusted_by: dict[str, TargetStatement] = field(default_factory=dict)
    verify_destinations: tuple[str, ...] = ()
    on_verification_failure: str | None = None
    verify_now: str | None = None
    switches: tuple[str, ...] = ()
    """The blocks of the communication system that change over with the signer."""
    on_switch_failure: str | None = None
    revoked: dict[str, str] = field(default_factory=dict)
    soak: str | None = None
    freeze: tuple[dict[str, str], ...] = ()
    window: dict[str, str] | None = None
    when: str | None = None
    break_glass: dict[str, str] = field(default_factory=dict)
    has_candidate: bool = True
    trigger_name: str = "rotation"
    trigger_first: bool = False
    """Without a candidate, the engine may register the trigger first."""
    has_active: bool = True
    has_rotation: bool = True
    """True if ActiveTrustCertificate has `rotation=`."""
    active_name: str = "signing"
    generate: bool = False
    renew: str | None = None
    accept_outage: bool = False

    @property
    def names(self) -> set[str]:
        """Names of the declared resources."""
        declared = {
            self.passive_name: self.passive_generation is not None,
            self.trigger_name: self.active_generation is not None,
            self.active_name: self.has_active,
        }
        return {name for name, is_declared in declared.items() if is_declared}

    def __call__(self, deployment: Deployment) -> None:
        """Declare the resources."""
        if self.trigger_first and not self.has_candidate:
            rotation = self._trigger(deployment, None)
            self._passive(deployment)
        else:
            candidate = self._passive(deployment)
            rotation = self._trigger(deployment, candidate if self.has_candidate else None)
        self._active(deployment, rotation if self.has_rotation else None)

    def _passive(self, deployment: Deployment) -> ResourceHandle | None:
        if self.passive_generation is None:
            return None
        return deployment.passive(
            self.passive_name,
            subaccount_id=self.subaccount_id,
            generation=self.passive_generation,
            adopt=self.adopt,
            replace=self.replace,
            warned_by=self._warned_by(trigger=True),
        )

    def _warned_by(self, *, trigger: bool = False, passive: bool = False) -> str | None:
        """Return the resource that warns of the signer, as the resource classes find it out."""
        if trigger and self.active_generation is not None:
            return "RotationTrigger"
        return "PassiveTrustCertificate" if passive and self.passive_generation is not None else None

    def _trigger(self, deployment: Deployment, candidate: ResourceHandle | None) -> ResourceHandle | None:
        if self.active_generation is None:
            return None
        return deployment.trigger(
            self.trigger_name,
            subaccount_id=self.subaccount_id,
            generation=self.active_generation,
            candidate=candidate,
            known_generations=self.known_generations or None,
            on_drift=self.on_drift,
            trusted_by=self._trusted_by(deployment) or None,
            verify_destinations=[*self.verify_destinations] or None,
            on_verification_failure=self.on_verification_failure,
            verify_now=self.verify_now,
            switches=[{"connection": CONNECTION, "system": SYSTEM, "block": block} for block in self.switches] or None,
            on_switch_failure=self.on_switch_failure,
            **self._time_arguments(),
        )

    def _time_arguments(self) -> dict[str, Any]:
        """Return what is declared; a program that waits for nothing would be refused."""
        has_limits = bool(self.freeze) or self.soak is not None or self.window is not None
        return {
            "revoked": self.revoked or None,
            "soak": self.soak,
            "freeze": [*self.freeze] or None,
            "window": self.window,
            "when": self.when if has_limits else None,
            "break_glass": self.break_glass or None,
        }

    def _trusted_by(self, deployment: Deployment) -> dict[str, Any]:
        stored = deployment.engine.state.get(self.trigger_name)
        recorded = stored.inputs.get("trusted_by", {}) if stored else {}
        return {
            target: statement.to_argument(deployment, target, recorded.get(target))
            for target, statement in self.trusted_by.items()
        }

    def _active(self, deployment: Deployment, rotation: ResourceHandle | None) -> None:
        if not self.has_active:
            return
        deployment.active(
            self.active_name,
            subaccount_id=self.subaccount_id,
            rotation=rotation,
            warned_by=None if rotation else self._warned_by(trigger=True, passive=True),
            generate=self.generate or None,
            renew_fingerprint=self.renew,
            accept_outage=self.accept_outage or None,
        )


EDITS: Final[list[Change]] = [
    {"active_generation": None},
    {"active_generation": "first"},
    {"active_generation": "nobody's"},
    {"has_active": False},
    {"has_active": True},
    {"has_candidate": False},
    {"has_candidate": True},
    {"has_candidate": False, "trigger_first": True},
    {"has_rotation": False},
    {"has_rotation": True},
    {"passive_name": "renamed"},
    {"trigger_name": "renamed-too"},
    {"active_name": "renamed-three"},
    {"on_drift": "restore"},
    {"on_drift": None},
    {"generate": True},
    {"accept_outage": True},
    {"adopt": None, "replace": None, "renew": None, "known_generations": {}, "generate": False, "accept_outage": False},
]
"""Other changes of pull requests: remove, rename, waive, and clean up."""
SWITCH_EDITS: Final[list[Change]] = [
    {"switches": BLOCKS[:1]},
    {"switches": BLOCKS},
    {"switches": BLOCKS[1:]},
    {"switches": ()},
    {"on_switch_failure": "continue"},
    {"on_switch_failure": None},
]
"""Changes of what changes over with the signer."""
VERIFICATION_EDITS: Final[list[Change]] = [
    {"verify_destinations": ("s4",)},
    {"verify_destinations": ("sf", ASSERTION, "s4")},
    {"verify_destinations": (ASSERTION,)},
    {"verify_destinations": ("s4", PLAIN)},
    {"verify_destinations": ()},
    {"on_verification_failure": "report"},
    {"on_verification_failure": None},
    {"verify_now": "once"},
    {"verify_now": "once more"},
    {"trusted_by": {"s4": ObservedTrust()}},
    {"trusted_by": {"s4": ObservedTrust(), "sf": ObservedTrust(is_changed=True)}},
    {"trusted_by": {"s4": LiteralFingerprints(), "hr": AnnouncedUpload()}},
    {"trusted_by": {"hr": AnnouncedUpload()}},
    {"trusted_by": {}},
    {"trusted_by": {"s4": ObservedTrust()}, "verify_destinations": ("s4",)},
]
"""Changes of the target gate and of the verification."""
