"""The writes: each reads the slots first, sends one request, and knows afterwards what became of it.

The service has neither ETag nor idempotency key; a repeated POST mints another key, a repeated swap undoes the
first. So no request is repeated here. When an answer is lost, both slots are read until they tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import OutcomeUnknown, ServiceUnavailable, SlotsChanged, TrustError, UnexpectedResponse
from btp_trust.model import Slots, Snapshot, signs
from btp_trust.session import Subaccount

SETTLE_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 14.5)
"""Seconds to wait before each reading of the slots after a write whose answer was lost."""


def swap(account: Subaccount, expected: Slots, wanted: str) -> Snapshot:
    """Make `wanted` sign by swapping the slots, if they hold exactly `expected`; nothing if it signs already.

    Raises:
        SlotsChanged: They hold another pair, or somebody swapped in the same moment.
        OutcomeUnknown: The answer was lost and the slots did not tell.
    """
    with account.lock:
        before = account.read()
        if signs(before.active, wanted):
            return before
        _compare("swap", before.slots, expected)
        after = _perform(
            account,
            before,
            "swap",
            account.client.rotate,
            lambda now: now == before.slots.swapped,
        )
        if not signs(after.active, wanted):
            raise _not_ours("swap", before.slots, after.slots)
        return after


def mint(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate the passive certificate over what `before` found. Hold the account's lock since that reading."""
    return _perform(
        account,
        before,
        "generation of a passive certificate",
        lambda: (before.active, account.client.generate_passive()),
        lambda now: now.active == before.slots.active and now.passive not in (None, before.slots.passive),
    )


def generate_active(account: Subaccount, before: Snapshot) -> Snapshot:
    """Generate or renew the active certificate. Hold the account's lock since the reading `before`."""
    return _perform(
        account,
        before,
        "generation of the active certificate",
        lambda: (account.client.generate_active(), before.passive),
        lambda now: now.passive == before.slots.passive and now.active not in (None, before.slots.active),
    )


def delete_passive(account: Subaccount, before: Snapshot) -> Snapshot:
    """Empty the passive slot. Hold the account's lock since the reading `before`."""

    def send() -> tuple[Certificate | None, None]:
        account.client.delete_passive()
        return before.active, None

    return _perform(
        account,
        before,
        "deletion of the passive certificate",
        send,
        lambda now: now == Slots(before.slots.active, None),
    )


def _perform(
    account: Subaccount,
    before: Snapshot,
    name: str,
    send: Callable[[], tuple[Certificate | None, Certificate | None]],
    done: Callable[[Slots], bool],
) -> Snapshot:
    try:
        return account.found(*send())
    except UnexpectedResponse as error:
        return _settle(account, before, name, done, error)
    except ServiceUnavailable as error:
        if error.never_sent:
            raise
        return _settle(account, before, name, done, error)


def _settle(
    account: Subaccount,
    before: Snapshot,
    name: str,
    done: Callable[[Slots], bool],
    lost: TrustError,
) -> Snapshot:
    """Read the slots until they show what became of a write whose answer was lost."""
    now: Snapshot | None = None
    for pause in SETTLE_PAUSES:
        account.world.sleep(pause)
        now = _try_to_read(account)
        if now is not None and done(now.slots):
            return now
        if now is not None and now.slots != before.slots:
            raise _not_ours(name, before.slots, now.slots)
    raise _unknown(name, before.slots, now, lost)


def _try_to_read(account: Subaccount) -> Snapshot | None:
    try:
        return account.read()
    except TrustError:
        return None


def _compare(name: str, found: Slots, expected: Slots) -> None:
    if found != expected:
        raise SlotsChanged(
            f"The {name} was not done: the slots changed since it was planned.",
            f"Planned for: {expected}. Found: {found}.",
            "Run `pulumi preview` and read the new plan; whoever changed the slots may have had a reason.",
        )


def _not_ours(name: str, before: Slots, now: Slots) -> SlotsChanged:
    return SlotsChanged(
        f"The slots changed in a way that this {name} does not explain: somebody else acted in the same moment.",
        f"Before: {before}. Now: {now}.",
        "Nothing was recorded. Find out who else manages this subaccount, then run `pulumi preview` and read the plan.",
    )


def _unknown(name: str, before: Slots, now: Snapshot | None, lost: TrustError) -> OutcomeUnknown:
    found = "they could not be read" if now is None else str(now.slots)
    return OutcomeUnknown(
        f"The {name} was sent once and its answer was lost: {lost.what} {lost.why}",
        f"Slots before: {before}. Slots now, after {sum(SETTLE_PAUSES):.0f} s: {found}.",
        "Nothing was recorded and nothing is repeated. Wait a minute, then run `pulumi up` again: it compares first.",
    )
