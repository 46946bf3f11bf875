"""A token service that limits its callers, on the real command line: ten connections, read ahead side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import TOKEN_ENDPOINT, FaultKind
from support.pulumi_project import PulumiProject

NAMES = [f"site-{number}" for number in range(10)]
PROGRAM = f"""
from btp_trust import ActiveTrustCertificate
for name in {NAMES}:
    ActiveTrustCertificate(name, connection=name)
"""
RETRY_AFTER = 2.0
"""Seconds; the provider's own first pause is at most one."""


@pytest.fixture
def guids(emulator: Emulator) -> dict[str, str]:
    """Ten subaccounts by the names of their connections."""
    return {name: emulator.create_subaccount(generate=True, subdomain=name).guid for name in NAMES}


@pytest.fixture
def many(
    emulator: Emulator,
    guids: dict[str, str],
    tmp_path: Path,
    make_project: Callable[[Emulator, str, Path], PulumiProject],
) -> PulumiProject:
    """A program with a resource for each of them."""
    project = make_project(emulator, guids[NAMES[0]], tmp_path)
    keys = {name: emulator.service_key(guid) for name, guid in guids.items()}
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)
    project.write(PROGRAM)
    return project


def refuse_tokens(emulator: Emulator, guid: str, count: int) -> None:
    """Let the token endpoint of a subaccount answer 429 so many times."""
    emulator.fault(FaultKind.FAIL, subaccount=guid, path=TOKEN_ENDPOINT, status=429, seconds=RETRY_AFTER, count=count)


def token_times(emulator: Emulator, guid: str) -> list[float]:
    """Return when a token was asked for, in seconds."""
    entries = [entry for entry in emulator.journal() if entry.subaccount == guid and entry.path.endswith("/token")]
    return [entry.time.timestamp() for entry in entries]


def test_throttled_tokens_are_awaited(emulator: Emulator, guids: dict[str, str], many: PulumiProject) -> None:
    """The preview succeeds, one more request for each 429, each after the time that Retry-After asks for."""
    throttled = {NAMES[0]: 1, NAMES[4]: 2, NAMES[7]: 1, NAMES[8]: 1, NAMES[9]: 2}
    for name, count in throttled.items():
        refuse_tokens(emulator, guids[name], count)
    emulator.clear_journal()
    assert "+ 11 to create" in many.preview()
    times = {name: token_times(emulator, guid) for name, guid in guids.items()}
    assert {name: len(found) for name, found in times.items()} == {name: 1 + throttled.get(name, 0) for name in NAMES}
    pauses = [after - before for found in times.values() for before, after in pairwise(found)]
    assert min(pauses) >= RETRY_AFTER
    # Side by side: one after the other, the seven pauses would take twice as long.
    first, last = min(map(min, times.values())), max(map(max, times.values()))
    assert last - first < sum(throttled.values()) * RETRY_AFTER


def test_throttling_fails_its_own_resource(emulator: Emulator, guids: dict[str, str], many: PulumiProject) -> None:
    """A connection that stays refused is tried like any request, and its resource has the error; others go on."""
    many.up()
    refuse_tokens(emulator, guids[NAMES[6]], 1000)
    emulator.clear_journal()
    # With nothing due, that is a warning.
    assert "429 Too Many Requests" in many.preview().diagnostics
    assert {name: len(token_times(emulator, guid)) for name, guid in guids.items()} == {
        name: MAX_ATTEMPTS if name == NAMES[6] else 1 for name in NAMES
    }
    # A new name makes a creation due, which needs the reading.
    many.write(PROGRAM.replace("ActiveTrustCertificate(name,", 'ActiveTrustCertificate(f"new-{name}",'))
    refused = many.preview(status=1)
    assert f"({'new-' + NAMES[6]})" in refused
    assert "429 Too Many Requests" in " ".join(refused.message)
    assert "The service asks for 2 s" in refused
