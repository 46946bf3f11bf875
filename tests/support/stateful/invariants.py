"""Invariants of every command, for all programs and disturbances."""

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
from support.stateful.communication_systems import PATCH, is_system_request
from support.stateful.disturbances import LAG, RIVALS
from support.stateful.observed_command import ROTATE, ObservedCommand, request_name
from support.stateful.signer_invariants import assert_nothing_unsaid
from support.stateful.statistics import Statistics
from support.stateful.swap_invariants import SwapInvariants
from support.stateful.targets import Targets, has_signed_assertion, is_target_rejection, is_target_request

TOKEN: Final = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")
INFORMATIONAL_WARNING: Final = re.compile(
    r"warning: \w+ \S+, \S+ \([0-9a-f]{8}\): "
    r"(\S+: (weak|rejected|inconclusive): |.* The rollback goes on|.* is not trusted by |Whether .* still trusts "
    r"|.* was rejected by |.* Creating a RotationTrigger only records"
    r"|.* is in no slot any more"
    r"|.* signs although it is revoked"
    r"|The active certificate .* expire|Passive .* expire|This command makes .* expire"
    r"|.* The next `pulumi up` restores the declared signer)"
)
"""Warnings that stay warnings in strict mode: a failure would come too late, or would block a rollback."""
MAX_SECTIONS: Final = 3
"""A swap, its verification and the rollback each have requests of their own."""
HARMLESS_FAULTS: Final = {FaultKind.SLOW, FaultKind.LITERAL_NEWLINES, *RIVALS}
"""Faults of a request whose response is still true."""
RETRYABLE_STATUSES: Final = {401, 429}
"""Statuses of a write without effect, which may be sent again."""
ROUTER_STATUSES: Final = {404, 503}
"""The same, if they come from Cloud Foundry's router."""


