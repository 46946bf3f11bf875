"""Writes of a registration: register, replace, deactivate, delete, each with one request and a known outcome.

The protocol is that of `AtMostOnceWrite`; this module knows what is sent to XSUAA and left behind there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from btp_trust.errors import EntityIDTaken, TargetChanged, TrustError, WriteNotApplied
from btp_trust.identity_provider.plan import DesiredRegistration, deactivation_body, find_by_origin_key
from btp_trust.runtime.trust_configuration import TrustConfiguration
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import DuplicateEntityID
from btp_trust.service.transport.at_most_once import AtMostOnceWrite


@dataclass(frozen=True, kw_only=True)
class _RegistrationWrite(AtMostOnceWrite[IdentityProvider | None]):
    """One write of the identity provider with an origin key; None stands for a missing one."""

    unchanged: ClassVar[str] = "The registration is as before"
    unreadable: ClassVar[str] = "The registration could not be read"
    next_command: ClassVar[str] = "it reads the registration first"
    suspects: ClassVar[str] = (
        "the proxies on the way, the service's status, and its answer: "
        "a 500 may mean that the name or the metadata is unacceptable"
    )

    context: TrustConfiguration
    origin_key: str
    request: Callable[[], IdentityProvider | None]
    """Sends the request; returns the identity provider after it."""
    entity_id: str = ""
    """The entity ID that a registration claims."""

    def send(self) -> IdentityProvider | None:
        """Send the request; what the response shows must be what was sent.

        Raises:
            TargetChanged: The response shows another content.
        """
        # Before the request: a response that is lost outdates the reading, too.
        self.context.forget()
        after = self.request()
        if not self.is_applied(after):
            raise self._stored_otherwise(after)
        return after

    def read(self) -> IdentityProvider | None:
        """Read the identity provider."""
        return find_by_origin_key(self.origin_key, self.context.read())

    def describe(self) -> str:
        """Return the identity provider before."""
        return f"{_describe(self.before)}."

    def describe_before(self) -> str:
        """Return the identity provider before, as a sentence."""
        return f"Registration: {_describe(self.before)}."

    def describe_watched(self) -> str:
        """Return the registration."""
        return "the registration"

    def foreign_change(self, now: IdentityProvider | None) -> TargetChanged:
        """Return the error of a content that has another cause than this write."""
        return TargetChanged(
            f"The content differs from what the {self.name} wrote: another client wrote at the same time.",
            f"Before: {_describe(self.before)}. Now: {_describe(now)}. Nothing was recorded.",
            "Find out who else manages this trust configuration, then run `pulumi preview` and read the plan.",
        )

    def refine(self, error: TrustError, cause: TrustError) -> TrustError:
        """Name the identity provider that has the entity ID, if that is why this one was refused."""
        is_taken = isinstance(cause, DuplicateEntityID) and isinstance(error, WriteNotApplied)
        return self._entity_id_taken(error) if is_taken else error

    def _entity_id_taken(self, error: TrustError) -> EntityIDTaken:
        # `perform` has read the list since the refusal.
        owner = next(filter(self._has_entity_id, self.context.providers()), None)
        which, remedy = "The list does not show which one", "Look for it in the cockpit, and delete it"
        if owner is not None:
            which = f"It is {owner.origin_key!r} ({owner.id}), {_describe(owner)}"
            remedy = f'To adopt it: origin_key="{owner.origin_key}", adopt="{owner.id}". Or delete it in the cockpit'
        return EntityIDTaken(
            f"The {self.name} was refused: another identity provider there has the entity ID {self.entity_id}.",
            f"{which}. {error.what} {error.why}",
            f"{remedy}; it may be inactive. Then run `pulumi preview`.",
        )

    def _has_entity_id(self, provider: IdentityProvider) -> bool:
        metadata = provider.metadata
        return provider.origin_key != self.origin_key and metadata is not None and metadata.entity_id == self.entity_id

    def _stored_otherwise(self, after: IdentityProvider | None) -> TargetChanged:
        return TargetChanged(
            f"The {self.name} was answered with another content than was sent.",
            f"The answer: {_describe(after)}. The service may read metadata in another way. The state is unchanged.",
            "Look at the trust configuration in the cockpit; try another metadata_layout, or leave `passive` away.",
        )


def write_registration(
    target: TrustConfiguration, desired: DesiredRegistration, before: IdentityProvider | None
) -> IdentityProvider:
    """Register what is desired, or replace what was found; hold the write lock since the reading `before`.

    Raises:
        TargetChanged: Another client changed it at the same time.
        WriteNotApplied: The response was lost or refuses it, and all is as before.
        OutcomeUnknown: The response was lost, and the identity provider could not be read.
    """
    body = desired.body(before)

    def request() -> IdentityProvider:
        return target.client.register(body) if before is None else target.client.replace(before.id, body)

    after = _RegistrationWrite(
        context=target,
        name=_name("registration" if before is None else "update", desired.origin_key),
        before=before,
        is_applied=lambda now: now is not None and not desired.differences(now),
        origin_key=desired.origin_key,
        request=request,
        entity_id=desired.entity_id,
    ).perform()
    if after is None:  # pragma: no cover - `is_applied` excludes it
        raise AssertionError(desired.origin_key)
    return after


def deactivate_registration(target: TrustConfiguration, before: IdentityProvider) -> None:
    """Set an identity provider inactive, and keep the rest; hold the write lock since the reading `before`.

    Raises:
        Refused: Its settings cannot be read, so that they would be lost.
    """
    body = deactivation_body(before)
    _RegistrationWrite(
        context=target,
        name=_name("deactivation", before.origin_key),
        before=before,
        is_applied=lambda now: now is not None and not now.active,
        origin_key=before.origin_key,
        request=lambda: target.client.replace(before.id, body),
    ).perform()


def delete_registration(target: TrustConfiguration, before: IdentityProvider) -> None:
    """Delete an identity provider; hold the write lock since the reading `before`."""
    _RegistrationWrite(
        context=target,
        name=_name("deletion", before.origin_key),
        before=before,
        is_applied=lambda now: now is None,
        origin_key=before.origin_key,
        request=lambda: target.client.delete(before.id),
    ).perform()


def _name(operation: str, origin_key: str) -> str:
    return f"{operation} of identity provider {origin_key!r}"


def _describe(provider: IdentityProvider | None) -> str:
    if provider is None:
        return "no such identity provider"
    return f"{'active' if provider.active else 'inactive'}, trusting {', '.join(provider.trusted) or 'nothing'}"
