"""Convergence after faults: two `up` complete the work, or a refusal names a remedy, and the remedy works."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Final

from btp_trust.errors import TrustError
from support.fake_engine import CheckFailedError, FakeEngine
from support.stateful.program import ProgramSpec
from support.stateful.refusals import Refusal, Remedy
from support.stateful.remedies import remedies
from support.stateful.statistics import Statistics
from support.stateful.system_remedies import left_to_people
from support.stateful.targets import PLAIN, Targets
from support.stateful.time_remedies import moments

Up = Callable[[ProgramSpec], BaseException | None]
MAX_REMEDIES: Final = 8
"""A program may have several impossible arguments; each is refused separately."""
ONE_MINUTE: Final = 61.0


class UnswitchedError(Exception):
    """Two deployments succeeded, and a communication system is still left to people."""


class WaitingError(Exception):
    """A deployment succeeded, and a step waits for its time."""


class InconclusiveVerificationError(Exception):
    """Two deployments succeeded, and the verification is still inconclusive."""


def is_of_unknown_signer(detail: str) -> bool:
    """Return True if a target accepted an assertion whose signer is unknown yet."""
    return detail.startswith("nothing shows which certificate signed")


@dataclass
class Convergence:
    """Converges one stack.

    Args:
        engine: The stack.
        targets: The targets of its subaccount.
        up: Runs `pulumi up`, and returns the error that ended it.
        new_name: Returns an unused name.
        rng: Chooses among the remedies of one refusal.
        statistics: Counts the applied remedies.
    """

    engine: FakeEngine
    targets: Targets
    up: Up
    new_name: Callable[[], str]
    rng: random.Random
    statistics: Statistics

    def __post_init__(self) -> None:
        """Start without remedies."""
        self.applied_remedies: list[str] = []

    def converge(self, spec: ProgramSpec) -> ProgramSpec:
        """Deploy a program, applying the remedies of its refusals; return the program that converged."""
        while (error := self._deploy_twice(spec)) is not None:
            message = error.reason if isinstance(error, CheckFailedError) else str(error)
            if isinstance(error, UnswitchedError):
                refusal = Refusal(message, spec, self.engine, self.targets, self.new_name)
                spec = self._apply(refusal, left_to_people(refusal))
            elif isinstance(error, WaitingError):
                self._wait_for_its_time(message)
            elif isinstance(error, InconclusiveVerificationError):
                spec = self._resolve_inconclusive(spec, message)
            else:
                spec = self._apply_remedy(Refusal(message, spec, self.engine, self.targets, self.new_name))
        return spec

    def _deploy_twice(self, spec: ProgramSpec) -> BaseException | None:
        for _ in range(2):
            error = self.up(spec)
            if error is not None:
                return error
            try:
                preview = self.engine.preview(spec)
            except (CheckFailedError, TrustError) as refusal:
                return refusal
            if "waits until" in preview.messages:
                return WaitingError(preview.messages.partition("waits until")[2])
            if preview.has_no_changes:
                self.engine.assert_stable(spec)
                return None
            if any(map(is_of_unknown_signer, self._inconclusive_destinations(spec).values())):
                self.engine.emulator.advance(ONE_MINUTE)
        if details := self._inconclusive_destinations(spec):
            return InconclusiveVerificationError("; ".join(f"{name}: {detail}" for name, detail in details.items()))
        if unswitched := self._unswitched(spec):
            return UnswitchedError(f"left to people: {unswitched}")
        raise AssertionError("two ups, and a preview still shows changes")

    def _unswitched(self, spec: ProgramSpec) -> list[str]:
        """Return the systems that deployments have left to people, if that is the policy."""
        stored = self.engine.state.get(spec.trigger_name)
        return [] if stored is None else stored.outputs.get("unswitched", [])

    def _inconclusive_destinations(self, spec: ProgramSpec) -> dict[str, str]:
        """Return {destination: the reason} for each inconclusive verification."""
        stored = self.engine.state.get(spec.trigger_name)
        if stored is None:
            return {}
        evidence = stored.outputs.get("verified", {})
        is_requested = stored.outputs.get("verify_now") != spec.verify_now
        names = [name for name, entry in evidence.items() if is_requested and entry["verdict"] == "inconclusive"]
        return {name: evidence[name]["detail"] for name in [*stored.outputs.get("unverified", []), *names]}

    def _resolve_inconclusive(self, spec: ProgramSpec, details: str) -> ProgramSpec:
        """Remove the reason: only a missing or broken prerequisite, or a destination without a signature, is valid."""
        verify_destinations = tuple(name for name in spec.verify_destinations if name != PLAIN)
        assert self.targets.restore_prerequisites() or verify_destinations != spec.verify_destinations, (
            f"a verification is inconclusive without a reason: {details}"
        )
        self._record_remedy(f"inconclusive: {details}", "restore prerequisites")
        return replace(spec, verify_destinations=verify_destinations)

    def _wait_for_its_time(self, message: str) -> None:
        """Advance the clock to the moment of a step that waits: the same program performs the step then."""
        remedy = Remedy("wait for the step", wait_until=moments(message)[0])
        self._record_remedy(message, remedy.name)
        self._meet_preconditions(remedy)

    def _apply_remedy(self, refusal: Refusal) -> ProgramSpec:
        return self._apply(refusal, remedies(refusal))

    def _apply(self, refusal: Refusal, choices: list[Remedy]) -> ProgramSpec:
        assert choices, f"unknown remedy: {refusal.message}"
        remedy = self.rng.choice(choices)
        self._record_remedy(f"{refusal.message}\n-> {remedy}", remedy.name)
        self._meet_preconditions(remedy)
        *first, last = remedy.specs
        for spec in first:
            last = carry_over(spec, self.converge(spec), last)
        return last

    def _record_remedy(self, story: str, name: str) -> None:
        self.statistics.remedies[name] += 1
        self.applied_remedies.append(story)
        assert len(self.applied_remedies) <= MAX_REMEDIES, "too many refusals:\n" + "\n".join(self.applied_remedies)

    def _meet_preconditions(self, remedy: Remedy) -> None:
        for key in remedy.removed_settings:
            self.engine.config.pop(key, None)
        if remedy.refresh:
            self.engine.refresh()
        for precondition in remedy.preconditions:
            precondition()
        left = (remedy.wait_until - self.engine.emulator.now).total_seconds() if remedy.wait_until else 0.0
        self.engine.emulator.advance(max(ONE_MINUTE, left + 1))


def carry_over(before: ProgramSpec, after: ProgramSpec, onto: ProgramSpec) -> ProgramSpec:
    """Apply to `onto` the changes that the remedies of the step before it made."""
    changed = {item.name for item in fields(ProgramSpec) if getattr(before, item.name) != getattr(after, item.name)}
    return replace(
        onto, **{name: getattr(after, name) for name in changed if getattr(onto, name) == getattr(before, name)}
    )
