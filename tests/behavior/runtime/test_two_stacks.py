"""Two stacks on one subaccount at the same time: each reports what it saw, and all that is lost is reported.

The service has no lock. What one stack does is let in at four moments of what the other one does: before it looks,
between its plan and its last reading, between that reading and its write, and between its write and the answer.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from btp_trust.errors import TrustError
from btp_trust.runtime import process_session
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    FakeEngine,
    Program,
    assert_three_part_message,
    interleave,
    program,
)
from support.paths import ROOT

PREPARED = program("b", "a")
REQUESTS = {
    "swap": "POST rotateCertificate",
    "generate": "POST certificate/passive",
    "retire": "DELETE certificate/passive",
}
GONE = re.compile("(over|deleted) passive|[Ii]n no slot")
"""Words that say of a certificate that it is there no more."""
MOMENTS = ("before it looks", "before its last reading", "before its write", "before its answer")


@dataclass
class Stack:
    """One of the two, what it declares, and all that it has said."""

    engine: FakeEngine
    name: str
    adopt: dict[str, str] = field(default_factory=dict)
    said: str = ""
    failed: bool = False

    def wants(self, deed: str) -> Program:
        """Write the program that asks for a deed; both stacks have prepared "b"."""
        if deed == "generate":
            return program(f"c{self.name}", "a")
        return program(None if deed == "retire" else "b", "b" if deed == "swap" else "a", passive=self.adopt or None)

    def up(self, wanted: Program, *, skip_preview: bool = True) -> None:
        """Deploy, with one write at most; record what is said."""
        self.failed = False
        try:
            self.engine.up(wanted, skip_preview=skip_preview)
        except (TrustError, CheckFailedError) as stopped:
            message = getattr(stopped, "reason", str(stopped))
            assert_three_part_message(message)
            self.said += message
            self.failed = True
        self.said += self.engine.last_preview.messages + self.engine.last_report.messages
        assert len(self.engine.last_report.writes) <= 2  # the other one's is among them


def two(emulator: Emulator) -> tuple[Stack, Stack]:
    """Two stacks that know the same two certificates: A signs as "a", B is prepared as "b"."""
    guid = emulator.create_subaccount(generate=True).guid
    made = FakeEngine(emulator, guid)
    for each in (program(), PREPARED):
        emulator.advance(HOUR)
        made.up(each)
    one, other = Stack(FakeEngine(emulator, guid), "1", {"adopt": str(made.slots[1])}), Stack(made, "2")
    one.up(one.wants("nothing"))
    assert not one.failed
    emulator.advance(HOUR)
    return one, other


def let_in(one: Stack, deed: str, moment: str, act: Callable[[], None]) -> None:
    """Let somebody act at this moment of one's next deed; this process goes on as it was."""

    def acting() -> None:
        process = process_session.current()
        act()
        process_session.set_current(process)

    line = one.engine.transport
    if moment == "before it looks":
        line.inject_once("GET certificate", interleave(before=acting))
    elif moment == "before its last reading":
        line.inject_once("GET certificate", interleave(before=acting), after=1)
    elif moment == "before its write":
        line.inject_once(REQUESTS[deed], interleave(before=acting))
    else:
        line.inject_once(REQUESTS[deed], interleave(after=acting))


def held(emulator: Emulator, guid: str) -> set[str]:
    """Every certificate that was ever in a slot of the subaccount, as far as a request has met it."""
    entries = [entry for entry in emulator.journal() if entry.subaccount == guid]
    slots = [slots for entry in entries for slots in (entry.before, entry.after) if slots is not None]
    return {each for found in slots for each in (found.active, found.passive) if each is not None}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("deed", "other_deed"), list(itertools.product(REQUESTS, repeat=2)))
def test_concurrent_writes_are_reported(emulator: Emulator, deed: str, other_deed: str, moment: str) -> None:
    """Each stack writes once at most; one of them reports each lost certificate, now or in its next command."""
    one, other = two(emulator)
    let_in(one, deed, moment, lambda: other.up(other.wants(other_deed)))
    one.up(one.wants(deed))
    one.engine.transport.clear_faults()

    for stack, wanted in ((one, deed), (other, other_deed)):
        emulator.advance(HOUR)
        stack.up(stack.wants(wanted), skip_preview=False)

    gone = held(emulator, one.engine.guid) - set(one.engine.slots)
    reports = [line for line in (one.said + other.said).splitlines() if re.search(GONE, line)]
    assert [each for each in gone if not any(each[:8] in line for line in reports)] == []


