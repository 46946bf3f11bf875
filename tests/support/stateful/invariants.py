"""What holds of every command, whatever the program says and the weather is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from btp_trust.errors import OutcomeUnknown, TrustError, WriteNotApplied
from btp_trust.service.transport.retry import MAX_REQUESTS
from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Slots
from support.fake_engine import CheckFailedError, ProviderCall, assert_three_part_message, is_read
from support.stateful.disturbances import LAG, RIVALS
from support.stateful.observed_command import ROTATE, ObservedCommand, request_name
from support.stateful.statistics import Statistics
from support.stateful.swap_invariants import SwapInvariants
from support.stateful.targets import Targets, has_signed_assertion, is_target_rejection, is_target_request

TOKEN: Final = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
INFORMATIONAL_WARNING: Final = re.compile(
    r"warning: RotationTrigger: "
    r"(\S+: (weak|refused|inconclusive): |.* is rolled back all the same|.* is not trusted by "
    r"|.* is in no slot any more)"
)
"""What was found out about a swap, or stands in nobody's way: a failure would come too late, or block the way back."""
MAX_SECTIONS: Final = 3
"""A swap, its check and the way back have requests of their own."""
HARMLESS_FAULTS: Final = {FaultKind.SLOW, FaultKind.LITERAL_NEWLINES, *RIVALS}
"""Faults of a request whose answer is true all the same."""
RETRYABLE_STATUSES: Final = {401, 429}
"""A write that was answered with one of these did nothing, and may be sent again."""
ROUTER_STATUSES: Final = {404, 503}
"""So was one for which Cloud Foundry's router found no app."""


