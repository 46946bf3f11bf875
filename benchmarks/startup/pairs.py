"""Pairs of times and their ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

LIMIT = 1.15
"""How many times as long as with empty resources a command may take."""


@dataclass(frozen=True)
class Pair:
    """Seconds of one command with this provider's resources, and directly beside it with empty ones."""

    ours: float
    empty: float


def ratio(pairs: Sequence[Pair]) -> float:
    """Return the median of the pairs' ratios: what both commands of a pair suffer from the machine cancels out."""
    return median(pair.ours / pair.empty for pair in pairs)


def middle_half(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the quartiles of the pairs' ratios: a wide range tells of a busy machine."""
    lower, _, upper = quantiles((pair.ours / pair.empty for pair in pairs), n=4, method="inclusive")
    return lower, upper


def to_json(measured: Mapping[str, Sequence[Pair]]) -> dict[str, Any]:
    """Return the numbers of each command: medians in seconds, the ratio with its quartiles, the number of pairs."""
    return {
        name: {
            "pairs": len(pairs),
            "ours_seconds": round(median(pair.ours for pair in pairs), 2),
            "empty_seconds": round(median(pair.empty for pair in pairs), 2),
            "ratio": round(ratio(pairs), 3),
            "quartiles": [round(each, 3) for each in middle_half(pairs)],
        }
        for name, pairs in measured.items()
    }
