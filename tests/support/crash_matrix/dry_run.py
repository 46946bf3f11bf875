"""An operation played undisturbed with the twin of the engine: what the real one will send, in no time."""

from __future__ import annotations

from dataclasses import dataclass

from btp_trust_emulator import Action, Emulator
from support import fake_engine
from support.crash_matrix.counts import Counts, count, in_words, shape
from support.crash_matrix.operations import Operation, Provider
from support.crash_matrix.surroundings import dress, enter, trusted
from support.verification import NAMED


@dataclass(frozen=True)
class Rehearsal:
    """What an operation sends and does."""

    requests: tuple[str, ...]
    counts: Counts
    end: tuple[str, str]
    """What the slots hold afterwards, in words of what they held before."""
    trusted: tuple[str, ...]
    """What another subaccount trusts."""


def rehearse(operation: Operation, emulator: Emulator) -> Rehearsal:
    """Play an operation on a new subaccount."""
    guid = emulator.create_subaccount(generate=not operation.begins_empty).guid
    stack = fake_engine.Twin(emulator, guid, {"btp-trust:user": NAMED}, target=enter(operation.scene, emulator))
    for step in operation.before:
        emulator.advance(fake_engine.HOUR)
        if isinstance(step, Action):
            act(emulator, guid, step)
        else:
            stack.up(step.in_twin(None))
    emulator.advance(fake_engine.HOUR)
    dress(operation.scene, emulator, guid)
    before, journal = emulator.slots(guid), len(emulator.journal())
    if operation.command == "refresh":
        report = stack.refresh()
    else:
        report = stack.up(operation.change.in_twin(before.active), skip_preview=True)
    own = [entry for entry in emulator.journal()[journal:] if entry.subaccount == guid]
    counts = count(operation, before, own)
    end, trusts = shape(before, emulator.slots(guid)), in_words(before, trusted(emulator, stack.target))
    return Rehearsal(tuple(report.requests), counts, end, trusts)


def foreseen(provider: Provider, operation: Operation, emulator: Emulator) -> tuple[str, ...]:
    """Return the requests of an operation's undisturbed run: the naive provider writes the same and reads nothing."""
    requests = rehearse(operation, emulator).requests
    if provider is Provider.OURS:
        return requests
    return ("POST token", *(request for request in requests if not fake_engine.is_read(request)))


def act(emulator: Emulator, guid: str, action: Action) -> None:
    """Let a colleague act in the cockpit."""
    {Action.ROTATE: emulator.rotate, Action.GENERATE_PASSIVE: emulator.generate_passive}[action](guid)
