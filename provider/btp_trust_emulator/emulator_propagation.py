"""The half of `Emulator` that is about user propagation: users, destinations and targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from btp_trust_emulator.backend import target_system
from btp_trust_emulator.backend.account import User
from btp_trust_emulator.backend.destination import Level
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN
from btp_trust_emulator.control import people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.target_system import Target


class Propagation(ABC):
    """What `Emulator` does with users, destinations and targets."""

    @property
    @abstractmethod
    def _landscape(self) -> Landscape: ...

    def create_user(
        self,
        guid: str,
        user_name: str,
        password: str | None = None,
        email: str | None = None,
        groups: Sequence[str] = (),
        *,
        origin: str = DEFAULT_ORIGIN,
    ) -> User:
        """A new user of a subaccount; the e-mail address is the name unless given.

        A shadow user has the `origin` of the identity provider that vouches for it, and no password.

        Raises:
            Conflict: the name is taken, for this origin.
            Invalid: a user of the subaccount's own has no password, or a shadow user has one.
        """
        user = User(user_name, email or user_name, password, groups=tuple(groups), origin=origin)
        return people.create_user(self._landscape, guid, user)

    def users(self, guid: str) -> list[User]:
        """The users of a subaccount, shadow users too, oldest first."""
        return list(self._landscape.account(guid).users)

    def user_token(self, guid: str, user_name: str) -> str:
        """The token that a user gets by the password grant; it is good for `X-user-token`."""
        return people.user_token(self._landscape, guid, user_name)

    def create_destination(
        self,
        guid: str,
        properties: Mapping[str, str],
        level: Level | Literal["subaccount", "instance"] = Level.SUBACCOUNT,
    ) -> Destination:
        """A new destination; `Target.properties` makes those of one to a target.

        Raises:
            Invalid: it has no `Name` or no `Type`.
            Conflict: there is one with its name at its level.
        """
        return people.create_destination(self._landscape, guid, Level(level), properties)

    def delete_destination(
        self, guid: str, name: str, level: Level | Literal["subaccount", "instance"] = Level.SUBACCOUNT
    ) -> None:
        """Delete a destination."""
        people.delete_destination(self._landscape, guid, Level(level), name)

    def destinations(self, guid: str) -> list[Destination]:
        """The destinations of a subaccount at both levels, oldest first."""
        return list(self._landscape.account(guid).destinations)

    def api_access_key(self, guid: str) -> dict[str, str]:
        """A service key of XSUAA, plan `apiaccess`: who holds it manages whom the subaccount trusts."""
        return self._landscape.api_access_key(guid)

    def create_target(
        self, name: str, entity_id: str | None = None, holds: int = target_system.MAX_CERTIFICATES
    ) -> Target:
        """A new system that is given certificates by hand, and holds one or two of them.

        Raises:
            Invalid: the name cannot stand in a URL, or the number is another.
            Conflict: the name is taken.
        """
        return people.add_system(self._landscape, target_system.create_system(name, entity_id, holds))

    def target(self, name: str) -> Target:
        """A target as it is now: a system by its name, or a subaccount by its GUID."""
        return people.get_target(self._landscape, name)

    def upload_certificate(self, target: str, certificate: str, issuer: str | None = None) -> Target:
        """A person uploads a PEM file; the issuer is the common name of the certificate unless given.

        A system that holds one certificate has it instead of the one before, one that holds two takes a second.

        Raises:
            Invalid: it is no certificate with an RSA key.
            Conflict: the system holds two already.
        """
        rule = target_system.with_upload
        return people.change_system(self._landscape, target, lambda old: rule(old, certificate, issuer))

    def remove_certificate(self, target: str, fingerprint: str) -> Target:
        """A person removes a certificate."""
        return people.change_system(self._landscape, target, lambda old: target_system.without_upload(old, fingerprint))

    def misreport(self, target: str, *fingerprints: str) -> Target:
        """Let a system lie about these certificates, held or yet to come, and about no others.

        It shows them, and refuses what they sign.
        """
        return people.change_system(
            self._landscape, target, lambda old: target_system.with_misreported(old, fingerprints)
        )
