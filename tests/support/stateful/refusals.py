"""A refusal as a reader has it before them, and a way out of it."""

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
    """One way out: its name, what is done first, and the texts that are deployed."""

    name: str
    specs: tuple[ProgramSpec, ...] = ()
    refresh: bool = False
    wait_until: datetime | None = None
    settings: tuple[str, ...] = ()
    """Configuration that is taken away."""
    acts: tuple[Callable[[], object], ...] = ()
    """What others do first: owners of targets, administrators."""


@dataclass(frozen=True)
class Refusal:
    """A message in its three parts, the text that met it, and the stack that it was about."""

    message: str
    spec: ProgramSpec
    engine: FakeEngine
    targets: Targets
    new_name: Callable[[], str]
    """Thinks up a name that was not used before."""

    @property
    def what(self) -> str:
        """The first line."""
        return self.message.splitlines()[0]

    @property
    def remedy(self) -> str:
        """The last line."""
        return self.message.splitlines()[-1]

    def pasteable_values(self, argument: str) -> list[str]:
        """Read the values of an argument from the lines to paste."""
        return re.findall(rf'\b{argument}="([^"]*)"', self.remedy)

    @property
    def known(self) -> dict[str, str]:
        """Read the names to paste into known_generations; an open fingerprint is that of what signs."""
        found = re.findall(r"known_generations=(\{[^}]*\})", self.remedy)
        names: dict[str, str] = json.loads(found[0]) if found else {}
        return {
            name: told if FINGERPRINT.fullmatch(told) else str(self.engine.slots[0]) for name, told in names.items()
        }

    @property
    def trigger(self) -> StoredResource | None:
        """What the state has of the trigger."""
        return self.engine.state.get(self.spec.trigger_name)

    @property
    def passive(self) -> StoredResource | None:
        """What the state has of the passive certificate."""
        return self.engine.state.get(self.spec.passive_name)

    def before(self) -> ProgramSpec:
        """Give the passive certificate of the state instead of the one in the text, waivers included."""
        if self.passive is None:
            return replace(self.spec, passive_generation=None, adopt=None, replace=None)
        told = self.passive.inputs
        return replace(
            self.spec, passive_generation=told["generation"], adopt=told.get("adopt"), replace=told.get("replace")
        )


Remedies = Iterator[Remedy]


def declare_known_generations(refusal: Refusal, spec: ProgramSpec) -> Remedy:
    """Teach the names to paste."""
    return Remedy("declare, teach", (replace(spec, known={**spec.known, **refusal.known}),))
