"""The writes to a target's XSUAA: each reads first, sends one request, and knows afterwards what became of it.

The rules are those of `writes`. A request is repeated only where it provably never arrived, and only after what it is
about was read again; when an answer is lost, it is read until it tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from btp_trust.errors import (
    EngineExited,
    EntityIDTaken,
    OutcomeUnknown,
    TargetChanged,
    TrustError,
    WriteNotApplied,
)
from btp_trust.identity_provider.plan import DesiredRegistration, deactivation_body, find_by_origin_key
from btp_trust.runtime.trust_configuration import TrustConfiguration
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import DuplicateEntityID
from btp_trust.service.transport.at_most_once import retry_unsent, send_once

_NOT_READ: Final = object()


@dataclass(frozen=True, slots=True)
class _RegistrationWrite:
    """One write on an identity provider that is exactly `before`."""

    name: str
    origin_key: str
    before: IdentityProvider | None
    send: Callable[[], IdentityProvider | None]
    """Sends the request; returns what there is after it."""
    is_applied: Callable[[IdentityProvider | None], bool]
    """Whether this is the result of the write."""
    entity_id: str = ""
    """Whom it registers."""


def write_registration(
    target: TrustConfiguration, desired: DesiredRegistration, before: IdentityProvider | None
) -> IdentityProvider:
    """Register what is wanted, or replace what was found. Hold the target's turn since the reading `before`.

    Raises:
        TargetChanged: Somebody else changed it in the same moment.
        WriteNotApplied: The answer was lost or refuses it, and all is as before.
        OutcomeUnknown: The answer was lost, and it could not be read.
    """
    body = desired.body(before)

    def send() -> IdentityProvider:
        return target.client.register(body) if before is None else target.client.replace(before.id, body)

    def is_applied(now: IdentityProvider | None) -> bool:
        return now is not None and not desired.differences(now)

    name = "registration" if before is None else "update"
    after = _perform(target, _RegistrationWrite(name, desired.origin_key, before, send, is_applied, desired.entity_id))
    if after is None:  # pragma: no cover - `done` accepts no such result
        raise AssertionError(name)
    return after


def delete_registration(target: TrustConfiguration, before: IdentityProvider) -> None:
    """Delete an identity provider. Hold the target's turn since the reading `before`."""
    write = _RegistrationWrite(
        "deletion", before.origin_key, before, lambda: target.client.delete(before.id), lambda now: now is None
    )
    _perform(target, write)


def deactivate_registration(target: TrustConfiguration, before: IdentityProvider) -> None:
    """Set an identity provider inactive, and change nothing else. Hold the target's lock since the reading `before`.

    Raises:
        Refused: Its settings cannot be read, so that they would be lost.
    """
    body = deactivation_body(before)

    def is_applied(now: IdentityProvider | None) -> bool:
        return now is not None and not now.active

    _perform(
        target,
        _RegistrationWrite(
            "deactivation", before.origin_key, before, lambda: target.client.replace(before.id, body), is_applied
        ),
    )


def _perform(target: TrustConfiguration, write: _RegistrationWrite) -> IdentityProvider | None:
    def compare() -> None:
        if (now := find_by_origin_key(write.origin_key, target.read())) != write.before:
            raise _foreign_change(target, write, now)

    return retry_unsent(target.retry_policy, lambda: _send(target, write), compare)


def _send(target: TrustConfiguration, write: _RegistrationWrite) -> IdentityProvider | None:
    if target.engine_exited():
        raise _engine_exited(target, write)
    target.forget()

    is_taken = False

    def send() -> IdentityProvider | None:
        nonlocal is_taken
        try:
            after = write.send()
        except DuplicateEntityID:
            is_taken = True
            raise
        if not write.is_applied(after):
            raise _stored_otherwise(target, write, after)
        return after

    def resolve(history: str, watch: float | None) -> IdentityProvider | None:
        try:
            return _resolve(target, write, history, watch)
        except WriteNotApplied as error:
            raise _entity_id_taken(target, write, error) if is_taken else error from None

    return send_once(target.write_lock, send, resolve)


