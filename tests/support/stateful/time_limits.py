"""Limits of the time of a rotation: the changes of programs, what they allow by other words, and what must be said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from btp_trust_emulator.slots import Slots
from support.stateful.observed_command import ObservedCommand
from support.stateful.program import Change, ProgramSpec
from support.stateful.statistics import Statistics

NIGHTLY: Final = {"cron": "0 2 * * *", "duration": "4h"}
SUNDAYS: Final = {"cron": "0 22 * * SUN", "duration": "6h", "time_zone": "Etc/UTC"}
"""Over midnight."""
NO_LIMITS: Final[Change] = {"soak": None, "freeze": (), "window": None, "when": None}
TIME_EDITS: Final[list[Change]] = [
    NO_LIMITS,
    {"soak": "12h"},
    {"soak": "12h", "when": "next_window"},
    {"window": NIGHTLY},
    {"window": NIGHTLY, "when": "next_window"},
    {"window": SUNDAYS, "when": "next_window"},
    {"window": SUNDAYS, "soak": "12h", "when": "next_window"},
    {"when": None},
    {"break_glass": {}},
    {"revoked": {}},
]
"""Changes of the limits."""
_SOAK: Final = {None: timedelta(), "12h": timedelta(hours=12)}
_SLACK: Final = timedelta(minutes=15)
"""For the time between the last reading before a swap and the swap, under disturbances."""


def is_time(spec: ProgramSpec, created: datetime, moment: datetime) -> bool:
    """Return True if the limits let a certificate sign that was created then."""
    if moment < created + _SOAK[spec.soak]:
        return False
    if any(freeze["from"] <= f"{moment:%Y-%m-%d}" <= freeze["to"] for freeze in spec.freeze):
        return False
    in_nightly = 2 <= moment.hour < 6
    in_sundays = (moment.isoweekday(), moment.hour) >= (7, 22) or (moment.isoweekday() == 1 and moment.hour < 4)
    return spec.window is None or (in_nightly if spec.window == NIGHTLY else in_sundays)


def was_time(spec: ProgramSpec, created: datetime, moment: datetime) -> bool:
    """Return True if it was time at the last reading before this moment."""
    steps = _SLACK // timedelta(minutes=1)
    return any(is_time(spec, created, moment - timedelta(minutes=number)) for number in range(steps + 1))


@dataclass
class TimeInvariants:
    """Checks that swaps keep to their time, that no revoked certificate is made to sign, and that waiting is said."""

    statistics: Statistics

    def check_swap(self, command: ObservedCommand, after: Slots, at: datetime, created: datetime) -> None:
        """Assert that a planned swap came in its time; rollbacks and restorations pass at any time."""
        spec, plan = command.spec, command.engine.last_report.inputs[command.spec.trigger_name]
        old = command.before[spec.trigger_name]
        is_restore = plan["generation"] == old.inputs["generation"]
        is_rollback = (
            after.active == old.outputs.get("previous_fingerprint") or "rollback_outcome_unknown" in old.outputs
        )
        if is_restore or is_rollback:
            return
        is_broken, is_due = spec.active_generation in spec.break_glass, was_time(spec, created, at)
        assert is_broken or is_due, f"swapped at {at}, outside of its time"
        has_limits = spec.soak or spec.freeze or spec.window
        self.statistics.times["broke the glass" if not is_due else "in its time"] += bool(has_limits)

    def check_revoked(self, command: ObservedCommand, after: Slots) -> None:
        """Assert that no swap of ours makes a revoked certificate sign, under any of its names."""
        generations = command.engine.last_report.inputs[command.spec.trigger_name].get("generations", {})
        revoked = {generations.get(name) for name in command.spec.revoked}
        assert after.active not in revoked, "a revoked certificate was made to sign"

    def check_waiting(self, command: ObservedCommand) -> None:
        """Assert that a step which is left alone is said, and leaves slots and recorded generation as they are."""
        inputs: dict[str, Any] | None = command.engine.last_report.inputs.get(command.spec.trigger_name)
        if command.error is not None or command.name not in ("preview", "up") or inputs is None:
            return
        messages, declared = command.engine.last_report.messages, command.spec.active_generation
        waits = inputs["generation"] != declared
        assert waits == ("waits until" in messages), "a step that is left alone was left unsaid"
        if waits:
            self.statistics.times["waits"] += 1
            assert command.swaps == [], "a step that waits was performed"
            recorded = command.engine.state[command.spec.trigger_name]
            assert recorded.inputs["generation"] == recorded.outputs["generation"] != declared
