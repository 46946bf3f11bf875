"""No read and no write of another subaccount, whichever of a command's tokens is for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from btp_trust.errors import WrongSubaccount
from btp_trust_emulator import TOKEN, Emulator, Kind
from support.fake_engine import HOUR, CheckFailedError, Twin, assert_three_parts, program

BEFORE = [program(), program("b", "a")]
COMMANDS: dict[str, Callable[[Twin], Any]] = {
    "preview": lambda twin: twin.preview(program("b", "b")),
    "mint": lambda twin: twin.up(program("c", "a"), skip_preview=True),
    "rotate": lambda twin: twin.up(program("b", "b"), skip_preview=True),
    "renew": lambda twin: twin.up(
        program("b", None, active={"renew_fingerprint": twin.slots[0], "accept_outage": True}), skip_preview=True
    ),
    "refresh": lambda twin: twin.refresh(),
    "delete": lambda twin: twin.up(program(None, "a"), skip_preview=True),
    "destroy": lambda twin: twin.destroy(),
}
SHORT = 30
"""Seconds: the service takes such a token, and nobody uses it for a second request."""
MOST_TOKENS = 12
"""More than any of these commands asks for, if every request needs a new one."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    """An emulator whose oldest subaccount is somebody else's: strange tokens are for that one."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount(generate=True)
        yield running


@pytest.fixture
def emulator(shared: Emulator) -> Iterator[Emulator]:
    """The same, without faults of an earlier test."""
    yield shared
    shared.clear_faults()


def prepared(emulator: Emulator) -> Twin:
    """A stack that has prepared a rotation."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    for each in BEFORE:
        emulator.advance(HOUR)
        twin.up(each)
    return twin


@pytest.mark.parametrize("command", COMMANDS)
def test_a_token_of_another_subaccount_is_used_for_nothing(emulator: Emulator, command: str) -> None:
    """Be it the first one or one that follows a short-lived one: the service sees the stack's own subaccount alone."""
    other = emulator.subaccounts()[0].guid
    stopped = 0
    for good in range(MOST_TOKENS):
        twin = prepared(emulator)
        before = emulator.slots(other)
        emulator.clear_journal()
        if good:
            emulator.fault(Kind.SHORT_TOKEN, path=TOKEN, seconds=SHORT, count=good)
        emulator.fault(Kind.FOREIGN_TOKEN, path=TOKEN, count=99)
        try:
            COMMANDS[command](twin)
        except (WrongSubaccount, CheckFailedError) as refusal:
            stopped += 1
            assert_three_parts(getattr(refusal, "reason", str(refusal)), twin.guid, other)
        emulator.clear_faults()
        used = {entry.subaccount for entry in emulator.journal() if "saml2Metadata" in entry.path}
        assert used <= {twin.guid}
        assert len(used) <= good
        assert emulator.slots(other) == before
    assert 0 < stopped < MOST_TOKENS


@pytest.mark.parametrize("request_", ["POST rotateCertificate", "GET certificate"])
def test_a_fresh_token_after_a_refusal_is_held_to_the_subaccount(emulator: Emulator, request_: str) -> None:
    """A 401 in the middle of a command, and the fresh token is for another one: neither read nor write follows."""
    other = emulator.subaccounts()[0].guid
    twin = prepared(emulator)
    before, others = twin.slots, emulator.slots(other)
    method, _, path = request_.partition(" ")
    emulator.clear_journal()
    emulator.fault(Kind.FAIL, status=401, method=method, path=f"/destination-configuration/v1/saml2Metadata/{path}")
    emulator.fault(Kind.FOREIGN_TOKEN, path=TOKEN, skip=1)
    with pytest.raises((WrongSubaccount, CheckFailedError)):
        twin.up(program("b", "b"), skip_preview=True)
    journal = emulator.journal()
    assert journal[-1].faults == (Kind.FOREIGN_TOKEN,)
    assert [entry.subaccount for entry in journal if entry.path.endswith(path)][-1] == twin.guid
    assert (twin.slots, emulator.slots(other)) == (before, others)
    emulator.advance(HOUR)
    twin.deploy(program("b", "b"))


def test_an_argument_that_is_no_guid_is_not_repeated(emulator: Emulator) -> None:
    """Pulumi shows no secret output; a refusal that repeats one would."""
    secret = "correct-horse-battery"
    twin = prepared(emulator)
    anew = Twin(emulator, emulator.create_subaccount(generate=True).guid)

    for stack in (anew, twin):
        with pytest.raises(CheckFailedError) as caught:
            stack.preview(program(active={"subaccount_id": secret.upper()}))
        assert "one whose ID is no GUID" in str(caught.value)
        assert secret not in str(caught.value).lower()
