"""Measurements of calls: their number, the rejected ones, and the longest gap. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

PROVIDER_SCENARIO = "rotation"
"""The scenario in which all calls must be accepted. Each other one must have rejected calls."""


@dataclass(frozen=True)
class UserCall:
    """A user's call: its target, the time of its answer (seconds since the start), the reason of a rejection."""

    target: str
    at: float
    rejection: str | None = None


@dataclass(frozen=True)
class Measurement:
    """The numbers of a scenario."""

    calls: int
    rejected: int
    longest_gap_seconds: float


@dataclass(frozen=True)
class ScenarioResult:
    """The course of a scenario: calls, events, and whether the signer has changed."""

    calls: tuple[UserCall, ...]
    events: tuple[tuple[float, str], ...]
    signer_changed: bool


def measure(calls: Iterable[UserCall]) -> Measurement:
    """Count the calls, and find the longest gap of any target."""
    every = list(calls)
    rejected = sum(call.rejection is not None for call in every)
    gaps = [
        find_longest_gap([call for call in every if call.target == target])
        for target in {call.target for call in every}
    ]
    return Measurement(len(every), rejected, round(max(gaps, default=0.0), 2))


def find_longest_gap(calls: Iterable[UserCall]) -> float:
    """Return the longest time between two accepted calls to a target with rejected ones between them, in seconds.

    A gap lasts from the last success before a rejection (or the start) to the first one after it (or the last call).
    Without a rejection there is none, however seldom users call.

    Args:
        calls: All calls to one target, in the order of their answers.
    """
    longest = success = 0.0
    rejected = False
    for call in calls:
        if call.rejection is not None or rejected:
            longest = max(longest, call.at - success)
        rejected = call.rejection is not None
        success = success if rejected else call.at
    return longest


def find_problems(found: Mapping[str, ScenarioResult]) -> list[str]:
    """Return the problems: a rejection in ours, another one without a rejection, or an incomplete scenario."""
    said = []
    for name, result in found.items():
        measured = measure(result.calls)
        if name == PROVIDER_SCENARIO and measured.rejected:
            said.append(f"{name}: {measured.rejected} of {measured.calls} calls were rejected; all must be accepted.")
        if name != PROVIDER_SCENARIO and not measured.rejected:
            said.append(f"{name}: all calls were accepted, so the benchmark lacks sensitivity.")
        if not result.signer_changed:
            said.append(f"{name}: the active certificate is the same as before.")
        last = {call.target: call.rejection for call in result.calls}
        said += [f"{name}: {target} still rejects in the end: {why}" for target, why in last.items() if why is not None]
    return said


def to_json(found: Mapping[str, ScenarioResult]) -> dict[str, dict[str, Any]]:
    """Return the numbers by scenario, as in the results file."""
    return {name: asdict(measure(result.calls)) for name, result in found.items()}
