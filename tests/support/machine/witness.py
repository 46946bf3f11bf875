"""What holds of every command, whatever the program says and the weather is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from twin import Call, CheckFailedError, Report, Stored, Twin, assert_three_parts, is_read, operation

from btp_trust.errors import TrustError
from btp_trust.service.patience import MAX_REQUESTS
from btp_trust_emulator.journal import Entry
from btp_trust_emulator.kinds import Kind
from btp_trust_emulator.slots import Slots
from machine.tally import Tally
from machine.text import Text
from machine.weather import RIVALS, Weather

TOKEN: Final = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
HARMLESS: Final = {Kind.SLOW, Kind.LITERAL_NEWLINES, *RIVALS}
"""Faults of a request whose answer is true all the same."""
REFUSED: Final = {401, 429}
"""A write that was answered with one of these did nothing, and may be sent again."""


@dataclass
class Command:
    """One command of a stack, from before it began to how it ended."""

    name: str
    twin: Twin
    text: Text
    weather: Weather
    lags: bool
    """Whether readings may have been stale."""
    is_partial: bool = False
    """Whether only some resources were targeted."""
    shown: Report | None = None
    """What the preview showed, if one was run."""
    calls: list[Call] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """Keep the state from before the command."""
        self.before: dict[str, Stored] = dict(self.twin.state)

    @property
    def own(self) -> list[Entry]:
        """The requests of this subaccount."""
        return [entry for entry in self.entries if entry.subaccount == self.twin.guid]

    def changes(self) -> list[tuple[int, Entry, Slots, Slots]]:
        """List the writes that changed a slot: their place among the requests, and the slots around them."""
        found = []
        for number, entry in enumerate(self.own):
            if entry.before and entry.after and entry.before != entry.after:
                found.append((number, entry, entry.before, entry.after))
        return found

    def is_raced(self, number: int) -> bool:
        """Whether somebody else acted between the reading that a write was compared with and the write."""
        entries = self.own[: number + 1]
        read = [index for index, each in enumerate(entries) if _called(each) == "GET certificate"]
        return any({*RIVALS} & {*each.faults} for each in entries[read[-1] if read else 0 :])


def _called(entry: Entry) -> str:
    return operation(entry.method, entry.path)


@dataclass
class Witness:
    """Watches the commands of one subaccount."""

    secrets: list[str]
    tally: Tally
    seen: dict[str, datetime] = field(default_factory=dict)
    """Every certificate that ever was in a slot, in this order, and the second in which it was first seen there."""
    swaps_done: set[tuple[object, ...]] = field(default_factory=set)
    """Which generation changes were carried out, since somebody else last acted."""

    def notice(self, slots: tuple[str | None, str | None], now: datetime) -> None:
        """Take down which certificates exist."""
        for each in filter(None, slots):
            self.seen.setdefault(each, now.replace(microsecond=0))

    def somebody_acted(self) -> None:
        """Take down that the slots are not only our work any more."""
        self.swaps_done.clear()

    def check(self, command: Command) -> None:
        """Assert all that holds after each command."""
        for entry in command.own:
            for slots in (entry.before, entry.after):
                self.notice((slots.active, slots.passive) if slots else (None, None), entry.time)
        self._count(command)
        self._assert_said(command)
        self._assert_silent_about_secrets(command)
        self._assert_strict(command)
        self._assert_moderate(command)
        self._assert_at_home(command)
        self._assert_swaps(command)
        self._assert_active_is_kept(command)
        self._assert_losses_named(command)
        if command.error is None:
            self._assert_true(command)
        if command.weather.has_rivals:
            self.somebody_acted()

    def _count(self, command: Command) -> None:
        self.tally.commands[command.name] += 1
        self.tally.requests += sum(len(call.sent) for call in command.calls)
        for entry in command.own:
            self.tally.faults.update(kind.value for kind in entry.faults)
        for _, entry, _, _ in command.changes():
            self.tally.writes[_called(entry)] += 1
        if command.error is not None:
            name = "CheckFailure" if isinstance(command.error, CheckFailedError) else type(command.error).__name__
            self.tally.refusals[name] += 1
        for call in filter(lambda call: call.sent, command.calls):
            self.tally.longest(f"{call.kind}.{call.method}", len(call.sent))

    def _assert_said(self, command: Command) -> None:
        """Nothing but our own errors comes out, each in three parts."""
        if isinstance(command.error, CheckFailedError):
            assert_three_parts(command.error.reason)
        elif isinstance(command.error, TrustError):
            assert_three_parts(str(command.error))

    def _assert_silent_about_secrets(self, command: Command) -> None:
        """Neither what is printed nor what is stored has a token or a secret in it."""
        stored = [[each.inputs, each.outputs] for each in command.twin.state.values()]
        text = f"{command.twin.last.messages}{command.error!r}{json.dumps(stored)}"
        assert not TOKEN.search(text), "a token got out"
        assert not any(secret in text for secret in self.secrets), "a secret got out"

    def _assert_strict(self, command: Command) -> None:
        """With `btp-trust:strict` there are no warnings: what would be one is a failure."""
        if command.error is None and command.twin.config.get("btp-trust:strict") == "true":
            assert "warning:" not in command.twin.last.messages

    def _assert_moderate(self, command: Command) -> None:
        """Bounded requests; a write of a kind arrives once in an operation, those left out that were refused."""
        for call in command.calls:
            assert len(call.sent) <= MAX_REQUESTS, f"{call.kind}.{call.method} sent {len(call.sent)} requests"
            if command.twin.config.get("btp-trust:offline") == "true":
                assert call.sent == [], "offline, nothing is sent"
            arrived = [_called(entry) for entry in call.entries if entry.status not in REFUSED]
            for write in {each for each in arrived if not is_read(each)}:
                assert arrived.count(write) == 1, f"{call.kind}.{call.method} sent {write} twice"
        reads = [call for call in command.calls if call.method in ("check", "diff", "read")]
        assert all(is_read(sent) for call in reads for sent in call.sent), "check, diff and read must not write"

    def _assert_at_home(self, command: Command) -> None:
        """With a token for another subaccount no slot is read or written."""
        abroad = [entry for entry in command.entries if entry.subaccount != command.twin.guid]
        assert all(_called(entry) == "POST token" for entry in abroad), "sent with a token for another subaccount"

    def _assert_swaps(self, command: Command) -> None:
        """At most one, exactly the planned one, to what the preview said, and once for a change of the name."""
        swaps = [each for each in command.changes() if _called(each[1]) == "POST rotateCertificate"]
        assert len(swaps) <= 1
        for number, _, before, after in swaps:
            plan = command.twin.last.inputs[command.text.trigger_name]
            shown = (command.shown or command.twin.last).inputs[command.text.trigger_name]
            if command.is_raced(number):
                wanted = plan["signing"]["fingerprint"]
                assert after.active == wanted or command.error is not None, "a swap of others was taken for ours"
                continue
            assert plan["swaps"] == {"active": before.active, "passive": before.passive}, "another pair was swapped"
            assert after.active == plan["signing"]["fingerprint"] == shown["signing"]["fingerprint"]
            if command.weather.between is None and not command.lags:
                assert shown["swaps"] == plan["swaps"], "the preview did not show this swap"
            old = command.before[command.text.trigger_name].inputs
            change = (id(command.twin), old["generation"], plan["generation"], old.get("swap_number"))
            assert change not in self.swaps_done, "swapped twice for one change"
            self.swaps_done.add(change)

    def _assert_active_is_kept(self, command: Command) -> None:
        """A POST on the active slot renews what was named and accepted, or makes the first one that was asked for."""
        for number, entry, before, _ in command.changes():
            if _called(entry) != "POST certificate":
                continue
            text, name = command.text, command.text.active_name
            shown = (command.shown or command.twin.last).inputs[name]
            assert "step" in shown or command.weather.between is not None, "the preview did not show the generation"
            if command.is_raced(number):
                continue
            if before.active is None:
                assert text.generate
                assert name not in command.before or command.is_partial
            else:
                assert text.accept_outage
                assert text.renew == before.active

    def _assert_losses_named(self, command: Command) -> None:
        """A certificate that our write removed is one that the plan named, or that came in the same moment."""
        for number, entry, before, after in command.changes():
            gone = {before.active, before.passive} - {after.active, after.passive, None}
            if not gone or command.is_raced(number) or _called(entry) == "POST certificate":
                continue
            assert gone <= self._named(command, before), f"{_called(entry)} lost {gone}"

    def _named(self, command: Command, slots: Slots) -> set[str | None]:
        """What the plan may remove: what a mint replaces; what a removed resource made, or displaced."""
        plan = command.twin.last
        named: set[str | None] = {inputs.get("replaces") for inputs in plan.inputs.values()}
        for name, stored in command.before.items():
            if stored.kind != "passive" or plan.operations.get(name) != "delete":
                continue
            own = stored.outputs["fingerprint"]
            named.add(own)
            if slots.active == own and slots.passive and self.seen[slots.passive] <= self.seen[own]:
                named.add(slots.passive)
        return named

    def _assert_true(self, command: Command) -> None:
        """What was stored was true at the last reading of each slot."""
        for stored in command.twin.state.values():
            der = base64.b64decode(stored.outputs["certificate_body"])
            assert hashlib.sha256(der).hexdigest() == stored.outputs["fingerprint"]
        if command.lags or command.weather.lies or command.is_partial:
            return
        for call in command.calls:
            if call.method in ("create", "update"):
                self._assert_outputs(call, command)

    def _assert_outputs(self, call: Call, command: Command) -> None:
        read = _last_read(command, call)
        outputs = command.twin.state[call.name].outputs
        if read is None:
            return
        assert outputs["role"] == _role(read, outputs["fingerprint"]), f"{call.name} has the wrong role"
        if call.kind != "passive":
            assert outputs["fingerprint"] == read.active, f"{call.name} is not what signs"


def _last_read(command: Command, call: Call) -> Slots | None:
    """Return the slots as this operation last read or wrote them; None if no answer tells.

    A reading is of both slots: one that fails in its second half, or contradicts itself, tells nothing; nor does one
    that shows the slots as before a write that was answered, for it may be behind.
    """
    told: Slots | None = None
    active: Slots | None = None
    before: Slots | None = None
    for entry in [entry for each in command.calls[: command.calls.index(call) + 1] for entry in each.entries]:
        called = _called(entry)
        if called == "GET certificate":
            active = None
        if entry.after is None or entry.status not in (200, 404) or {*entry.faults} - HARMLESS:
            continue
        if called == "GET certificate":
            active = entry.after
        elif called == "GET certificate/passive" and active is not None:
            found = Slots(active.active, entry.after.passive)
            told = told if found == before or found.active == found.passive else found
        elif not is_read(called):
            told, before = _after_write(called, entry.after, told), entry.before
    return told


def _after_write(called: str, after: Slots, told: Slots | None) -> Slots | None:
    """Return what a write's answer makes of what was read: only that of a swap tells both slots."""
    if called == "POST rotateCertificate":
        return after
    if told is None:
        return None
    return Slots(after.active, told.passive) if called == "POST certificate" else Slots(told.active, after.passive)


def _role(slots: Slots, fingerprint: str) -> str:
    if slots.active == fingerprint:
        return "active"
    return "passive" if slots.passive == fingerprint else "gone"
