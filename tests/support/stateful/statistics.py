"""What the examples met: counts, so that a search that found nothing can show where it looked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Statistics:
    """Counts by what was counted, all examples together."""

    examples: int = 0
    steps: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """By command: `preview`, `up`, `refresh`, `destroy`."""
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Requests that met a fault, by kind; kills and a line that was down, by name."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Commands that ended with an error, by class."""
    writes: Counter[str] = field(default_factory=Counter)
    """Writes that changed a slot."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """What checks of swaps found out, by destination; swaps that were undone, and those that waited for a check."""
    remedies: Counter[str] = field(default_factory=Counter)
    """Remedies taken, by name."""
    most: Counter[str] = field(default_factory=Counter)
    """The most requests that one operation sent, by operation."""

    def record_maximum(self, operation: str, requests: int) -> None:
        """Take down how many requests an operation sent."""
        self.most[operation] = max(self.most[operation], requests)

    def lines(self) -> list[str]:
        """Write the counts for people."""
        found = [f"{self.examples} examples, {self.steps} steps, {self.requests} requests"]
        for name in ("commands", "faults", "refusals", "writes", "verdicts", "remedies", "most"):
            counts: Counter[str] = getattr(self, name)
            title = {"remedies": "remedies applied", "most": "most requests of one operation"}.get(name, name)
            found += [f"{title}: {', '.join(f'{key} {count}' for key, count in counts.most_common()) or 'none'}"]
        return found
