"""The records of the ledger, one JSON line each. No field holds a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from btp_trust_fleet.stack_run.task import Change, StackState, Verb
from btp_trust_fleet.table.fleet import FleetStack

FORMAT: Final = 1
"""Grows when a field changes its meaning; more fields leave it."""

Moment = Annotated[datetime, Meta(tz=True)]


class RunStarted(Struct, frozen=True, kw_only=True, tag_field="event", tag="run"):
    """A command started to work with this ledger."""

    format: int = FORMAT
    at: Moment
    run: str
    verb: Verb
    host: str
    pid: int
    project: str | None = None
    """Name of the Pulumi project: stacks of two projects may have one name."""


class WaveApproved(Struct, frozen=True, kw_only=True, tag_field="event", tag="approved"):
    """A wave was approved, as its plan was shown."""

    at: Moment
    run: str
    wave: str
    verb: Verb
    generation: str
    digest: str
    plans: dict[str, str]
    """{stack: digest of its approved plan}"""
    by: str


class StackRecord(Struct, frozen=True, kw_only=True):
    """What both records of a run of a stack have: the command, and what the table declared."""

    at: Moment
    run: str
    wave: str
    stack: str
    connection: str | None = None
    verb: Verb
    generation: str
    passive: str | None = None


class StackStarted(StackRecord, frozen=True, kw_only=True, tag_field="event", tag="start"):
    """A stack is about to run: without an end, what became of it is unknown."""


class StackEnded(StackRecord, frozen=True, kw_only=True, tag_field="event", tag="end"):
    """A stack has run."""

    state: StackState
    change: Change = Change.NONE
    started_at: Moment
    plan_digest: str | None = None
    signer_before: str | None = None
    signer_after: str | None = None
    lines: tuple[str, ...] = ()
    log: str | None = None


Record = RunStarted | WaveApproved | StackStarted | StackEnded


def declares_as(record: StackRecord, verb: Verb, stack: FleetStack) -> bool:
    """Return True if a record is about what the table declares now, as far as a verb brings it about.

    Another connection is another subaccount: what was done in the one before says nothing of it.
    """
    if record.connection not in {None, stack.connection}:
        return False
    if verb is Verb.PREPARE:
        return record.passive == stack.passive
    return record.generation == stack.generation
