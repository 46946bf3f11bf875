"""What the driver does next. Pure: the campaign, the ledger, what runs and the time in; an action out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.standing import Position, Standing, standing_of
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.stack_run.task import Verb
from btp_trust_fleet.table.fleet import FleetStack, Wave

_FAILURES: Final = (Position.FAILED, Position.REJECTED)


class Ending(StrEnum):
    """Why a command has nothing more to do."""

    DONE = "done"
    """Every chosen stack is what its program says."""
    SOAK = "soak"
    """The next wave may start later."""
    APPROVAL = "approval"
    """The next wave waits for its approval."""
    POSTPONED = "postponed"
    """Programs of the wave wait for a time."""
    EARLIER_WAVE = "earlier wave"
    """Stacks of an earlier wave are still to be run, and the command is about others."""
    STOPPED = "stopped"
    """A person asked to start no more."""
    FAILED = "failed"


class Start(Struct, frozen=True):
    """Run these stacks."""

    wave: Wave
    stacks: tuple[FleetStack, ...]


class Approve(Struct, frozen=True):
    """Plan these stacks, and ask for the approval of the wave."""

    wave: Wave
    stacks: tuple[FleetStack, ...]


class Wait(Struct, frozen=True):
    """Wait for an outcome, or until a moment."""

    until: datetime | None = None


class End(Struct, frozen=True):
    """Nothing is left to be done in this command."""

    ending: Ending
    wave: Wave | None = None
    until: datetime | None = None
    """When the next wave may start."""


Action = Start | Approve | Wait | End


def next_action(
    campaign: Campaign, history: History, running: Collection[str], now: datetime, *, is_stopping: bool = False
) -> Action:
    """Return what to do next; the caller does that, records what happens, and asks again.

    Args:
        campaign: What is to be done.
        history: The ledger, up to now.
        running: The stacks that run.
        now: The time.
        is_stopping: A person asked to start no more.
    """
    earlier: _WaveView | None = None
    for wave in campaign.waves:
        view = _WaveView(wave, campaign, history, running, now)
        if not view.is_green:
            return view.next_action(earlier, is_stopping=is_stopping)
        earlier = view
        if view.completes_choice:
            break
    return End(Ending.DONE)


class _WaveView:
    """A wave at one moment.

    Args:
        wave: The wave.
        campaign: What is to be done.
        history: The ledger.
        running: The stacks that run.
        now: The time.
    """

    def __init__(
        self, wave: Wave, campaign: Campaign, history: History, running: Collection[str], now: datetime
    ) -> None:
        self._wave, self._campaign, self._history, self._now = wave, campaign, history, now
        self._running = [stack for stack in wave.stacks if stack.stack in running]
        self._standings = {
            stack: standing_of(stack, campaign, history, now) for stack in wave.stacks if stack.stack not in running
        }

    @property
    def is_green(self) -> bool:
        """Return True if every stack is what its program says."""
        return len(self._at(Position.DONE)) == len(self._wave.stacks)

    @property
    def completes_choice(self) -> bool:
        """Return True if the command is about this wave and earlier ones alone."""
        chosen = self._campaign.chosen
        return chosen is not None and chosen <= self._up_to_here

    def next_action(self, earlier: _WaveView | None, *, is_stopping: bool) -> Action:
        """Return what to do in a wave that is still to become green."""
        due = [stack for stack in self._at(Position.DUE) if self._campaign.is_chosen(stack)]
        if self._has_failed or is_stopping:
            return Wait() if self._running else self._end(is_stopping=is_stopping)
        if due and earlier is not None and self._now < (start := self._soaked_at(earlier)):
            return End(Ending.SOAK, self._wave, start)
        if due and not self._is_approved(due):
            return Wait() if self._running else Approve(self._wave, tuple(due))
        if free := due[: self._campaign.parallel - len(self._running)]:
            return Start(self._wave, tuple(free))
        return Wait(self._next_attempt) if self._running or self._next_attempt else self._end(is_stopping=False)

    def _end(self, *, is_stopping: bool) -> End:
        if self._failures:
            return End(Ending.FAILED, self._wave)
        if is_stopping:
            return End(Ending.STOPPED, self._wave)
        if any(map(self._campaign.is_chosen, self._at(Position.POSTPONED))):
            return End(Ending.POSTPONED, self._wave)
        return End(Ending.DONE) if self.completes_choice else End(Ending.EARLIER_WAVE, self._wave)

    @property
    def _failures(self) -> int:
        """How many stacks failed, of those that the command is about."""
        failed = (stack for position in _FAILURES for stack in self._at(position))
        return sum(map(self._campaign.is_chosen, failed))

    @property
    def _has_failed(self) -> bool:
        return self._failures >= self._wave.stop_after

    @property
    def _next_attempt(self) -> datetime | None:
        waiting = self._at(Position.WAITING)
        moments = (waiting[stack].at for stack in waiting if self._campaign.is_chosen(stack))
        return min((moment for moment in moments if moment), default=None)

    @property
    def _up_to_here(self) -> set[str]:
        waves = self._campaign.waves[: self._campaign.waves.index(self._wave) + 1]
        return {stack.stack for wave in waves for stack in wave.stacks}

    def _at(self, position: Position) -> dict[FleetStack, Standing]:
        return {stack: standing for stack, standing in self._standings.items() if standing.position is position}

    def _soaked_at(self, earlier: _WaveView) -> datetime:
        """Return from when on a wave may start after another one: users have to meet new signers, nothing else."""
        if self._campaign.verb is not Verb.ROTATE or self._running or self._at(Position.DONE):
            return self._now
        return max(standing.at or self._now for standing in earlier._standings.values()) + earlier._wave.soak

    def _is_approved(self, due: Collection[FleetStack]) -> bool:
        if not self._campaign.needs_approval(self._wave):
            return True
        return {stack.stack for stack in due} <= set(self._history.approved_plans(self._campaign.verb, self._wave))
