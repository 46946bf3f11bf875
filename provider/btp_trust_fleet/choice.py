"""Which part of a fleet the options of a command choose. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.table.fleet import Fleet, FleetStack, Wave

_EXAMPLES: Final = 10
"""Names that a message gives."""


def choose_stacks(fleet: Fleet, wave: str | None, names: Sequence[str]) -> frozenset[str] | None:
    """Return the stacks that are chosen by the name or number of a wave, and by names; None for all of them.

    Raises:
        ConfigurationError: A name is unknown.
    """
    if wave is None and not names:
        return None
    of_wave = () if wave is None else _wave(fleet, wave).stacks
    return frozenset(stack.stack for stack in (*of_wave, *(_stack(fleet, name) for name in names)))


def chosen_of(fleet: Fleet, chosen: frozenset[str] | None) -> tuple[FleetStack, ...]:
    """Return the rows of the chosen stacks."""
    return tuple(stack for stack in fleet.stacks if chosen is None or stack.stack in chosen)


def _wave(fleet: Fleet, text: str) -> Wave:
    found = fleet.find_wave(text)
    if found is None:
        raise _unknown(fleet, "wave", text, [wave.name for wave in fleet.waves])
    return found


def _stack(fleet: Fleet, text: str) -> FleetStack:
    found = fleet.find_stack(text)
    if found is None:
        raise _unknown(fleet, "stack", text, [stack.stack for stack in fleet.stacks])
    return found


def _unknown(fleet: Fleet, noun: str, text: str, names: Sequence[str]) -> ConfigurationError:
    similar = get_close_matches(text, names, n=1) or names[:_EXAMPLES]
    return ConfigurationError(
        f"The fleet lacks the {noun} {text!r}.",
        f"Looked in {fleet.path}.",
        f"Choose one of the table, for example {', '.join(similar)}.",
    )
