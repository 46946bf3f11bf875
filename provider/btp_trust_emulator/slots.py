"""The names of the two slots, their contents, and the actions of a colleague on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Slot(Enum):
    """The two slots: the active certificate signs, the passive one waits."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class Slots:
    """The contents of the slots: the SHA-256 of each DER as lower-case hex digits, None for an empty slot."""

    active: str | None
    passive: str | None


class Action(Enum):
    """The actions of a colleague in the cockpit."""

    GENERATE_ACTIVE = "generate_active"
    GENERATE_PASSIVE = "generate_passive"
    ROTATE = "rotate"
    DELETE_PASSIVE = "delete_passive"
