"""With the faults gone: two `up` converge and all is quiet, or a refusal names a way out, and that one works."""

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
from support.stateful.targets import PLAIN, Targets

Up = Callable[[ProgramSpec], BaseException | None]
MAX_REMEDIES: Final = 8
"""A text may ask for several things that cannot be; each is refused for itself."""
ONE_MINUTE: Final = 61.0


class InconclusiveVerificationError(Exception):
    """Two deployments were said to be good, and the check of a swap is still open."""


def is_of_unknown_signer(detail: str) -> bool:
    """Whether a target has accepted an assertion, and nothing has shown yet who signed it."""
    return detail.startswith("nothing shows which certificate signed")


@dataclass
class Convergence:
    """One stack on its way to rest.

    Args:
        twin: The stack.
        targets: What trusts it.
        up: Runs `pulumi up`, and returns the error that it ended with.
        fresh: Thinks up a name.
        chance: Chooses among the ways out of one refusal.
        tally: Counts the ways taken.
    """

    engine: FakeEngine
    targets: Targets
    up: Up
    new_name: Callable[[], str]
    rng: random.Random
    statistics: Statistics

    def __post_init__(self) -> None:
        """Begin with no way taken."""
        self.taken_remedies: list[str] = []

    def converge(self, spec: ProgramSpec) -> ProgramSpec:
        """Deploy a text, taking the ways out of its refusals; return the text that is quiet in the end."""
        while (error := self._deploy_twice(spec)) is not None:
            message = error.reason if isinstance(error, CheckFailedError) else str(error)
            if isinstance(error, InconclusiveVerificationError):
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
                has_no_changes = self.engine.preview(spec).has_no_changes
            except (CheckFailedError, TrustError) as refusal:
                return refusal
            if has_no_changes:
                self.engine.assert_stable(spec)
                return None
            if any(map(is_of_unknown_signer, self._inconclusive_destinations(spec).values())):
                self.engine.emulator.advance(ONE_MINUTE)
        if told := self._inconclusive_destinations(spec):
            return InconclusiveVerificationError("; ".join(f"{name}: {detail}" for name, detail in told.items()))
        raise AssertionError("two ups, and something is still to do")

    def _inconclusive_destinations(self, spec: ProgramSpec) -> dict[str, str]:
        """Say of each destination that a deployment left open why it did."""
        stored = self.engine.state.get(spec.trigger_name)
        if stored is None:
            return {}
        found = stored.outputs.get("verified", {})
        asked = stored.outputs.get("verify_now") != spec.verify_now
        names = [name for name, each in found.items() if asked and each["verdict"] == "inconclusive"]
        return {name: found[name]["detail"] for name in [*stored.outputs.get("unverified", []), *names]}

    def _resolve_inconclusive(self, spec: ProgramSpec, told: str) -> ProgramSpec:
        """Do something about what nobody could tell: only what is missing, down, or tells nothing may be the reason."""
        verify_destinations = tuple(name for name in spec.verify_destinations if name != PLAIN)
        assert self.targets.restore_prerequisites() or verify_destinations != spec.verify_destinations, (
            f"a check is open for no reason: {told}"
        )
        self._record_remedy(f"a check is open: {told}", "close the check")
        return replace(spec, verify_destinations=verify_destinations)

    def _apply_remedy(self, refusal: Refusal) -> ProgramSpec:
        ways = remedies(refusal)
        assert ways, f"no way out is known here: {refusal.message}"
        remedy = self.rng.choice(ways)
        self._record_remedy(f"{refusal.message}\n-> {remedy}", remedy.name)
        self._prepare(remedy)
        *first, last = remedy.specs
        for spec in first:
            last = carry_over(spec, self.converge(spec), last)
        return last

    def _record_remedy(self, story: str, name: str) -> None:
        self.statistics.remedies[name] += 1
        self.taken_remedies.append(story)
        assert len(self.taken_remedies) <= MAX_REMEDIES, "no end of refusals:\n" + "\n".join(self.taken_remedies)

    def _prepare(self, remedy: Remedy) -> None:
        for key in remedy.settings:
            self.engine.config.pop(key, None)
        if remedy.refresh:
            self.engine.refresh()
        for act in remedy.acts:
            act()
        left = (remedy.wait_until - self.engine.emulator.now).total_seconds() if remedy.wait_until else 0.0
        self.engine.emulator.advance(max(ONE_MINUTE, left + 1))


def carry_over(was: ProgramSpec, became: ProgramSpec, onto: ProgramSpec) -> ProgramSpec:
    """Carry what a step's own refusals changed over to the step after it."""
    changed = {each.name for each in fields(ProgramSpec) if getattr(was, each.name) != getattr(became, each.name)}
    return replace(
        onto, **{name: getattr(became, name) for name in changed if getattr(onto, name) == getattr(was, name)}
    )
