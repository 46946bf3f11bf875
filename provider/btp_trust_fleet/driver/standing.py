"""Where a stack stands in a campaign, by the ledger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.records import StackEnded, StackRecord
from btp_trust_fleet.stack_run.task import Change, StackState
from btp_trust_fleet.table.fleet import FleetStack

ATTEMPTS: Final = {StackState.LOST: 2, StackState.LOCKED: 10}
"""{state: how often a command runs a stack that ends like that}, so that it outlasts a worker, and a colleague."""
_SWAPS: Final = frozenset({Change.ROTATE, Change.ROLL_BACK, Change.RESTORE})
LOCKED_PAUSE: Final = timedelta(seconds=60)
"""Between two attempts at a stack that somebody else has locked."""


class Position(Enum):
    """What is to be done with a stack."""

    DUE = auto()
    """It has to run."""
    WAITING = auto()
    """It is locked, and has to run later."""
    POSTPONED = auto()
    """Its program waits for a time, such as a window: a later command runs it."""
    DONE = auto()
    FAILED = auto()
    """It stays as it is in this command."""
    REJECTED = auto()
    """It stays as it is until a person runs it explicitly."""


_FINAL: Final = {StackState.REJECTED: Position.REJECTED, StackState.POSTPONED: Position.POSTPONED}
"""{state: the position after it in this command}; all others are failures, once their attempts are used up."""


class Standing(Struct, frozen=True):
    """A position, and since or until when."""

    position: Position
    at: datetime | None = None


def standing_of(stack: FleetStack, campaign: Campaign, history: History, now: datetime) -> Standing:
    """Return where a stack stands that is not running."""
    known = list(history.attempts(campaign.verb, stack))
    is_named = stack.stack in campaign.named
    is_again = is_named or (campaign.again and campaign.is_chosen(stack))
    attempts = [record for record in known if record.run == campaign.run] if is_again else known
    if not attempts:
        return Standing(Position.REJECTED if _is_rejected(known) and not is_named else Position.DUE)
    last = attempts[0]
    if isinstance(last, StackEnded):
        if last.state.is_green:
            return Standing(Position.DONE, _green_since(last, known))
        if last.run == campaign.run:
            return _after_failure(last, attempts, now)
    return Standing(Position.REJECTED if _is_rejected(attempts) else Position.DUE)


def _green_since(last: StackEnded, attempts: Sequence[StackRecord]) -> datetime:
    """Return since when the signer is in use: another run that changes nothing leaves it there."""
    since = last.at
    for record in attempts:
        if isinstance(record, StackEnded):
            if not record.state.is_green:
                break
            since = record.at
            if record.change in _SWAPS:
                break
    return since


def _after_failure(last: StackEnded, attempts: Sequence[StackRecord], now: datetime) -> Standing:
    if last.state in _FINAL:
        return Standing(_FINAL[last.state], last.at)
    if _count(attempts, last) >= ATTEMPTS.get(last.state, 1):
        return Standing(Position.FAILED, last.at)
    # A clock that was set back would make the pause as long as that.
    if last.state is StackState.LOCKED and timedelta() <= now - last.at < LOCKED_PAUSE:
        return Standing(Position.WAITING, last.at + LOCKED_PAUSE)
    return Standing(Position.DUE)


def _count(attempts: Sequence[StackRecord], last: StackEnded) -> int:
    """Return how often this command ended the stack in this state."""
    ends = (record for record in attempts if isinstance(record, StackEnded) and record.run == last.run)
    return sum(end.state is last.state for end in ends)


def _is_rejected(attempts: Sequence[StackRecord]) -> bool:
    """Return True if the last word about this declaration is the rejection of a target."""
    # A killed run leaves a start alone, which says nothing of the target.
    ends = (record for record in attempts if isinstance(record, StackEnded))
    return next((end.state is StackState.REJECTED for end in ends), False)