@dataclass
class Invariants:
    """Watches the commands of one subaccount."""

    secrets: list[str]
    targets: Targets
    statistics: Statistics
    first_seen: dict[str, datetime] = field(default_factory=dict)
    """Every certificate that ever was in a slot, in this order, and the second in which it was first seen there."""

    def __post_init__(self) -> None:
        """Watch the swaps too."""
        self.swaps = SwapInvariants(self.targets, self.statistics)

    def record_certificates(self, slots: tuple[str | None, str | None], now: datetime) -> None:
        """Take down which certificates exist."""
        for each in filter(None, slots):
            self.first_seen.setdefault(each, now.replace(microsecond=0))

    def record_foreign_change(self) -> None:
        """Take down that the slots are not only our work any more."""
        self.swaps.record_foreign_change()

    def check(self, command: ObservedCommand) -> None:
        """Assert all that holds after each command."""
        for entry in command.own_requests:
            for slots in (entry.before, entry.after):
                self.record_certificates((slots.active, slots.passive) if slots else (None, None), entry.time)
        self._count(command)
        self._assert_errors_in_three_parts(command)
        self._assert_no_secrets(command)
        self._assert_strict(command)
        self._assert_request_limits(command)
        self._assert_own_subaccount_only(command)
        self._assert_no_write_after_an_unknown_one(command)
        self.swaps.check(command, self.first_seen)
        self._assert_active_replaced_as_declared(command)
        self._assert_losses_announced(command)
        if command.error is None:
            self._assert_state_true(command)
        if command.disturbance.has_rivals:
            self.record_foreign_change()

    def _count(self, command: ObservedCommand) -> None:
        self.statistics.commands[command.name] += 1
        self.statistics.requests += sum(len(call.sent) for call in command.calls)
        for entry in command.own_requests:
            self.statistics.faults.update(kind.value for kind in entry.faults)
        for _, entry, _, _ in command.changes():
            self.statistics.writes[request_name(entry)] += 1
        if command.error is not None:
            name = "CheckFailure" if isinstance(command.error, CheckFailedError) else type(command.error).__name__
            self.statistics.refusals[name] += 1
        for call in filter(lambda call: call.sent, command.calls):
            self.statistics.record_maximum(f"{call.kind}.{call.method}", len(call.sent))

    def _assert_errors_in_three_parts(self, command: ObservedCommand) -> None:
        """Nothing but our own errors comes out, each in three parts."""
        if isinstance(command.error, CheckFailedError):
            assert_three_part_message(command.error.reason)
        elif isinstance(command.error, TrustError):
            assert_three_part_message(str(command.error))

    def _assert_no_secrets(self, command: ObservedCommand) -> None:
        """Neither what is printed nor what is stored has a token or a secret in it."""
        stored = [[each.inputs, each.outputs] for each in command.engine.state.values()]
        spec = f"{command.engine.last.messages}{command.error!r}{json.dumps(stored)}"
        assert not TOKEN.search(spec), "a token got out"
        assert not any(secret in spec for secret in self.secrets), "a secret got out"

    def _assert_strict(self, command: ObservedCommand) -> None:
        """With `btp-trust:strict` there are no warnings: what would be one is a failure."""
        if command.error is None and command.engine.config.get("btp-trust:strict") == "true":
            warnings = [line for line in command.engine.last.messages.splitlines() if line.startswith("warning:")]
            assert [line for line in warnings if not INFORMATIONAL_WARNING.match(line)] == []

    def _assert_request_limits(self, command: ObservedCommand) -> None:
        """Bounded requests; a write arrives once, not counting the way back and what did nothing for certain."""
        for call in command.calls:
            most = MAX_REQUESTS if "GET destinations" not in " ".join(call.sent) else MAX_SECTIONS * MAX_REQUESTS
            assert len(call.sent) <= most, f"{call.kind}.{call.method} sent {len(call.sent)} requests"
            if command.engine.config.get("btp-trust:offline") == "true":
                assert call.sent == [], "offline, nothing is sent"
            refusal = next((place for place, entry in enumerate(call.entries) if is_target_rejection(entry)), None)
            for entries in (call.entries[:refusal], call.entries[refusal:] if refusal is not None else []):
                own_requests = [entry for entry in entries if not is_target_request(entry)]
                arrived = [request_name(entry) for entry in own_requests if not _had_no_effect(entry)]
                for write in {each for each in arrived if not is_read(each)}:
                    assert arrived.count(write) == 1, f"{call.kind}.{call.method} sent {write} twice"
                    assert write == ROTATE or refusal is None, "a check leads to no other write than the way back"
        reads = [call for call in command.calls if call.method in ("check", "diff", "read")]
        assert all(is_read(sent) for call in reads for sent in call.sent), "check, diff and read must not write"
        tried = [
            entry for call in reads for entry in call.entries if is_target_request(entry) or has_signed_assertion(entry)
        ]
        assert tried == [], "a plan must try nothing"

    def _assert_no_write_after_an_unknown_one(self, command: ObservedCommand) -> None:
        """In one process nothing is written any more once nobody knows what became of a write."""
        unknown: BaseException | None = None
        for call in command.calls:
            if unknown is not None:
                writes = [sent for sent in call.sent if not is_read(sent)]
                assert writes == [], f"{call.kind}.{call.method} wrote {writes} after {unknown!r}"
            if isinstance(call.error, WriteNotApplied | OutcomeUnknown):
                unknown = unknown or call.error

    def _assert_own_subaccount_only(self, command: ObservedCommand) -> None:
        """With a token for another subaccount no slot is read or written."""
        asked = [entry for entry in command.entries if not is_target_request(entry)]
        abroad = [entry for entry in asked if entry.subaccount != command.engine.guid]
        assert all(request_name(entry) == "POST token" for entry in abroad), "sent with a token for another subaccount"

    def _assert_active_replaced_as_declared(self, command: ObservedCommand) -> None:
        """A POST on the active slot renews what was named and accepted, or makes the first one that was asked for."""
        for number, entry, before, _ in command.changes():
            if request_name(entry) != "POST certificate":
                continue
            spec, name = command.spec, command.spec.active_name
            preview_report = (command.preview_report or command.engine.last).inputs[name]
            assert "step" in preview_report or command.disturbance.between_preview_and_update is not None, (
                "the preview did not show the generation"
            )
            if command.has_race(number):
                continue
            if before.active is None:
                assert spec.generate
                assert name not in command.before or command.is_partial
            else:
                assert spec.accept_outage
                assert spec.renew == before.active

    def _assert_losses_announced(self, command: ObservedCommand) -> None:
        """A certificate that our write removed is one that the plan named, or that came in the same moment."""
        for number, entry, before, after in command.changes():
            gone = {before.active, before.passive} - {after.active, after.passive, None}
            if not gone or command.has_race(number) or request_name(entry) == "POST certificate":
                continue
            assert gone <= self._named(command, before), f"{request_name(entry)} lost {gone}"

    def _named(self, command: ObservedCommand, slots: Slots) -> set[str | None]:
        """What the plan may remove: what a mint replaces; what a removed resource made, or displaced."""
        plan = command.engine.last
        named: set[str | None] = {inputs.get("replaces") for inputs in plan.inputs.values()}
        for name, stored in command.before.items():
            if stored.kind != "passive" or plan.operations.get(name) != "delete":
                continue
            own_requests = stored.outputs["fingerprint"]
            named.add(own_requests)
            if (
                slots.active == own_requests
                and slots.passive
                and self.first_seen[slots.passive] <= self.first_seen[own_requests]
            ):
                named.add(slots.passive)
        return named

    def _assert_state_true(self, command: ObservedCommand) -> None:
        """What was stored was true at the last reading of each slot."""
        for stored in command.engine.state.values():
            der = base64.b64decode(stored.outputs["certificate_body"])
            assert hashlib.sha256(der).hexdigest() == stored.outputs["fingerprint"]
        if command.lags or command.disturbance.is_misleading or command.is_partial:
            return
        for call in command.calls:
            if call.method in ("create", "update"):
                self._assert_outputs(call, command)

    def _assert_outputs(self, call: ProviderCall, command: ObservedCommand) -> None:
        read = _last_read(command, call)
        outputs = command.engine.state[call.name].outputs
        if read is None or "rollback_unconfirmed" in outputs:
            return
        assert outputs["role"] == _role(read, outputs["fingerprint"]), f"{call.name} has the wrong role"
        if call.kind != "passive":
            assert outputs["fingerprint"] == read.active, f"{call.name} is not what signs"


def _had_no_effect(entry: JournalEntry) -> bool:
    """Whether the answer says for certain that the service has not acted."""
    return entry.status in RETRYABLE_STATUSES or (FaultKind.ROUTER in entry.faults and entry.status in ROUTER_STATUSES)


def _last_read(command: ObservedCommand, call: ProviderCall) -> Slots | None:
    """Return the slots as this operation last read or wrote them; None if no answer tells.

    A reading is of both slots: one that fails in its second half, or contradicts itself, tells nothing; nor does one
    that shows the slots as before a write that was answered less than a minute ago, for it may be behind.
    """
    told: Slots | None = None
    active: Slots | None = None
    before: Slots | None = None
    known_at = datetime.min.replace(tzinfo=UTC)
    for entry in [entry for each in command.calls[: command.calls.index(call) + 1] for entry in each.entries]:
        request = request_name(entry)
        if request == "GET certificate":
            active = None
        if entry.after is None or entry.status not in (200, 404) or {*entry.faults} - HARMLESS_FAULTS:
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
