"""The writes: each reads the slots first, sends one request, and knows afterwards what became of it.

The service has neither ETag nor idempotency key; a repeated POST mints another key, a repeated swap undoes the
first. So a request is repeated only where it provably never arrived, and only after the slots were compared again.
When an answer is lost, both slots are read until they tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import (
    EngineExited,
    OutcomeUnknown,
    SlotsChanged,
    StaleRead,
    TrustError,
    WriteNotApplied,
)
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import STALENESS
from btp_trust.service.transport.at_most_once import retry_unsent, send_once
from btp_trust.snapshot import Slots, Snapshot, has_fingerprint

_STALENESS_SECONDS: Final = STALENESS.total_seconds()
"""Seconds that a reading is doubted for which shows the swap done that is to be sent."""


@dataclass(frozen=True, slots=True)
class _SlotWrite:
    """One write on slots that hold exactly `before`."""

    name: str
    before: Snapshot
    send: Callable[[], tuple[Certificate | None, Certificate | None]]
    """Sends the request; returns the active and the passive certificate after it."""
    is_applied: Callable[[Slots], bool]
    """Whether these slots are the result of this write, and of it alone."""
    wanted: str
    response_shows_both: bool = False
    """Whether the answer tells both slots; else the other one is read afterwards."""
    min_poll_seconds: float = 0.0
    """Seconds that the slots are watched for at least if the answer is lost, unless the operation ends before."""


def swap(account: Subaccount, expected: Slots, wanted: str, *, reading_may_be_stale: bool = False) -> Snapshot:
    """Make `wanted` sign by swapping the slots, if they hold exactly `expected`; nothing if it signs already.

    Args:
        account: The subaccount.
        expected: What both slots hold.
        wanted: Fingerprint of what shall sign.
        reading_may_be_stale: The slots held `expected` a moment ago, so a reading that shows `wanted` signing may be a stale one
            of the time before: it is believed only if it stays. In the same way, after a lost answer the slots are
            watched for as long as a reading may be behind: what is not done then is certainly not done.

    Raises:
        SlotsChanged: They hold another pair, or somebody swapped in the same moment.
        StaleRead: This process has done this swap, and the slots do not show it: another one might undo it.
        WriteNotApplied: The answer was lost or refuses the swap, and the slots are as before.
        OutcomeUnknown: The answer was lost, and the slots could not be read.
    """
    with account.write_lock.hold():
        before = _read_past_staleness(account, wanted) if reading_may_be_stale else account.read()
        if has_fingerprint(before.active, wanted):
            return before
        if account.write_lock.signer == wanted:
            raise _swapped_already(wanted, before.slots)
        _refuse_changed_slots("swap", before.slots, expected)
        write = _SlotWrite(
            "swap",
            before,
            account.client.rotate,
            lambda now: now == before.slots.swapped,
            str(expected.swapped),
            response_shows_both=True,
            min_poll_seconds=_STALENESS_SECONDS if reading_may_be_stale else 0.0,
        )
        after = _perform(account, write)
        with account.write_lock.record_unknown_outcome():
            if not has_fingerprint(after.active, wanted):
                is_unseen = after.slots.active not in (before.slots.active, None)
                raise _unplanned_signer(write, after.slots) if is_unseen else _foreign_change(write, after.slots)
        account.write_lock.signer = wanted
        return after


def generate_passive(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate the passive certificate over what `before` found. Hold the account's turn since that reading."""
    write = _SlotWrite(
        "generation of a passive certificate",
        before,
        lambda: (before.active, account.client.generate_passive()),
        lambda now: now.active == before.slots.active and now.passive not in (None, before.slots.passive),
        f"active {before.slots.active}, passive a new one",
    )
    return _perform(account, write)


