"""The writes to a target's XSUAA: each reads first, sends one request, and knows afterwards what became of it.

The rules are those of `writes`. A request is repeated only where it provably never arrived, and only after what it is
about was read again; when an answer is lost, it is read until it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btp_trust.errors import (
    EntityIDTaken,
    NotDone,
    OutcomeUnknown,
    PulumiGone,
    TargetChanged,
    TrustError,
)
from btp_trust.identity_provider.plan import Wanted, deactivation, find
from btp_trust.runtime.trust_configuration import TrustingSubaccount
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import DuplicateEntityID
from btp_trust.service.transport.at_most_once import repeated, settled

_UNREAD: Final = object()


@dataclass(frozen=True, slots=True)
class _Write:
    """One write on an identity provider that is exactly `before`."""

    name: str
    origin_key: str
    before: IdentityProvider | None
    send: Callable[[], IdentityProvider | None]
    """Sends the request; returns what there is after it."""
    done: Callable[[IdentityProvider | None], bool]
    """Whether this is the result of the write."""
    entity_id: str = ""
    """Whom it registers."""


def put(target: TrustingSubaccount, wanted: Wanted, before: IdentityProvider | None) -> IdentityProvider:
    """Register what is wanted, or replace what was found. Hold the target's turn since the reading `before`.

    Raises:
        TargetChanged: Somebody else changed it in the same moment.
        NotDone: The answer was lost or refuses it, and all is as before.
        OutcomeUnknown: The answer was lost, and it could not be read.
    """
    body = wanted.body(before)

    def send() -> IdentityProvider:
        return target.client.register(body) if before is None else target.client.replace(before.id, body)

    def done(now: IdentityProvider | None) -> bool:
        return now is not None and not wanted.differences(now)

    name = "registration" if before is None else "update"
    after = _perform(target, _Write(name, wanted.origin_key, before, send, done, wanted.entity_id))
    if after is None:  # pragma: no cover - `done` accepts no such result
        raise AssertionError(name)
    return after


def remove(target: TrustingSubaccount, before: IdentityProvider) -> None:
    """Delete an identity provider. Hold the target's turn since the reading `before`."""
    write = _Write(
        "deletion", before.origin_key, before, lambda: target.client.delete(before.id), lambda now: now is None
    )
    _perform(target, write)


def deactivate(target: TrustingSubaccount, before: IdentityProvider) -> None:
    """Set an identity provider inactive, and change nothing else. Hold the target's lock since the reading `before`.

    Raises:
        Refused: Its settings cannot be read, so that they would be lost.
    """
    body = deactivation(before)

    def done(now: IdentityProvider | None) -> bool:
        return now is not None and not now.active

    _perform(
        target,
        _Write("deactivation", before.origin_key, before, lambda: target.client.replace(before.id, body), done),
    )


def _perform(target: TrustingSubaccount, write: _Write) -> IdentityProvider | None:
    def compare() -> None:
        if (now := find(write.origin_key, target.read())) != write.before:
            raise _not_ours(target, write, now)

    return repeated(target.patience, lambda: _send(target, write), compare)


def _send(target: TrustingSubaccount, write: _Write) -> IdentityProvider | None:
    if target.orphaned():
        raise _orphaned(target, write)
    target.forget()

    is_taken = False

    def send() -> IdentityProvider | None:
        nonlocal is_taken
        try:
            after = write.send()
        except DuplicateEntityID:
            is_taken = True
            raise
        if not write.done(after):
            raise _not_taken(target, write, after)
        return after

    def settle(story: str, watch: float | None) -> IdentityProvider | None:
        try:
            return _settle(target, write, story, watch)
        except NotDone as error:
            raise _entity_taken(target, write, error) if is_taken else error from None

    return settled(target.writes, send, settle)


def _settle(target: TrustingSubaccount, write: _Write, story: str, watch: float | None) -> IdentityProvider | None:
    """Read until it shows what became of a write, for a bounded time, and at least once."""
    now: object = _UNREAD
    watched = 0.0
    for seconds in target.patience.watch(target.patience.limits.settle_timeout if watch is None else watch):
        watched = seconds
        try:
            found = find(write.origin_key, target.read())
        except TrustError:
            now = _UNREAD
            continue
        if write.done(found):
            return found
        if found != write.before:
            raise _not_ours(target, write, found)
        now = found
    kind: type[NotDone | OutcomeUnknown] = NotDone
    state = f"It is as before after {watched:g} s"
    if now is _UNREAD:
        kind, state = OutcomeUnknown, f"It could not be read for {watched:g} s: it was done or not. Before"
    raise kind(
        f"{_titled(target, write)} {story}",
        f"{state}: {_shown(write.before)}. Nothing was recorded, and nothing is repeated.",
        "Wait a minute, then run `pulumi up` again: it reads first. If it fails the same way, look into the proxies on "
        "the way, the service's status, and what it says: a 500 may mean that it cannot take the name or the metadata.",
    )


def _entity_taken(target: TrustingSubaccount, write: _Write, error: NotDone) -> EntityIDTaken:
    """Name the one that has it, if the list shows it by now."""
    mine = write.entity_id
    providers = target.providers()
    others = [each for each in providers if each.origin_key != write.origin_key]
    found = next((each for each in others if each.metadata is not None and each.metadata.entity_id == mine), None)
    which, way = "The list does not show which one", "Look for it in the cockpit, and delete it"
    if found is not None:
        which = f"It is {found.origin_key!r} ({found.id}), {_shown(found)}"
        way = f'To take it over: origin_key="{found.origin_key}", adopt="{found.id}". Or delete it in the cockpit'
    return EntityIDTaken(
        f"{_titled(target, write)} was refused: another identity provider there has the entity ID {mine}.",
        f"{which}. {error.what} {error.why}",
        f"{way}; it may be inactive. Then run `pulumi preview`.",
    )


def _titled(target: TrustingSubaccount, write: _Write) -> str:
    return f"The {write.name} of identity provider {write.origin_key!r} in subaccount {target.subaccount_id}"


def _shown(provider: IdentityProvider | None) -> str:
    if provider is None:
        return "no such identity provider"
    return f"{'active' if provider.active else 'inactive'}, trusting {', '.join(provider.trusted) or 'nothing'}"


def _orphaned(target: TrustingSubaccount, write: _Write) -> PulumiGone:
    return PulumiGone(
        f"{_titled(target, write)} was not sent: Pulumi has ended in the meantime.",
        f"Nobody would note down what came of it, and another run may have begun. It is {_shown(write.before)}.",
        "Run `pulumi cancel` if the stack is locked, then `pulumi up` again: it reads first.",
    )


def _not_ours(target: TrustingSubaccount, write: _Write, now: IdentityProvider | None) -> TargetChanged:
    return TargetChanged(
        f"{_titled(target, write)} does not explain what is there now: somebody else acted in the same moment.",
        f"Before: {_shown(write.before)}. Now: {_shown(now)}. Nothing was recorded.",
        "Find out who else manages this trust configuration, then run `pulumi preview` and read the plan.",
    )


def _not_taken(target: TrustingSubaccount, write: _Write, after: IdentityProvider | None) -> TargetChanged:
    return TargetChanged(
        f"{_titled(target, write)} was answered with another content than was sent.",
        f"It says: {_shown(after)}. The service may not take the metadata as it is written. Nothing was recorded.",
        "Look at the trust configuration in the cockpit; try another metadata_layout, or leave `passive` away.",
    )
