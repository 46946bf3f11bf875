"""Writes of the slots: swap, generate, delete. Each reads both slots first, and knows afterwards what became of it.

The protocol is that of `AtMostOnceWrite`; this module knows what the four writes send and leave behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from btp_trust.certificate import Certificate
from btp_trust.errors import SlotsChanged, StaleRead, TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import STALENESS
from btp_trust.service.transport.at_most_once import AtMostOnceWrite
from btp_trust.snapshot import Slots, Snapshot, has_fingerprint

_STALENESS_SECONDS: Final = STALENESS.total_seconds()
"""Seconds for which a reading is doubted that shows a swap applied before it is sent."""


@dataclass(frozen=True, kw_only=True)
class _SlotWrite(AtMostOnceWrite[Snapshot]):
    """One write of the slots."""

    unchanged: ClassVar[str] = "The slots are as before"
    unreadable: ClassVar[str] = "The slots could not be read"
    next_command: ClassVar[str] = "it reads both slots first"
    suspects: ClassVar[str] = "the proxies on the way and the service's status"

    context: Subaccount
    request: Callable[[], tuple[Certificate | None, Certificate | None]]
    """Sends the request; returns the active and the passive certificate after it."""
    wanted: str
    response_shows_both: bool = False
    """Whether the response shows both slots; else the other one is read afterwards."""

    def send(self) -> Snapshot:
        """Send the request, and read the slot that its response leaves open."""
        after = self.context.record_reading(*self.request())
        return after if self.response_shows_both else self._read_other_slot(after)

    def read(self) -> Snapshot:
        """Read both slots."""
        return self.context.read()

    def is_unchanged(self, now: Snapshot) -> bool:
        """Whether both slots hold what they held before, however much later that was read."""
        return now.slots == self.before.slots

    def describe(self) -> str:
        """Return the slots before, and those that the write was to leave."""
        return f"{self.before.slots}. Wanted: {self.wanted}."

    def describe_before(self) -> str:
        """Return the slots before."""
        return f"Slots: {self.before.slots}."

    def describe_watched(self) -> str:
        """Return the slots that are read, and what they held before: a rollback's are those of its swap, reversed."""
        before = ", ".join(
            f"{slot} {short_fingerprint(found) if found else 'empty'}"
            for slot, found in (("active", self.before.slots.active), ("passive", self.before.slots.passive))
        )
        return f"both slots (before: {before})"

    def changed_before_sending(self, now: Snapshot) -> SlotsChanged:
        """Return the error of slots that changed before the request arrived."""
        return _slots_changed(self.name, now.slots, self.before.slots)

    def foreign_change(self, now: Snapshot) -> SlotsChanged:
        """Return the error of slots that differ from what this write leaves."""
        before, after = self.before.slots, now.slots
        missing = [fingerprint for fingerprint in (before.active, before.passive) if fingerprint is not None]
        missing = [fingerprint for fingerprint in missing if fingerprint not in (after.active, after.passive)]
        lost = f" In no slot any more: {', '.join(missing)}." if missing else ""
        change = f"The slots differ from what the {self.name} leaves"
        if after == before:
            change = f"The {self.name} was applied, and yet the slots are as before"
        return SlotsChanged(
            f"{change}: another client wrote at the same time.",
            f"Before: {before}. Wanted: {self.wanted}. Now: {after}.{lost} Nothing was recorded.",
            "Find out who else manages this subaccount, then run `pulumi preview` and read the plan.",
        )

    def _read_other_slot(self, after: Snapshot) -> Snapshot:
        """Read once more, as the response shows one slot and somebody may have acted on the other.

        The response prevails over a reading that fails, or that still shows the slots before the write.
        """
        # Without this reading, the outputs could show a certificate that somebody has just removed.
        now = _read_or_none(self.context)
        if now is None or self.is_unchanged(now):
            return self.context.record_reading(after.active, after.passive)
        if now.slots != after.slots:
            raise self.foreign_change(now)
        return now


def swap(account: Subaccount, expected: Slots, wanted: str, *, reading_may_be_stale: bool = False) -> Snapshot:
    """Make `wanted` the active certificate by swapping the slots, unless it is that already.

    Args:
        account: The subaccount.
        expected: What both slots hold.
        wanted: Fingerprint of the certificate that is to sign.
        reading_may_be_stale: The slots held `expected` a moment ago, so that a reading that shows `wanted` active may
            be one of the time before, and is accepted only if it stays. After a lost response the slots are then read
            for as long as a reading may be stale, which makes a `WriteNotApplied` certain.

    Raises:
        SlotsChanged: They hold another pair, or another client swapped at the same time.
        StaleRead: This process has made this swap, and the slots contradict that: another one might undo it.
        WriteNotApplied: The response was lost or refuses the swap, and the slots are as before.
        OutcomeUnknown: The response was lost, and the slots could not be read.
    """
    with account.write_lock.hold():
        before = _read_past_staleness(account, wanted) if reading_may_be_stale else account.read()
        # Another swap would undo one that somebody, or an interrupted run, has made.
        if has_fingerprint(before.active, wanted):
            return before
        if account.write_lock.signer == wanted:
            raise _swapped_already(wanted, before.slots)
        # The service swaps unconditionally: this comparison is the guard against other writers.
        if before.slots != expected:
            raise _slots_changed("swap", before.slots, expected)
        after = _swap_once(account, before, wanted, _STALENESS_SECONDS if reading_may_be_stale else 0.0)
        account.write_lock.signer = wanted
        return after


