"""A refusal as its reader sees it, and a remedy of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from support.fake_engine import FakeEngine, StoredResource
from support.stateful.program import ProgramSpec
from support.stateful.targets import Targets

FINGERPRINT: Final = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Remedy:
    """One remedy: its name, its preconditions, and the programs to deploy."""

    name: str
    specs: tuple[ProgramSpec, ...] = ()
    refresh: bool = False
    wait_until: datetime | None = None
    removed_settings: tuple[str, ...] = ()
    """Keys to remove from the configuration."""
    preconditions: tuple[Callable[[], object], ...] = ()
    """Acts of others before it, such as owners of targets and administrators."""


@dataclass(frozen=True)
class Refusal:
    """A message in three parts, with the refused program and its stack."""

    message: str
    spec: ProgramSpec
    engine: FakeEngine
    targets: Targets
    new_name: Callable[[], str]
    """Returns an unused name."""

    @property
    def problem(self) -> str:
        """The first line."""
        return self.message.splitlines()[0]

    @property
    def remedy(self) -> str:
        """The last line."""
        return self.message.splitlines()[-1]

    def pasteable_values(self, argument: str) -> list[str]:
        """Return the values of an argument in the lines to paste."""
        return re.findall(rf'\b{argument}="([^"]*)"', self.remedy)

    @property
    def known_generations(self) -> dict[str, str]:
        """The argument known_generations to paste; a placeholder stands for the active certificate."""
        matches = re.findall(r"known_generations=(\{[^}]*\})", self.remedy)
        names: dict[str, str] = json.loads(matches[0]) if matches else {}
        return {
            name: value if FINGERPRINT.fullmatch(value) else str(self.engine.slots[0]) for name, value in names.items()
        }

    @property
    def trigger(self) -> StoredResource | None:
        """The trigger in the state."""
        return self.engine.state.get(self.spec.trigger_name)

    @property
    def passive(self) -> StoredResource | None:
        """The PassiveTrustCertificate in the state."""
        return self.engine.state.get(self.spec.passive_name)

    def with_recorded_passive(self) -> ProgramSpec:
        """Return the program with the PassiveTrustCertificate of the state, waivers included."""
        if self.passive is None:
            return replace(self.spec, passive_generation=None, adopt=None, replace=None)
        inputs = self.passive.inputs
        return replace(
            self.spec, passive_generation=inputs["generation"], adopt=inputs.get("adopt"), replace=inputs.get("replace")
        )


Remedies = Iterator[Remedy]


def declare_known_generations(refusal: Refusal, spec: ProgramSpec) -> Remedy:
    """Return the remedy that pastes known_generations."""
    known = {**spec.known_generations, **refusal.known_generations}
    return Remedy("declare, with known generations", (replace(spec, known_generations=known),))
