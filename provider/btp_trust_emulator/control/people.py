"""What people do to destinations, users and targets: each in its own user interface, none of it in the journal."""

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


def create_user(landscape: Landscape, guid: str, user: User) -> User:
    """A new user of a subaccount.

    Raises:
        Unknown: there is no such subaccount.
        Conflict: its identity provider knows the name already.
        Invalid: a user of the subaccount's own has no password, or a shadow user has one.
    """
    if (user.password is None) == (user.origin == DEFAULT_ORIGIN):
        raise Invalid(
            "The user was not created.",
            f"Users of {DEFAULT_ORIGIN} have a password, and shadow users, of another origin, have none.",
            "Give the password or the origin.",
        )

    def with_user(old: Account) -> Account:
        if old.user(user.user_name, user.origin):
            raise Conflict("The user was not created.", f"{user.user_name} is one already.", "Choose another name.")
        return old.with_user(user)

    landscape.change(guid, with_user)
    return user


def user_token(landscape: Landscape, guid: str, user_name: str) -> str:
    """The token that a user gets by the password grant.

    Raises:
        Unknown: there is no such subaccount, or no such user.
    """
    account = landscape.account(guid)
    user = account.user(user_name)
    if user is None:
        raise Unknown("The token was not issued.", f"{user_name} is no user of {guid}.", "Create the user first.")
    issuer, now = landscape.addresses.issuer(account), landscape.clock.now()
    token = tokens.issue(
        landscape.token_key, account, account.client, issuer, now, grant_type=oauth.PASSWORD, user=user
    )
    return token.access_token


def create_destination(landscape: Landscape, guid: str, level: Level, properties: Mapping[str, str]) -> Destination:
    """A new destination.

    Raises:
        Unknown: there is no such subaccount.
        Invalid: it has no name or no type.
        Conflict: there is one with its name at its level.
    """
    new = parse_destination(level, properties)

    def with_destination(old: Account) -> Account:
        if old.destination(level, new.name):
            raise Conflict(
                "The destination was not created.",
                f"There is one named {new.name} at the level {level.value}.",
                "Delete that one first, or choose another name.",
            )
        return replace(old, destinations=(*old.destinations, new))

    landscape.change(guid, with_destination)
    return new


def delete_destination(landscape: Landscape, guid: str, level: Level, name: str) -> None:
    """Delete a destination.

    Raises:
        Unknown: there is no such subaccount, or no such destination.
    """

    def without_destination(old: Account) -> Account:
        found = old.destination(level, name)
        if found is None:
            raise Unknown(
                "The destination was not deleted.",
                f"There is none named {name} at the level {level.value}.",
                "List those that exist.",
            )
        return replace(old, destinations=tuple(each for each in old.destinations if each is not found))

    landscape.change(guid, without_destination)


def add_system(landscape: Landscape, new: System) -> Target:
    """A new system.

    Raises:
        Conflict: the name is taken.
    """
    with landscape.lock:
        if new.name in landscape.state.systems:
            raise Conflict("The target was not created.", f"{new.name} is one already.", "Choose another name.")
        landscape.commit(lambda old: old.with_system(new))
    return target_of_system(landscape, new)


def change_system(landscape: Landscape, name: str, rule: Callable[[System], System]) -> Target:
    """Make of a system what a rule makes of it. Raises: what the rule raises; see `system`."""
    with landscape.lock:
        new = rule(get_system(landscape, name))
        landscape.commit(lambda old: old.with_system(new))
    return target_of_system(landscape, new)


def get_system(landscape: Landscape, name: str) -> System:
    """The system with this name.

    Raises:
        Unknown: there is none.
    """
    found = landscape.state.systems.get(name)
    if found is None:
        raise Unknown("The target was not found.", f"No system is named {name}.", "Create it first.")
    return found


def get_target(landscape: Landscape, name: str) -> Target:
    """The system with this name, or the subaccount with this GUID. Raises: see `system`."""
    account = landscape.state.accounts.get(name)
    return (
        target_of_subaccount(landscape, account)
        if account
        else target_of_system(landscape, get_system(landscape, name))
    )


def target_of_system(landscape: Landscape, system: System) -> Target:
    """What a system shows."""
    url = landscape.addresses.system(system.name)
    held = {each.fingerprint: each.issuer for each in system.uploads}
    return Target(system.name, url, url + TOKEN_PATH, system.entity_id, system.client_id, system.client_secret, held)


def target_of_subaccount(landscape: Landscape, account: Account) -> Target:
    """A subaccount as a target; it shows the certificates of the active identity providers."""
    held = {
        fingerprint: provider.metadata.entity_id
        for provider in account.saml_providers
        if provider.active
        for fingerprint in provider.metadata.fingerprints
    }
    url = landscape.addresses.url(account)
    name, where = entity_id(account), token_service_url(account, url)
    return Target(account.guid, url, where, name, account.client_id, account.client_secret, held)