def _swap_once(account: Subaccount, before: Snapshot, wanted: str, min_poll_seconds: float) -> Snapshot:
    write = _SlotWrite(
        context=account,
        name="swap",
        before=before,
        is_applied=lambda now: now.slots == before.slots.swapped,
        request=account.client.rotate,
        wanted=str(before.slots.swapped),
        response_shows_both=True,
        min_poll_seconds=min_poll_seconds,
    )
    after = write.perform()
    # The service swaps blindly: only its response shows a passive certificate that was replaced after the reading.
    with account.write_lock.record_unknown_outcome():
        if not has_fingerprint(after.active, wanted):
            # A third certificate was generated after the reading, in the slot that then began to sign.
            is_unseen = after.slots.active not in (before.slots.active, None)
            raise _unplanned_signer(write, after.slots) if is_unseen else write.foreign_change(after)
    return after


def generate_passive(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate the passive certificate, overwriting the one of `before`; hold the write lock since that reading."""
    return _SlotWrite(
        context=account,
        name="generation of a passive certificate",
        before=before,
        is_applied=lambda now: (
            # A certificate that a colleague generates in this moment looks the same: the API leaves its author out.
            now.slots.active == before.slots.active and now.slots.passive not in (None, before.slots.passive)
        ),
        request=lambda: (before.active, account.client.generate_passive()),
        wanted=f"active {before.slots.active}, passive a new one",
    ).perform()


def generate_active(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate or renew the active certificate; hold the write lock since the reading `before`."""
    return _SlotWrite(
        context=account,
        name="generation of the active certificate",
        before=before,
        is_applied=lambda now: (
            now.slots.passive == before.slots.passive and now.slots.active not in (None, before.slots.active)
        ),
        request=lambda: (account.client.generate_active(), before.passive),
        wanted=f"active a new one, passive {before.slots.passive or 'empty'}",
    ).perform()


def delete_passive(account: Subaccount, before: Snapshot) -> Snapshot:
    """Empty the passive slot; hold the write lock since the reading `before`."""

    def request() -> tuple[Certificate | None, None]:
        account.client.delete_passive()
        return before.active, None

    wanted = Slots(before.slots.active, None)
    return _SlotWrite(
        context=account,
        name="deletion of the passive certificate",
        before=before,
        is_applied=lambda now: now.slots == wanted,
        request=request,
        wanted=str(wanted),
    ).perform()


def _read_past_staleness(account: Subaccount, wanted: str) -> Snapshot:
    """Read until another certificate than `wanted` is active, or its being so has outlived every stale reading.

    Raises:
        StaleRead: It seems to be active, and the operation has too little time left to see whether that stays.
        TrustError: The last reading failed.
    """
    # The clock of the policy counts, so that slow readings shorten the wait.
    now, began = _read_or_none(account), account.retry_policy.remaining

    def is_over() -> bool:
        # Rounded, as a sum of floats may fall short of the minute by a rounding error.
        return round(began - account.retry_policy.remaining, 3) >= _STALENESS_SECONDS

    pauses = account.retry_policy.poll(_STALENESS_SECONDS)
    while (now is None or has_fingerprint(now.active, wanted)) and not is_over() and next(pauses, None):
        now = _read_or_none(account)
    # If the last reading failed, one more raises its error.
    now = now or account.read()
    if has_fingerprint(now.active, wanted) and not is_over():
        raise StaleRead(
            "The slots look as if the swap was done already.",
            f"They may still be shown as they were a moment ago. Slots: {now.slots}.",
            "Wait a minute, then run the same command again.",
        )
    return now


def _swapped_already(wanted: str, slots: Slots) -> StaleRead:
    """Return the error of a repeated swap: an error hook lets Pulumi call update again, with the state before."""
    return StaleRead(
        "The swap was done by this command already, and the slots do not show it.",
        f"Either the reading is stale, or somebody undid it at once; a second swap might undo the first. Made to "
        f"sign: {wanted}. Slots: {slots}.",
        "Wait a minute, then run `pulumi up` again: it reads the slots, and verifies the destinations.",
    )


def _read_or_none(account: Subaccount) -> Snapshot | None:
    try:
        return account.read()
    except TrustError:
        return None


def _slots_changed(name: str, slots: Slots, expected: Slots) -> SlotsChanged:
    return SlotsChanged(
        f"The {name} was not applied: the slots changed since it was planned.",
        f"Planned for: {expected}. Found: {slots}.",
        "Run `pulumi preview` and read the new plan; the change may have had a reason.",
    )


def _unplanned_signer(write: _SlotWrite, slots: Slots) -> SlotsChanged:
    """Return the error of a passive certificate that was replaced between the reading and the swap."""
    return SlotsChanged(
        f"The swap made a certificate sign that was in no plan: {slots.active}.",
        f"Another client replaced the passive one at the same time. Before: {write.before.slots}. "
        f"Wanted: {write.wanted}. Now: {slots}. Nothing was recorded.",
        "Targets that do not trust it reject calls. To roll back, declare the generation before again, with "
        f'on_drift="restore" and known_generations={{"unreviewed": "{slots.active}"}}, and run `pulumi up`.',
    )
