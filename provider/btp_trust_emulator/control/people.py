"""What people do to destinations, users and targets, each in its own user interface; the journal leaves it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.account import entity_id
from btp_trust_emulator.backend.destination import parse_destination
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN
from btp_trust_emulator.backend.service_keys import token_service_url
from btp_trust_emulator.backend.target_system import TOKEN_PATH, Target
from btp_trust_emulator.errors import Conflict, Invalid, Unknown
from btp_trust_emulator.services import oauth
from btp_trust_emulator.services.xsuaa import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from btp_trust_emulator.backend.account import Account, User
    from btp_trust_emulator.backend.destination import Destination, Level
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.target_system import System

_USER_REFUSED = "The user was not created."


def create_user(landscape: Landscape, guid: str, user: User) -> User:
    """Create a user of a subaccount.

    Raises:
        Unknown: see `Landscape.account`.
        Conflict: its identity provider knows the name already.
        Invalid: a user of the subaccount's own lacks a password, or a shadow user has one.
    """
    if (user.password is None) == (user.origin == DEFAULT_ORIGIN):
        raise Invalid(
            _USER_REFUSED,
            f"Users of {DEFAULT_ORIGIN} need a password; shadow users, of another origin, must leave it out.",
            "Give either the password or the origin.",
        )

    def with_user(old: Account) -> Account:
        if old.user(user.user_name, user.origin):
            raise Conflict(
                "The user was not created.", f"The user {user.user_name} exists already.", "Choose another name."
            )
        return old.with_user(user)

    landscape.change(guid, with_user)
    return user


def user_token(landscape: Landscape, guid: str, user_name: str) -> str:
    """Return the token that a user gets by the password grant.

    Raises:
        Unknown: the subaccount or the user is missing.
    """
    account = landscape.account(guid)
    user = account.user(user_name)
    if user is None:
        raise Unknown(
            "The token was not issued.", f"{user_name} is missing in subaccount {guid}.", "Create the user first."
        )
    issuer, now = landscape.addresses.issuer(account), landscape.clock.now()
    token = tokens.issue(
        landscape.token_key, account, account.client, issuer, now, grant_type=oauth.PASSWORD, user=user
    )
    return token.access_token


def create_destination(landscape: Landscape, guid: str, level: Level, properties: Mapping[str, str]) -> Destination:
    """Create a destination.

    Raises:
        Unknown: see `Landscape.account`.
        Invalid: `Name` or `Type` is missing or malformed.
        Conflict: the name is taken at this level.
    """
    new = parse_destination(level, properties)

    def with_destination(old: Account) -> Account:
        if old.destination(level, new.name):
            raise Conflict(
                "The destination was not created.",
                f"The level {level.value} has a destination {new.name} already.",
                "Delete that one first, or choose another name.",
            )
        return replace(old, destinations=(*old.destinations, new))

    landscape.change(guid, with_destination)
    return new


def delete_destination(landscape: Landscape, guid: str, level: Level, name: str) -> None:
    """Delete a destination.

    Raises:
        Unknown: the subaccount or the destination is missing.
    """

    def without_destination(old: Account) -> Account:
        destination = old.destination(level, name)
        if destination is None:
            raise Unknown(
                "The destination was not deleted.",
                f"The level {level.value} lacks a destination {name}.",
                "List those that exist.",
            )
        return replace(old, destinations=tuple(kept for kept in old.destinations if kept is not destination))

    landscape.change(guid, without_destination)


def add_system(landscape: Landscape, new: System) -> Target:
    """Add a system.

    Raises:
        Conflict: the name is taken.
    """
    with landscape.lock:
        if new.name in landscape.state.systems:
            raise Conflict(
                "The target was not created.", f"The target {new.name} exists already.", "Choose another name."
            )
        landscape.commit(lambda old: old.with_system(new))
    return target_of_system(landscape, new)


def change_system(landscape: Landscape, name: str, rule: Callable[[System], System]) -> Target:
    """Replace a system by what a rule makes of it. Raises: what the rule raises; see `get_system`."""
    with landscape.lock:
        new = rule(get_system(landscape, name))
        landscape.commit(lambda old: old.with_system(new))
    return target_of_system(landscape, new)


def get_system(landscape: Landscape, name: str) -> System:
    """Return the system with this name.

    Raises:
        Unknown: see the message.
    """
    system = landscape.state.systems.get(name)
    if system is None:
        raise Unknown("The target was not found.", f"The emulator lacks a system {name}.", "Create it first.")
    return system


def get_target(landscape: Landscape, name: str) -> Target:
    """Return the system with this name, or the subaccount with this GUID. Raises: see `get_system`."""
    account = landscape.find_account(name)
    return (
        target_of_subaccount(landscape, account)
        if account
        else target_of_system(landscape, get_system(landscape, name))
    )


def target_of_system(landscape: Landscape, system: System) -> Target:
    """Return a system as a target, with the certificates that it shows as trusted."""
    url = landscape.addresses.system(system.name)
    certificates = {upload.fingerprint: upload.issuer for upload in system.uploads}
    return Target(
        system.name, url, url + TOKEN_PATH, system.entity_id, system.client_id, system.client_secret, certificates
    )


def target_of_subaccount(landscape: Landscape, account: Account) -> Target:
    """Return a subaccount as a target; it shows the certificates of the active identity providers."""
    certificates = {
        fingerprint: provider.metadata.entity_id
        for provider in account.saml_providers
        if provider.active
        for fingerprint in provider.metadata.fingerprints
    }
    url = landscape.addresses.url(account)
    return Target(
        account.guid,
        url,
        token_service_url(account, url),
        entity_id(account),
        account.client_id,
        account.client_secret,
        certificates,
    )
