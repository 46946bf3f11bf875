"""What a removal of TrustedIdentityProvider does to the registration."""

from __future__ import annotations

from typing import Final

from btp_trust.errors import TrustError
from btp_trust.identity_provider.plan import OnDelete, find_by_origin_key
from btp_trust.identity_provider.schema import IdentityProviderState
from btp_trust.identity_provider.writes import deactivate_registration, delete_registration
from btp_trust.runtime.reading import open_trust_configuration_for_write
from btp_trust.runtime.session import Session
from btp_trust.runtime.trust_configuration import TrustConfiguration

_REMOVED: Final = {OnDelete.DELETE: "deleted", OnDelete.DEACTIVATE: "set inactive"}


def delete(session: Session, state: IdentityProviderState) -> None:
    """Delete the identity provider or set it inactive, if it is the recorded one; one that is gone is a success."""
    # Pulumi deletes the old resource last after a replacement, a move or a new name: its identity provider is in use.
    if state.origin_key in session.plans.of(state.subaccount_id or "").registrations:
        _report(session, state, "stays as it is; another TrustedIdentityProvider of this program has taken over")
        return
    try:
        target = open_trust_configuration_for_write(session, state)
        with target.write_lock.hold():
            _remove(session, state, target)
    except TrustError as error:
        # Only a service that is out of reach may belong to a subaccount that is gone.
        if not error.is_tolerated_without_changes and not session.offline:
            raise
        raise _cannot_delete(state, error) from None


def _remove(session: Session, state: IdentityProviderState, target: TrustConfiguration) -> None:
    provider = find_by_origin_key(state.origin_key, target.read())
    if provider is None:
        return
    if provider.id != state.identity_provider_id:
        _report(session, state, "stays; it was re-created under another ID")
        return
    if state.preexisting == provider.id:
        # Removed all the same: kept, each renamed resource would leave an unmanaged trust behind.
        _report(session, state, f"was there before this resource ({provider.id}): another stack may have relied on it")
    if state.on_delete is OnDelete.DELETE:
        delete_registration(target, provider)
        _report(session, state, "is deleted, with its users there and their role collection assignments")
        return
    if provider.active:
        deactivate_registration(target, provider)
    _report(session, state, "is inactive; it keeps its users there and their role collections")


def _report(session: Session, state: IdentityProviderState, outcome: str) -> None:
    session.print_once(f"identity provider {state.origin_key!r} {outcome}")


def _cannot_delete(state: IdentityProviderState, error: TrustError) -> TrustError:
    return type(error)(
        f"Identity provider {state.origin_key!r} was not {_REMOVED[state.on_delete]}. {error.what}",
        f"{error.why} The removal of the resource changes it in the subaccount, and needs the XSUAA there.",
        f"{error.remedy} If it is to stay, restore the resource with retain_on_delete=True in its options, deploy, "
        "then remove it. If the subaccount is gone, take the resource out of the state: "
        "pulumi state delete '<the URN that `pulumi stack --show-urns` prints>'",
    )