def _resolve(
    target: TrustConfiguration, write: _RegistrationWrite, history: str, watch: float | None
) -> IdentityProvider | None:
    """Read until it shows what became of a write, for a bounded time, and at least once."""
    now: object = _NOT_READ
    polled_seconds = 0.0
    for seconds in target.retry_policy.poll(target.retry_policy.timeouts.settle_timeout if watch is None else watch):
        polled_seconds = seconds
        try:
            found = find_by_origin_key(write.origin_key, target.read())
        except TrustError:
            now = _NOT_READ
            continue
        if write.is_applied(found):
            return found
        if found != write.before:
            raise _foreign_change(target, write, found)
        now = found
    kind: type[WriteNotApplied | OutcomeUnknown] = WriteNotApplied
    state = f"It is as before after {polled_seconds:g} s"
    if now is _NOT_READ:
        kind, state = OutcomeUnknown, f"It could not be read for {polled_seconds:g} s: it was done or not. Before"
    raise kind(
        f"{_title(target, write)} {history}",
        f"{state}: {_describe(write.before)}. Nothing was recorded, and nothing is repeated.",
        "Wait a minute, then run `pulumi up` again: it reads first. If it fails the same way, look into the proxies on "
        "the way, the service's status, and what it says: a 500 may mean that it cannot take the name or the metadata.",
    )


def _entity_id_taken(target: TrustConfiguration, write: _RegistrationWrite, error: WriteNotApplied) -> EntityIDTaken:
    """Name the one that has it, if the list shows it by now."""
    mine = write.entity_id
    providers = target.providers()
    others = [each for each in providers if each.origin_key != write.origin_key]
    found = next((each for each in others if each.metadata is not None and each.metadata.entity_id == mine), None)
    which, way = "The list does not show which one", "Look for it in the cockpit, and delete it"
    if found is not None:
        which = f"It is {found.origin_key!r} ({found.id}), {_describe(found)}"
        way = f'To take it over: origin_key="{found.origin_key}", adopt="{found.id}". Or delete it in the cockpit'
    return EntityIDTaken(
        f"{_title(target, write)} was refused: another identity provider there has the entity ID {mine}.",
        f"{which}. {error.what} {error.why}",
        f"{way}; it may be inactive. Then run `pulumi preview`.",
    )


def _title(target: TrustConfiguration, write: _RegistrationWrite) -> str:
    return f"The {write.name} of identity provider {write.origin_key!r} in subaccount {target.subaccount_id}"


def _describe(provider: IdentityProvider | None) -> str:
    if provider is None:
        return "no such identity provider"
    return f"{'active' if provider.active else 'inactive'}, trusting {', '.join(provider.trusted) or 'nothing'}"


def _engine_exited(target: TrustConfiguration, write: _RegistrationWrite) -> EngineExited:
    return EngineExited(
        f"{_title(target, write)} was not sent: Pulumi has ended in the meantime.",
        f"Nobody would note down what came of it, and another run may have begun. It is {_describe(write.before)}.",
        "Run `pulumi cancel` if the stack is locked, then `pulumi up` again: it reads first.",
    )


def _foreign_change(
    target: TrustConfiguration, write: _RegistrationWrite, now: IdentityProvider | None
) -> TargetChanged:
    return TargetChanged(
        f"{_title(target, write)} does not explain what is there now: somebody else acted in the same moment.",
        f"Before: {_describe(write.before)}. Now: {_describe(now)}. Nothing was recorded.",
        "Find out who else manages this trust configuration, then run `pulumi preview` and read the plan.",
    )


def _stored_otherwise(
    target: TrustConfiguration, write: _RegistrationWrite, after: IdentityProvider | None
) -> TargetChanged:
    return TargetChanged(
        f"{_title(target, write)} was answered with another content than was sent.",
        f"It says: {_describe(after)}. The service may not take the metadata as it is written. Nothing was recorded.",
        "Look at the trust configuration in the cockpit; try another metadata_layout, or leave `passive` away.",
    )
