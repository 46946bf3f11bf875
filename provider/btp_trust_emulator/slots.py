"""The names: the two slots, what a look at both shows, what a colleague can do to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Slot(Enum):
    """The active certificate signs; the passive one waits."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class Slots:
    """What the slots hold: the SHA-256 of each DER as lower-case hex digits, None for an empty slot."""

    active: str | None
    passive: str | None


class Action(Enum):
    """What a colleague does in the cockpit."""

    GENERATE_ACTIVE = "generate_active"
    GENERATE_PASSIVE = "generate_passive"
    ROTATE = "rotate"
    DELETE_PASSIVE = "delete_passive"