def generate_active(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate or renew the active certificate. Hold the account's turn since the reading `before`."""
    write = _SlotWrite(
        "generation of the active certificate",
        before,
        lambda: (account.client.generate_active(), before.passive),
        lambda now: now.passive == before.slots.passive and now.active not in (None, before.slots.active),
        f"active a new one, passive {before.slots.passive or 'empty'}",
    )
    return _perform(account, write)


def delete_passive(account: Subaccount, before: Snapshot) -> Snapshot:
    """Empty the passive slot. Hold the account's turn since the reading `before`."""

    def send() -> tuple[Certificate | None, None]:
        account.client.delete_passive()
        return before.active, None

    wanted = Slots(before.slots.active, None)
    write = _SlotWrite("deletion of the passive certificate", before, send, lambda now: now == wanted, str(wanted))
    return _perform(account, write)


def _perform(account: Subaccount, write: _SlotWrite) -> Snapshot:
    """Send the write; again only where it never arrived, and then only on the very same slots."""
    return retry_unsent(
        account.retry_policy,
        lambda: _send(account, write),
        lambda: _refuse_changed_slots(write.name, account.read().slots, write.before.slots),
    )


def _send(account: Subaccount, write: _SlotWrite) -> Snapshot:
    if account.host.engine_exited():
        raise _engine_exited(write)

    def send() -> Snapshot:
        after = account.record_reading(*write.send())
        return after if write.response_shows_both else _read_other_slot(account, write, after)

    return send_once(account.write_lock, send, lambda history, watch: _resolve(account, write, history, watch))


def _read_other_slot(account: Subaccount, write: _SlotWrite, after: Snapshot) -> Snapshot:
    """Read once more: the answer of a write tells one slot, and somebody may have acted on the other.

    A reading that fails, or that still shows the slots before the write, takes nothing from the answer.
    """
    now = _read_or_none(account)
    if now is None or now.slots == write.before.slots:
        return account.record_reading(after.active, after.passive)
    if now.slots != after.slots:
        raise _foreign_change(write, now.slots)
    return now


def _resolve(account: Subaccount, write: _SlotWrite, history: str, watch: float | None) -> Snapshot:
    """Read the slots until they show what became of a write, for a bounded time, and at least once."""
    now: Snapshot | None = None
    polled_seconds = 0.0
    usual = max(account.retry_policy.timeouts.settle_timeout, write.min_poll_seconds)
    for seconds in account.retry_policy.poll(usual if watch is None else watch):
        polled_seconds, now = seconds, _read_or_none(account)
        if now is not None and write.is_applied(now.slots):
            return now
        if now is not None and now.slots != write.before.slots:
            raise _foreign_change(write, now.slots)
    raise _unresolved_write(write, now, history, polled_seconds)


def _read_past_staleness(account: Subaccount, wanted: str) -> Snapshot:
    """Read until `wanted` does not sign, for as long as a reading may be behind; one that fails tells nothing.

    Raises:
        StaleRead: It seems to sign, and the operation has no time left to see whether that stays.
        TrustError: The last reading failed.
    """
    now, began = _read_or_none(account), account.retry_policy.remaining

    def is_over() -> bool:
        return round(began - account.retry_policy.remaining, 3) >= _STALENESS_SECONDS

    watch = account.retry_policy.poll(_STALENESS_SECONDS)
    while (now is None or has_fingerprint(now.active, wanted)) and not is_over() and next(watch, None):
        now = _read_or_none(account)
    now = now or account.read()
    if has_fingerprint(now.active, wanted) and not is_over():
        raise StaleRead(
            "The slots look as if the swap was done already.",
            f"They may still be shown as they were a moment ago. Slots: {now.slots}.",
            "Wait a minute, then run the same command again.",
        )
    return now


def _swapped_already(wanted: str, found: Slots) -> StaleRead:
    """Pulumi calls an update again if a hook lets it: the state does not have what the first call has done."""
    return StaleRead(
        "The swap was done by this command already, and the slots do not show it.",
        f"Either the reading is stale, or somebody swapped back at once; a second swap might undo the first. Made to "
        f"sign: {wanted}. Slots: {found}.",
        "Wait a minute, then run `pulumi up` again: it reads the slots, and tries the destinations.",
    )


def _read_or_none(account: Subaccount) -> Snapshot | None:
    try:
        return account.read()
    except TrustError:
        return None


def _refuse_changed_slots(name: str, found: Slots, expected: Slots) -> None:
    if found != expected:
        raise SlotsChanged(
            f"The {name} was not done: the slots changed since it was planned.",
            f"Planned for: {expected}. Found: {found}.",
            "Run `pulumi preview` and read the new plan; whoever changed the slots may have had a reason.",
        )


def _engine_exited(write: _SlotWrite) -> EngineExited:
    return EngineExited(
        f"The {write.name} was not sent: Pulumi has ended in the meantime.",
        f"Nobody would note down what came of it, and another run may have begun. Slots: {write.before.slots}.",
        "Run `pulumi cancel` if the stack is locked, then `pulumi up` again: it reads both slots first.",
    )


def _foreign_change(write: _SlotWrite, now: Slots) -> SlotsChanged:
    before = write.before.slots
    missing = [each for each in (before.active, before.passive) if each not in (None, now.active, now.passive)]
    lost = f" In no slot any more: {', '.join(map(str, missing))}." if missing else ""
    found = f"The slots changed in a way that this {write.name} does not explain"
    if now == before:
        found = f"The {write.name} was done, and yet the slots are as before"
    return SlotsChanged(
        f"{found}: somebody else acted in the same moment.",
        f"Before: {before}. Wanted: {write.wanted}. Now: {now}.{lost} Nothing was recorded.",
        "Find out who else manages this subaccount, then run `pulumi preview` and read the plan.",
    )


def _unplanned_signer(write: _SlotWrite, now: Slots) -> SlotsChanged:
    """Somebody replaced the passive certificate between the reading and the swap: no client can exclude that."""
    return SlotsChanged(
        f"The swap made a certificate sign that was in no plan: {now.active}.",
        f"Somebody replaced the passive one in the same moment. Before: {write.before.slots}. Wanted: {write.wanted}. "
        f"Now: {now}. Nothing was recorded.",
        "Targets that do not trust it refuse calls. To go back, declare the generation before again, with "
        f'on_drift="restore" and known_generations={{"unreviewed": "{now.active}"}}, and run `pulumi up`.',
    )


def _unresolved_write(
    write: _SlotWrite, now: Snapshot | None, history: str, polled_seconds: float
) -> WriteNotApplied | OutcomeUnknown:
    kind = OutcomeUnknown if now is None else WriteNotApplied
    before, found = write.before.slots, f"The slots are as before after {polled_seconds:g} s"
    if now is None:
        found = f"The slots could not be read for {polled_seconds:g} s: it was done or not. Before"
    return kind(
        f"The {write.name} {history}",
        f"{found}: {before}. Wanted: {write.wanted}. Nothing was recorded, and nothing is repeated.",
        "Wait a minute, then run `pulumi up` again: it reads both slots first. If it fails the same way, look into the "
        "proxies on the way and the service's status.",
    )
