"""With the faults gone: two `up` converge and all is quiet, or a refusal names a way out, and that one works."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Final

from btp_trust.errors import TrustError
from support.fake_engine import CheckFailedError, Twin
from support.stateful.program import Text
from support.stateful.refusals import Refusal, Way
from support.stateful.remedies import ways_out
from support.stateful.statistics import Tally
from support.stateful.targets import PLAIN, Targets

Up = Callable[[Text], BaseException | None]
MOST_WAYS: Final = 8
"""A text may ask for several things that cannot be; each is refused for itself."""
A_MINUTE: Final = 61.0


class LeftOpen(Exception):
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

    twin: Twin
    targets: Targets
    up: Up
    fresh: Callable[[], str]
    chance: random.Random
    tally: Tally

    def __post_init__(self) -> None:
        """Begin with no way taken."""
        self.taken: list[str] = []

    def settle(self, text: Text) -> Text:
        """Deploy a text, taking the ways out of its refusals; return the text that is quiet in the end."""
        while (error := self._two_ups(text)) is not None:
            message = error.reason if isinstance(error, CheckFailedError) else str(error)
            if isinstance(error, LeftOpen):
                text = self._close(text, message)
            else:
                text = self._follow(Refusal(message, text, self.twin, self.targets, self.fresh))
        return text

    def _two_ups(self, text: Text) -> BaseException | None:
        for _ in range(2):
            error = self.up(text)
            if error is not None:
                return error
            try:
                is_quiet = self.twin.preview(text).is_quiet
            except (CheckFailedError, TrustError) as refusal:
                return refusal
            if is_quiet:
                self.twin.assert_settled(text)
                return None
            if any(map(is_of_unknown_signer, self._open(text).values())):
                self.twin.emulator.advance(A_MINUTE)
        if told := self._open(text):
            return LeftOpen("; ".join(f"{name}: {detail}" for name, detail in told.items()))
        raise AssertionError("two ups, and something is still to do")

    def _open(self, text: Text) -> dict[str, str]:
        """Say of each destination that a deployment left open why it did."""
        stored = self.twin.state.get(text.trigger_name)
        if stored is None:
            return {}
        found = stored.outputs.get("verified", {})
        asked = stored.outputs.get("verify_now") != text.verify_now
        names = [name for name, each in found.items() if asked and each["verdict"] == "inconclusive"]
        return {name: found[name]["detail"] for name in [*stored.outputs.get("unverified", []), *names]}

    def _close(self, text: Text, told: str) -> Text:
        """Do something about what nobody could tell: only what is missing, down, or tells nothing may be the reason."""
        verifies = tuple(name for name in text.verifies if name != PLAIN)
        assert self.targets.mend() or verifies != text.verifies, f"a check is open for no reason: {told}"
        self._take(f"a check is open: {told}", "close the check")
        return replace(text, verifies=verifies)

    def _follow(self, refusal: Refusal) -> Text:
        ways = ways_out(refusal)
        assert ways, f"no way out is known here: {refusal.message}"
        way = self.chance.choice(ways)
        self._take(f"{refusal.message}\n-> {way}", way.name)
        self._prepare(way)
        *first, last = way.texts
        for text in first:
            last = carried(text, self.settle(text), last)
        return last

    def _take(self, story: str, name: str) -> None:
        self.tally.ways_out[name] += 1
        self.taken.append(story)
        assert len(self.taken) <= MOST_WAYS, "no end of refusals:\n" + "\n".join(self.taken)

    def _prepare(self, way: Way) -> None:
        for key in way.settings:
            self.twin.config.pop(key, None)
        if way.refresh:
            self.twin.refresh()
        for act in way.acts:
            act()
        left = (way.wait_until - self.twin.emulator.now).total_seconds() if way.wait_until else 0.0
        self.twin.emulator.advance(max(A_MINUTE, left + 1))


def carried(was: Text, became: Text, onto: Text) -> Text:
    """Carry what a step's own refusals changed over to the step after it."""
    changed = {each.name for each in fields(Text) if getattr(was, each.name) != getattr(became, each.name)}
    return replace(
        onto, **{name: getattr(became, name) for name in changed if getattr(onto, name) == getattr(was, name)}
    )