NOTHING, ERROR, WARNING = "nothing", "`SlotsChanged`", "a warning"
WINDOW = {
    ("swaps", "swaps"): (ERROR, "was applied, and yet the slots are as before: another client wrote", "old prepared"),
    ("swaps", "generates passive"): (ERROR, "was in no plan: <new>", "new old"),
    ("swaps", "generates active"): (WARNING, "<old>, which signed until now, is in no slot", "prepared new"),
    ("swaps", "deletes passive"): (ERROR, "another client wrote", "old empty"),
    ("generates passive", "swaps"): (ERROR, "In no slot any more: <old>", "prepared new"),
    ("generates passive", "generates passive"): (NOTHING, "", "old new"),
    ("generates passive", "generates active"): (ERROR, "another client wrote", "new new"),
    ("generates passive", "deletes passive"): (NOTHING, "", "old new"),
    ("deletes passive", "swaps"): (ERROR, "In no slot any more: <old>", "prepared empty"),
    ("deletes passive", "generates passive"): (NOTHING, "", "old empty"),
    ("deletes passive", "generates active"): (ERROR, "another client wrote", "new empty"),
    ("deletes passive", "deletes passive"): (NOTHING, "", "old empty"),
}
"""What a deed, and somebody else's between its last reading and its write: how it is reported, in which words, and what
the active and the passive slot hold then."""
DEEDS = {"swaps": "swap", "generates passive": "generate", "deletes passive": "retire"}
ACTS = {
    "swaps": Emulator.rotate,
    "generates passive": Emulator.generate_passive,
    "generates active": Emulator.generate_active,
    "deletes passive": Emulator.delete_passive,
}


def disturbed(emulator: Emulator, deed: str, act: str) -> tuple[Stack, dict[str | None, str]]:
    """Let a colleague act in the window of a deed; return the stack, and names for what the slots held before."""
    one, _ = two(emulator)
    names = {one.engine.slots[0]: "old", one.engine.slots[1]: "prepared", None: "empty"}
    one.engine.transport.inject_once(
        REQUESTS[DEEDS[deed]], interleave(before=lambda: ACTS[act](emulator, one.engine.guid))
    )
    one.said = ""
    one.up(one.wants(DEEDS[deed]))
    emulator.advance(HOUR)
    return one, names


@pytest.mark.parametrize(("deed", "act"), WINDOW)
def test_change_before_write_is_reported(emulator: Emulator, deed: str, act: str) -> None:
    """A change between the last reading and the write is reported as far as this run can see it."""
    one, names = disturbed(emulator, deed, act)
    how, words, slots = WINDOW[deed, act]

    assert " ".join(names.get(each, "new") for each in one.engine.slots) == slots
    assert one.failed == (how is ERROR)
    assert ("warning" in one.said) == (how is WARNING)
    said = one.said
    for fingerprint in (*names, *one.engine.slots):
        said = said.replace(str(fingerprint), f"<{names.get(fingerprint, 'new')}>")
    assert words in said


def test_concurrency_page_matches_table() -> None:
    """The page about concurrency has exactly these rows."""
    page = (ROOT / "docs/explanation/concurrency.md").read_text()
    rows = re.findall(
        r"^\| ([a-z ]+) \| ([a-z ]+) \| .* \| (nothing|`SlotsChanged`|a warning)[^|]*\|$", page, re.MULTILINE
    )

    assert {(deed, act): how for deed, act, how in rows} == {key: how for key, (how, *_) in WINDOW.items()}


def test_unplanned_signer_can_be_rolled_back(emulator: Emulator) -> None:
    """After a swap to a certificate that was in no plan, the arguments of the message roll back."""
    one, names = disturbed(emulator, "swaps", "generates passive")
    (unseen, old), (old_before, *_) = one.engine.slots, names
    assert old == old_before
    assert f'on_drift="restore" and known_generations={{"unreviewed": "{unseen}"}}' in one.said.splitlines()[2]

    back = program(
        "b", "a", passive=one.adopt, trigger={"on_drift": "restore", "known_generations": {"unreviewed": unseen}}
    )
    one.up(back)
    assert one.engine.last_report.writes == [REQUESTS["swap"]]
    assert one.engine.slots == (old, unseen)
    one.engine.assert_stable(back)
