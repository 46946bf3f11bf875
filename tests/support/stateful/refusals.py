"""A refusal as a reader has it before them, and a way out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from support.fake_engine import Stored, Twin
from support.stateful.program import Text
from support.stateful.targets import Targets

FINGERPRINT: Final = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Way:
    """One way out: its name, what is done first, and the texts that are deployed."""

    name: str
    texts: tuple[Text, ...] = ()
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
    text: Text
    twin: Twin
    targets: Targets
    fresh: Callable[[], str]
    """Thinks up a name that was not used before."""

    @property
    def what(self) -> str:
        """The first line."""
        return self.message.splitlines()[0]

    @property
    def remedy(self) -> str:
        """The last line."""
        return self.message.splitlines()[-1]

    def pasted(self, argument: str) -> list[str]:
        """Read the values of an argument from the lines to paste."""
        return re.findall(rf'\b{argument}="([^"]*)"', self.remedy)

    @property
    def known(self) -> dict[str, str]:
        """Read the names to paste into known_generations; an open fingerprint is that of what signs."""
        found = re.findall(r"known_generations=(\{[^}]*\})", self.remedy)
        names: dict[str, str] = json.loads(found[0]) if found else {}
        return {name: told if FINGERPRINT.fullmatch(told) else str(self.twin.slots[0]) for name, told in names.items()}

    @property
    def trigger(self) -> Stored | None:
        """What the state has of the trigger."""
        return self.twin.state.get(self.text.trigger_name)

    @property
    def passive(self) -> Stored | None:
        """What the state has of the passive certificate."""
        return self.twin.state.get(self.text.passive_name)

    def before(self) -> Text:
        """Give the passive certificate of the state instead of the one in the text, waivers included."""
        if self.passive is None:
            return replace(self.text, prepares=None, adopt=None, replace=None)
        told = self.passive.inputs
        return replace(self.text, prepares=told["generation"], adopt=told.get("adopt"), replace=told.get("replace"))


Ways = Iterator[Way]


def teaching(refusal: Refusal, text: Text) -> Way:
    """Teach the names to paste."""
    return Way("declare, teach", (replace(text, known={**text.known, **refusal.known}),))
