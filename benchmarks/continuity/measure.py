"""What comes of the calls: how many, how many refused, and for how long nobody got through. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

OURS = "rotation"
"""The scenario in which no call may be refused; in all others some must be, or the benchmark does not measure."""


@dataclass(frozen=True)
class Call:
    """A user's call: to which target, when its answer was there (seconds since the beginning), why it was refused."""

    target: str
    at: float
    refusal: str | None = None


@dataclass(frozen=True)
class Measured:
    """The numbers of a scenario."""

    made: int
    refused: int
    longest_gap_seconds: float


@dataclass(frozen=True)
class Played:
    """What happened in a scenario: the calls in their order, what was done when, whether another key signs now."""

    calls: tuple[Call, ...]
    deeds: tuple[tuple[float, str], ...]
    signer_changed: bool


def measure(calls: Iterable[Call]) -> Measured:
    """Count the calls, and find the longest gap of any target."""
    every = list(calls)
    refused = sum(call.refusal is not None for call in every)
    gaps = [
        longest_gap([call for call in every if call.target == target]) for target in {call.target for call in every}
    ]
    return Measured(len(every), refused, round(max(gaps, default=0.0), 2))


def longest_gap(calls: Iterable[Call]) -> float:
    """Return the longest time without a successful call to a target while calls were refused, in seconds.

    A gap lasts from the last success before a refusal (or the beginning) to the first one after it (or the last call).
    Without a refusal there is none, however seldom users call.

    Args:
        calls: All calls to one target, in the order of their answers.
    """
    longest = success = 0.0
    refused = False
    for call in calls:
        if call.refusal is not None or refused:
            longest = max(longest, call.at - success)
        refused = call.refusal is not None
        success = success if refused else call.at
    return longest


def faults(found: Mapping[str, Played]) -> list[str]:
    """Say what must not be: a refusal in ours, none in another, or a scenario that did not come to its end."""
    said = []
    for name, played in found.items():
        measured = measure(played.calls)
        if name == OURS and measured.refused:
            said.append(f"{name}: {measured.refused} of {measured.made} calls were refused, and none may be.")
        if name != OURS and not measured.refused:
            said.append(f"{name}: no call was refused, so this does not measure anything.")
        if not played.signer_changed:
            said.append(f"{name}: the same certificate signs as before, so nothing was exchanged.")
        last = {call.target: call.refusal for call in played.calls}
        said += [f"{name}: {target} still refuses in the end: {why}" for target, why in last.items() if why is not None]
    return said


def as_json(found: Mapping[str, Played]) -> dict[str, dict[str, Any]]:
    """Return the numbers by scenario, as they are kept."""
    return {name: asdict(measure(played.calls)) for name, played in found.items()}
