"""An operation played undisturbed with the twin of the engine: what the real one will send, in no time."""

from __future__ import annotations

from dataclasses import dataclass

from btp_trust_emulator import Action, Emulator
from support import fake_engine
from support.crash_matrix.counts import Counts, count, in_words, slots_in_words
from support.crash_matrix.operations import Operation, ProviderKind
from support.crash_matrix.surroundings import create_other_subaccount, create_surroundings, trusted
from support.verification import USER_CONFIG


@dataclass(frozen=True)
class DryRun:
    """What an operation sends and does."""

    requests: tuple[str, ...]
    counts: Counts
    end: tuple[str, str]
    """What the slots hold afterwards, in words of what they held before."""
    trusted: tuple[str, ...]
    """What another subaccount trusts."""


def dry_run(operation: Operation, emulator: Emulator) -> DryRun:
    """Play an operation on a new subaccount."""
    guid = emulator.create_subaccount(generate=not operation.starts_empty).guid
    stack = fake_engine.FakeEngine(
        emulator,
        guid,
        {"btp-trust:user": USER_CONFIG},
        target=create_other_subaccount(operation.surroundings, emulator),
    )
    for step in operation.before:
        emulator.advance(fake_engine.HOUR)
        if isinstance(step, Action):
            perform_cockpit_action(emulator, guid, step)
        else:
            stack.up(step.for_fake_engine(None))
    emulator.advance(fake_engine.HOUR)
    create_surroundings(operation.surroundings, emulator, guid)
    before, journal = emulator.slots(guid), len(emulator.journal())
    if operation.command == "refresh":
        report = stack.refresh()
    else:
        report = stack.up(operation.change.for_fake_engine(before.active), skip_preview=True)
    own = [entry for entry in emulator.journal()[journal:] if entry.subaccount == guid]
    counts = count(operation, before, own)
    end, trusts = slots_in_words(before, emulator.slots(guid)), in_words(before, trusted(emulator, stack.target))
    return DryRun(tuple(report.requests), counts, end, trusts)


def expected_requests(provider: ProviderKind, operation: Operation, emulator: Emulator) -> tuple[str, ...]:
    """Return the requests of an operation's undisturbed run: the naive provider writes the same and reads nothing."""
    requests = dry_run(operation, emulator).requests
    if provider is ProviderKind.OURS:
        return requests
    return ("POST token", *(request for request in requests if not fake_engine.is_read(request)))


def perform_cockpit_action(emulator: Emulator, guid: str, action: Action) -> None:
    """Let a colleague act in the cockpit."""
    {Action.ROTATE: emulator.rotate, Action.GENERATE_PASSIVE: emulator.generate_passive}[action](guid)