@dataclass
class Invariants:
    """Checks the commands of one subaccount."""

    secrets: list[str]
    targets: Targets
    statistics: Statistics
    first_seen: dict[str, datetime] = field(default_factory=dict)
    """{certificate: when it was first seen in a slot}, in order of appearance."""

    def __post_init__(self) -> None:
        """Create the invariants of swaps."""
        self.swap_invariants = SwapInvariants(self.targets, self.statistics)

    def record_certificates(self, slots: tuple[str | None, str | None], now: datetime) -> None:
        """Record the certificates in the slots."""
        for certificate in filter(None, slots):
            self.first_seen.setdefault(certificate, now.replace(microsecond=0))

    def record_foreign_change(self) -> None:
        """Record that somebody else has changed the slots."""
        self.swap_invariants.record_foreign_change()

    def check(self, command: ObservedCommand) -> None:
        """Assert all invariants after a command."""
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
        self.swap_invariants.check(command, self.first_seen)
        self._assert_active_replaced_as_declared(command)
        self._assert_losses_announced(command)
        if command.error is None:
            self._assert_state_true(command)
            assert_nothing_unsaid(command)
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
        """Messages of our errors have three parts."""
        if isinstance(command.error, CheckFailedError):
            assert_three_part_message(command.error.reason)
        elif isinstance(command.error, TrustError):
            assert_three_part_message(str(command.error))

    def _assert_no_secrets(self, command: ObservedCommand) -> None:
        """Output and state are free of tokens and secrets."""
        stored = [[resource.inputs, resource.outputs] for resource in command.engine.state.values()]
        text = f"{command.engine.last_report.messages}{command.error!r}{json.dumps(stored)}"
        assert not TOKEN.search(text), "a token was printed or stored"
        assert not any(secret in text for secret in self.secrets), "a secret was printed or stored"

    def _assert_strict(self, command: ObservedCommand) -> None:
        """With `btp-trust:strict`, warnings are failures, except informational ones."""
        if command.error is None and command.engine.config.get("btp-trust:strict") == "true":
            warnings = [
                line for line in command.engine.last_report.messages.splitlines() if line.startswith("warning:")
            ]
            assert [line for line in warnings if not INFORMATIONAL_WARNING.match(line)] == []

    def _assert_request_limits(self, command: ObservedCommand) -> None:
        """Requests are bounded, and a write arrives once, except rollbacks and writes without effect."""
        for call in command.calls:
            limit = MAX_REQUESTS if "GET destinations" not in " ".join(call.sent) else MAX_SECTIONS * MAX_REQUESTS
            assert len(call.sent) <= limit, f"{call.kind}.{call.method} sent {len(call.sent)} requests"
            if command.engine.config.get("btp-trust:offline") == "true":
                assert call.sent == [], "a request was sent offline"
            rejection = _rejection(call)
            for entries in (call.entries[:rejection], call.entries[rejection:] if rejection is not None else []):
                own_requests = [entry for entry in entries if not _is_of_others(entry)]
                arrived = [request_name(entry) for entry in own_requests if not _had_no_effect(entry)]
                for write in {request for request in arrived if not is_read(request)}:
                    assert arrived.count(write) == 1, f"{call.kind}.{call.method} sent {write} twice"
                    assert write == ROTATE or rejection is None, "a verification led to another write than a rollback"
        reads = [call for call in command.calls if call.method in ("check", "diff", "read")]
        assert all(is_read(sent) for call in reads for sent in call.sent), "check, diff or read wrote"
        probes = [
            entry for call in reads for entry in call.entries if is_target_request(entry) or has_signed_assertion(entry)
        ]
        assert probes == [], "a plan probed a destination"

    def _assert_no_write_after_an_unknown_one(self, command: ObservedCommand) -> None:
        """After a write with an unknown outcome, a process stops writing."""
        unknown: BaseException | None = None
        for call in command.calls:
            if unknown is not None:
                writes = [sent for sent in call.sent if not is_read(sent)]
                assert writes == [], f"{call.kind}.{call.method} wrote {writes} after {unknown!r}"
            if isinstance(call.error, WriteNotApplied | OutcomeUnknown):
                unknown = unknown or call.error

    def _assert_own_subaccount_only(self, command: ObservedCommand) -> None:
        """Only requests with a token for the own subaccount reach slots; slots of another one may be read ahead."""
        own_process = [entry for entry in command.entries if not _is_of_others(entry)]
        foreign = [entry for entry in own_process if entry.subaccount != command.engine.guid]
        assert all(is_read(request_name(entry)) for entry in foreign), "sent with a token for another subaccount"

    def _assert_active_replaced_as_declared(self, command: ObservedCommand) -> None:
        """A POST on the active slot renews the named and accepted certificate, or generates a requested first one."""
        for number, entry, before, _ in command.changes():
            if request_name(entry) != "POST certificate":
                continue
            spec, name = command.spec, command.spec.active_name
            preview_report = (command.preview_report or command.engine.last_report).inputs[name]
            last = command.before[name].inputs.get("step") if name in command.before else None
            is_shown = preview_report.get("step") != last
            assert is_shown or command.disturbance.between_preview_and_update is not None, (
                "the preview lacks the generation"
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
        """A certificate that our write removed was named by the plan, or appeared at the same moment."""
        for number, entry, before, after in command.changes():
            lost = {before.active, before.passive} - {after.active, after.passive, None}
            if not lost or command.has_race(number) or request_name(entry) == "POST certificate":
                continue
            assert lost <= self._named(command, before), f"{request_name(entry)} lost {lost}"

    def _named(self, command: ObservedCommand, slots: Slots) -> set[str]:
        """Certificates that the plan may remove: replaced by a new one, created by a removed resource, or displaced."""
        plan = command.engine.last_report
        # An unchanged resource keeps the lines of its last step.
        due = [inputs for name, inputs in plan.inputs.items() if plan.operations.get(name) != "same"]
        replaced = {str(inputs.get("replaces"))[:8] for inputs in due}
        named = {slot for slot in (slots.active, slots.passive) if slot is not None and slot[:8] in replaced}
        for name, stored in command.before.items():
            if stored.kind != "passive" or plan.operations.get(name) != "delete":
                continue
            fingerprint = stored.outputs["fingerprint"]
            named.add(fingerprint)
            if (
                slots.active == fingerprint
                and slots.passive
                and self.first_seen[slots.passive] <= self.first_seen[fingerprint]
            ):
                named.add(slots.passive)
        return named

    def _assert_state_true(self, command: ObservedCommand) -> None:
        """Stored outputs match the last reading of each slot."""
        for stored in command.engine.state.values():
            der = base64.b64decode(stored.outputs["certificate_body"])
            assert hashlib.sha256(der).hexdigest() == stored.outputs["fingerprint"]
        if command.has_stale_reads or command.disturbance.is_misleading or command.is_partial:
            return
        for call in command.calls:
            if call.method in ("create", "update"):
                self._assert_outputs(call, command)

    def _assert_outputs(self, call: ProviderCall, command: ObservedCommand) -> None:
        slots = _last_read(command, call)
        outputs = command.engine.state[call.name].outputs
        if slots is None or "rollback_outcome_unknown" in outputs:
            return
        if call.kind != "passive":
            assert outputs["role"] == "active", f"{call.name} has the wrong role"
            assert outputs["fingerprint"] == slots.active, (
                f"{call.name} has another fingerprint than the active certificate"
            )


def _is_of_others(entry: JournalEntry) -> bool:
    """Return True for a request to a target or to a communication system."""
    return is_target_request(entry) or is_system_request(entry)


def _rejection(call: ProviderCall) -> int | None:
    """Return the place after which a call may roll back: at a target's rejection, or at a swap that systems follow."""
    if PATCH in call.sent and ROTATE in call.sent[: _last(call.sent, PATCH)]:
        return 1 + next((place for place, entry in enumerate(call.entries) if request_name(entry) == ROTATE), -1)
    return next((place for place, entry in enumerate(call.entries) if is_target_rejection(entry)), None)


def _last(requests: list[str], request: str) -> int:
    return len(requests) - 1 - requests[::-1].index(request)


def _had_no_effect(entry: JournalEntry) -> bool:
    """Return True if the response guarantees that the service has ignored the request."""
    return entry.status in RETRYABLE_STATUSES or (FaultKind.ROUTER in entry.faults and entry.status in ROUTER_STATUSES)


def _last_read(command: ObservedCommand, call: ProviderCall) -> Slots | None:
    """Return the slots as this operation last read or wrote them; None if they are unknown.

    A reading counts if both of its halves succeed and agree, and if it differs from the slots before a write of the
    last minute, for such a reading may be stale. A write that was done although its answer was lost leaves the slots
    unknown until then.
    """
    known: Slots | None = None
    active: Slots | None = None
    before: Slots | None = None
    current_from = datetime.min.replace(tzinfo=UTC)
    for entry in [entry for earlier in command.calls[: command.calls.index(call) + 1] for entry in earlier.entries]:
        request = request_name(entry)
        if request == "GET certificate":
            active = None
        if entry.after is None or entry.status not in (200, 404) or {*entry.faults} - HARMLESS_FAULTS:
            if entry.after not in (None, entry.before):
                known, before, current_from = None, entry.before, entry.time + timedelta(seconds=LAG)
            continue
        if request == "GET certificate":
            active = entry.after
        elif request == "GET certificate/passive" and active is not None:
            reading = Slots(active.active, entry.after.passive)
            may_be_stale = reading == before and entry.time < current_from
            known = known if may_be_stale or reading.active == reading.passive else reading
        elif not is_read(request):
            known, before = _after_write(request, entry.after, known), entry.before
            current_from = entry.time + timedelta(seconds=LAG)
    return known


def _after_write(request: str, after: Slots, known: Slots | None) -> Slots | None:
    """Return the known slots after the response to a write: only that of a swap contains both."""
    if request == "POST rotateCertificate":
        return after
    if known is None:
        return None
    return Slots(after.active, known.passive) if request == "POST certificate" else Slots(known.active, after.passive)
