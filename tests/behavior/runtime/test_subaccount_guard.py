"""A command stays in its own subaccount, even if one of its tokens is for another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from btp_trust.errors import WrongSubaccount
from btp_trust_emulator import TOKEN_ENDPOINT, Emulator, FaultKind
from support.fake_engine import HOUR, CheckFailedError, FakeEngine, assert_three_part_message, program

BEFORE = [program(), program("b", "a")]
COMMANDS: dict[str, Callable[[FakeEngine], Any]] = {
    "preview": lambda engine: engine.preview(program("b", "b")),
    "generate": lambda engine: engine.up(program("c", "a"), skip_preview=True),
    "rotate": lambda engine: engine.up(program("b", "b"), skip_preview=True),
    "renew": lambda engine: engine.up(
        program("b", None, active={"renew_fingerprint": engine.slots[0], "accept_outage": True}), skip_preview=True
    ),
    "refresh": lambda engine: engine.refresh(),
    "delete": lambda engine: engine.up(program(None, "a"), skip_preview=True),
    "destroy": lambda engine: engine.destroy(),
}
SHORT = 30
"""Seconds: the service takes such a token, which is too short for a second request."""
MOST_TOKENS = 12
"""More than any of these commands asks for, if every request needs a new one."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    """An emulator whose oldest subaccount is somebody else's: foreign tokens are for that one."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount(generate=True)
        yield running


@pytest.fixture
def emulator(shared: Emulator) -> Iterator[Emulator]:
    """The same, cleared of faults afterwards."""
    yield shared
    shared.clear_faults()


def prepared(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared a rotation."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    for each in BEFORE:
        emulator.advance(HOUR)
        engine.up(each)
    return engine


@pytest.mark.parametrize("command", COMMANDS)
def test_foreign_token_is_never_used(emulator: Emulator, command: str) -> None:
    """A token of another subaccount, first or later, stays unused."""
    other = emulator.subaccounts()[0].guid
    stopped = 0
    for good in range(MOST_TOKENS):
        engine = prepared(emulator)
        before = emulator.slots(other)
        emulator.clear_journal()
        if good:
            emulator.fault(FaultKind.SHORT_TOKEN, path=TOKEN_ENDPOINT, seconds=SHORT, count=good)
        emulator.fault(FaultKind.FOREIGN_TOKEN, path=TOKEN_ENDPOINT, count=99)
        try:
            COMMANDS[command](engine)
        except (WrongSubaccount, CheckFailedError) as refusal:
            stopped += 1
            assert_three_part_message(getattr(refusal, "reason", str(refusal)), engine.guid, other)
        emulator.clear_faults()
        used = {entry.subaccount for entry in emulator.journal() if "saml2Metadata" in entry.path}
        assert used <= {engine.guid}
        assert len(used) <= good
        assert emulator.slots(other) == before
    assert 0 < stopped < MOST_TOKENS


@pytest.mark.parametrize("request_", ["POST rotateCertificate", "GET certificate"])
def test_renewed_token_must_match_subaccount(emulator: Emulator, request_: str) -> None:
    """After a 401 the fresh token must be for the same subaccount, or the command ends."""
    other = emulator.subaccounts()[0].guid
    engine = prepared(emulator)
    before, others = engine.slots, emulator.slots(other)
    method, _, path = request_.partition(" ")
    emulator.clear_journal()
    emulator.fault(
        FaultKind.FAIL, status=401, method=method, path=f"/destination-configuration/v1/saml2Metadata/{path}"
    )
    emulator.fault(FaultKind.FOREIGN_TOKEN, path=TOKEN_ENDPOINT, skip=1)
    with pytest.raises((WrongSubaccount, CheckFailedError)):
        engine.up(program("b", "b"), skip_preview=True)
    journal = emulator.journal()
    assert journal[-1].faults == (FaultKind.FOREIGN_TOKEN,)
    assert [entry.subaccount for entry in journal if entry.path.endswith(path)][-1] == engine.guid
    assert (engine.slots, emulator.slots(other)) == (before, others)
    emulator.advance(HOUR)
    engine.deploy(program("b", "b"))


def test_malformed_guid_is_redacted(emulator: Emulator) -> None:
    """A malformed `subaccount_id` may be a secret, so the message leaves it out."""
    secret = "correct-horse-battery"
    engine = prepared(emulator)
    anew = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)

    for stack in (anew, engine):
        with pytest.raises(CheckFailedError) as caught:
            stack.preview(program(active={"subaccount_id": secret.upper()}))
        assert "one whose ID is no GUID" in str(caught.value)
        assert secret not in str(caught.value).lower()
