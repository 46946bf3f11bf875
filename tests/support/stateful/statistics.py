"""Statistics of the examples, so that a search without a finding shows its coverage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Statistics:
    """Counts over all examples."""

    examples: int = 0
    steps: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """By command: `preview`, `up`, `refresh`, `destroy`."""
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Requests with a fault, by kind of fault."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Commands that ended with an error, by class."""
    writes: Counter[str] = field(default_factory=Counter)
    """Writes that changed a slot."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """Verdicts of verifications, by destination; rollbacks."""
    switchovers: Counter[str] = field(default_factory=Counter)
    """Blocks that were written, and deployments that left all up to date."""
    times: Counter[str] = field(default_factory=Counter)
    """Commands with a step that waits, and swaps of programs with limits of time."""
    remedies: Counter[str] = field(default_factory=Counter)
    """Applied remedies, by name."""
    max_requests: Counter[str] = field(default_factory=Counter)
    """The maximum of requests, by operation."""

    def record_maximum(self, operation: str, requests: int) -> None:
        """Record how many requests an operation sent."""
        self.max_requests[operation] = max(self.max_requests[operation], requests)

    def lines(self) -> list[str]:
        """Return the counts as text."""
        result = [f"{self.examples} examples, {self.steps} steps, {self.requests} requests"]
        names = (
            "commands",
            "faults",
            "refusals",
            "writes",
            "verdicts",
            "switchovers",
            "times",
            "remedies",
            "max_requests",
        )
        for name in names:
            counts: Counter[str] = getattr(self, name)
            title = {"remedies": "remedies applied", "max_requests": "most requests of one operation"}.get(name, name)
            result += [f"{title}: {', '.join(f'{key} {count}' for key, count in counts.most_common()) or 'none'}"]
        return result
