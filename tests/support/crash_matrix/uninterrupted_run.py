"""Run an operation undisturbed with the fake engine, to get the requests of the real one quickly."""

from __future__ import annotations

import json
from dataclasses import dataclass

from btp_trust_emulator import Action, Emulator
from support import fake_engine
from support.crash_matrix.counts import Counts, count_changes, in_words, slots_in_words
from support.crash_matrix.operations import Operation, ProviderKind
from support.crash_matrix.surroundings import (
    connections,
    create_surroundings,
    create_trusting,
    trusted_certificates,
)
from support.verification import USER_CONFIG


@dataclass(frozen=True)
class UninterruptedRun:
    """The requests and effects of an operation."""

    requests: tuple[str, ...]
    counts: Counts
    end: tuple[str, str]
    """Contents of the slots afterwards, in words of their contents before."""
    trusted: tuple[str, ...]
    """Certificates that another subaccount or a communication system trusts, in the same words."""


def uninterrupted_run(operation: Operation, emulator: Emulator) -> UninterruptedRun:
    """Run an operation on a new subaccount."""
    guid = emulator.create_subaccount(generate=not operation.starts_empty).guid
    other = create_trusting(operation.surroundings, emulator, guid)
    keys = connections(operation.surroundings, emulator, other)
    config = {"btp-trust:user": USER_CONFIG, "btp-trust:connections": json.dumps(keys)}
    stack = fake_engine.FakeEngine(emulator, guid, config)
    for step in operation.before:
        emulator.advance(fake_engine.HOUR)
        if isinstance(step, Action):
            perform_cockpit_action(emulator, guid, step)
        else:
            stack.up(step.for_fake_engine(None))
    emulator.advance(fake_engine.HOUR)
    create_surroundings(operation.surroundings, emulator, guid)
    before, journal, sent = emulator.slots(guid), len(emulator.journal()), len(stack.transport.sent)
    if operation.command == "refresh":
        stack.refresh()
    else:
        stack.up(operation.change.for_fake_engine(before.active), skip_preview=True)
    own = [entry for entry in emulator.journal()[journal:] if entry.subaccount == guid]
    counts = count_changes(operation, before, own)
    end, trusts = (
        slots_in_words(before, emulator.slots(guid)),
        in_words(before, trusted_certificates(operation.surroundings, emulator, other)),
    )
    return UninterruptedRun(tuple(stack.transport.sent[sent:]), counts, end, trusts)


def expected_requests(provider: ProviderKind, operation: Operation, emulator: Emulator) -> tuple[str, ...]:
    """Return the requests of an undisturbed run. The naive provider sends a token request and the same writes."""
    requests = uninterrupted_run(operation, emulator).requests
    if provider is ProviderKind.OURS:
        return requests
    return ("POST token", *(request for request in requests if not fake_engine.is_read(request)))


def perform_cockpit_action(emulator: Emulator, guid: str, action: Action) -> None:
    """Act in the cockpit, as a colleague."""
    {Action.ROTATE: emulator.rotate, Action.GENERATE_PASSIVE: emulator.generate_passive}[action](guid)
