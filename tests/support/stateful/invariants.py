"""What holds of every command, whatever the program says and the weather is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from btp_trust.errors import NotDone, OutcomeUnknown, TrustError
from btp_trust.service.transport.retry import MAX_REQUESTS
from btp_trust_emulator.faults.fault import Kind
from btp_trust_emulator.journal import Entry
from btp_trust_emulator.slots import Slots
from support.fake_engine import Call, CheckFailedError, assert_three_parts, is_read
from support.stateful.disturbances import LAG, RIVALS
from support.stateful.observed_command import ROTATE, Command, called
from support.stateful.statistics import Tally
from support.stateful.swap_invariants import Swaps
from support.stateful.targets import Targets, is_of_target, is_refusal, is_signature

TOKEN: Final = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
UNSTOPPABLE: Final = re.compile(
    r"warning: RotationTrigger: "
    r"(\S+: (weak|refused|inconclusive): |.* is rolled back all the same|.* is not trusted by "
    r"|.* is in no slot any more)"
)
"""What was found out about a swap, or stands in nobody's way: a failure would come too late, or block the way back."""
SECTIONS: Final = 3
"""A swap, its check and the way back have requests of their own."""
HARMLESS: Final = {Kind.SLOW, Kind.LITERAL_NEWLINES, *RIVALS}
"""Faults of a request whose answer is true all the same."""
REFUSED: Final = {401, 429}
"""A write that was answered with one of these did nothing, and may be sent again."""
NO_APP: Final = {404, 503}
"""So was one for which Cloud Foundry's router found no app."""


@dataclass
class Witness:
    """Watches the commands of one subaccount."""

    secrets: list[str]
    targets: Targets
    tally: Tally
    seen: dict[str, datetime] = field(default_factory=dict)
    """Every certificate that ever was in a slot, in this order, and the second in which it was first seen there."""

    def __post_init__(self) -> None:
        """Watch the swaps too."""
        self.swaps = Swaps(self.targets, self.tally)

    def notice(self, slots: tuple[str | None, str | None], now: datetime) -> None:
        """Take down which certificates exist."""
        for each in filter(None, slots):
            self.seen.setdefault(each, now.replace(microsecond=0))

    def somebody_acted(self) -> None:
        """Take down that the slots are not only our work any more."""
        self.swaps.somebody_acted()

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
        self._assert_no_write_after_an_unknown_one(command)
        self.swaps.check(command, self.seen)
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
            self.tally.writes[called(entry)] += 1
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
            warnings = [line for line in command.twin.last.messages.splitlines() if line.startswith("warning:")]
            assert [line for line in warnings if not UNSTOPPABLE.match(line)] == []

    def _assert_moderate(self, command: Command) -> None:
        """Bounded requests; a write arrives once, not counting the way back and what did nothing for certain."""
        for call in command.calls:
            most = MAX_REQUESTS if "GET destinations" not in " ".join(call.sent) else SECTIONS * MAX_REQUESTS
            assert len(call.sent) <= most, f"{call.kind}.{call.method} sent {len(call.sent)} requests"
            if command.twin.config.get("btp-trust:offline") == "true":
                assert call.sent == [], "offline, nothing is sent"
            refusal = next((place for place, entry in enumerate(call.entries) if is_refusal(entry)), None)
            for entries in (call.entries[:refusal], call.entries[refusal:] if refusal is not None else []):
                own = [entry for entry in entries if not is_of_target(entry)]
                arrived = [called(entry) for entry in own if not _did_nothing(entry)]
                for write in {each for each in arrived if not is_read(each)}:
                    assert arrived.count(write) == 1, f"{call.kind}.{call.method} sent {write} twice"
                    assert write == ROTATE or refusal is None, "a check leads to no other write than the way back"
        reads = [call for call in command.calls if call.method in ("check", "diff", "read")]
        assert all(is_read(sent) for call in reads for sent in call.sent), "check, diff and read must not write"
        tried = [entry for call in reads for entry in call.entries if is_of_target(entry) or is_signature(entry)]
        assert tried == [], "a plan must try nothing"

    def _assert_no_write_after_an_unknown_one(self, command: Command) -> None:
        """In one process nothing is written any more once nobody knows what became of a write."""
        unknown: BaseException | None = None
        for call in command.calls:
            if unknown is not None:
                writes = [sent for sent in call.sent if not is_read(sent)]
                assert writes == [], f"{call.kind}.{call.method} wrote {writes} after {unknown!r}"
            if isinstance(call.error, NotDone | OutcomeUnknown):
                unknown = unknown or call.error

    def _assert_at_home(self, command: Command) -> None:
        """With a token for another subaccount no slot is read or written."""
        asked = [entry for entry in command.entries if not is_of_target(entry)]
        abroad = [entry for entry in asked if entry.subaccount != command.twin.guid]
        assert all(called(entry) == "POST token" for entry in abroad), "sent with a token for another subaccount"

    def _assert_active_is_kept(self, command: Command) -> None:
        """A POST on the active slot renews what was named and accepted, or makes the first one that was asked for."""
        for number, entry, before, _ in command.changes():
            if called(entry) != "POST certificate":
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
            if not gone or command.is_raced(number) or called(entry) == "POST certificate":
                continue
            assert gone <= self._named(command, before), f"{called(entry)} lost {gone}"

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
        if read is None or "rollback_unconfirmed" in outputs:
            return
        assert outputs["role"] == _role(read, outputs["fingerprint"]), f"{call.name} has the wrong role"
        if call.kind != "passive":
            assert outputs["fingerprint"] == read.active, f"{call.name} is not what signs"


def _did_nothing(entry: Entry) -> bool:
    """Whether the answer says for certain that the service has not acted."""
    return entry.status in REFUSED or (Kind.ROUTER in entry.faults and entry.status in NO_APP)


def _last_read(command: Command, call: Call) -> Slots | None:
    """Return the slots as this operation last read or wrote them; None if no answer tells.

    A reading is of both slots: one that fails in its second half, or contradicts itself, tells nothing; nor does one
    that shows the slots as before a write that was answered less than a minute ago, for it may be behind.
    """
    told: Slots | None = None
    active: Slots | None = None
    before: Slots | None = None
    known_at = datetime.min.replace(tzinfo=UTC)
    for entry in [entry for each in command.calls[: command.calls.index(call) + 1] for entry in each.entries]:
        request = called(entry)
        if request == "GET certificate":
            active = None
        if entry.after is None or entry.status not in (200, 404) or {*entry.faults} - HARMLESS:
            continue
        if request == "GET certificate":
            active = entry.after
        elif request == "GET certificate/passive" and active is not None:
            found = Slots(active.active, entry.after.passive)
            is_behind = found == before and entry.time < known_at
            told = told if is_behind or found.active == found.passive else found
        elif not is_read(request):
            told, before = _after_write(request, entry.after, told), entry.before
            known_at = entry.time + timedelta(seconds=LAG)
    return told


def _after_write(request: str, after: Slots, told: Slots | None) -> Slots | None:
    """Return what a write's answer makes of what was read: only that of a swap tells both slots."""
    if request == "POST rotateCertificate":
        return after
    if told is None:
        return None
    return Slots(after.active, told.passive) if request == "POST certificate" else Slots(told.active, after.passive)


def _role(slots: Slots, fingerprint: str) -> str:
    if slots.active == fingerprint:
        return "active"
    return "passive" if slots.passive == fingerprint else "gone"
