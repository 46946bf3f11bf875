"""The half of `Emulator` for user propagation: users, destinations and targets."""

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
    """The methods of `Emulator` on users, destinations and targets."""

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
        """Create a user of a subaccount; the default of the e-mail address is the name.

        A shadow user has the `origin` of its identity provider instead of a password.

        Raises:
            Conflict: the name is taken, for this origin.
            Invalid: a user of the subaccount's own lacks a password, or a shadow user has one.
        """
        user = User(user_name, email or user_name, password, groups=tuple(groups), origin=origin)
        return people.create_user(self._landscape, guid, user)

    def users(self, guid: str) -> list[User]:
        """Return the users of a subaccount, shadow users included, oldest first."""
        return list(self._landscape.account(guid).users)

    def user_token(self, guid: str, user_name: str) -> str:
        """Return the token that a user gets by the password grant; it serves as `X-user-token`."""
        return people.user_token(self._landscape, guid, user_name)

    def create_destination(
        self,
        guid: str,
        properties: Mapping[str, str],
        level: Level | Literal["subaccount", "instance"] = Level.SUBACCOUNT,
    ) -> Destination:
        """Create a destination; `Target.properties` are those of a destination to a target.

        Raises:
            Invalid: `Name` or `Type` is missing or malformed.
            Conflict: the name is taken at this level.
        """
        return people.create_destination(self._landscape, guid, Level(level), properties)

    def delete_destination(
        self, guid: str, name: str, level: Level | Literal["subaccount", "instance"] = Level.SUBACCOUNT
    ) -> None:
        """Delete a destination."""
        people.delete_destination(self._landscape, guid, Level(level), name)

    def destinations(self, guid: str) -> list[Destination]:
        """Return the destinations of a subaccount at both levels, oldest first."""
        return list(self._landscape.account(guid).destinations)

    def api_access_key(self, guid: str) -> dict[str, str]:
        """Return a service key of XSUAA, plan `apiaccess`: its holder manages the subaccount's identity providers."""
        return self._landscape.api_access_key(guid)

    def create_target(
        self, name: str, entity_id: str | None = None, holds: int = target_system.MAX_CERTIFICATES
    ) -> Target:
        """Create a system to which certificates are uploaded by hand; it holds one or two of them.

        Raises:
            Invalid: the name cannot stand in a URL, or the number is neither 1 nor 2.
            Conflict: the name is taken.
        """
        return people.add_system(self._landscape, target_system.create_system(name, entity_id, holds))

    def target(self, name: str) -> Target:
        """Return a target as it is now: a system by its name, or a subaccount by its GUID."""
        return people.get_target(self._landscape, name)

    def upload_certificate(self, target: str, certificate: str, issuer: str | None = None) -> Target:
        """Upload a PEM file, as a person does; the default of the issuer is the common name of the certificate.

        A system that holds one certificate replaces it; a system that holds two adds a second.

        Raises:
            Invalid: the text is not a certificate with an RSA key.
            Conflict: the system holds two already.
        """
        rule = target_system.with_upload
        return people.change_system(self._landscape, target, lambda old: rule(old, certificate, issuer))

    def remove_certificate(self, target: str, fingerprint: str) -> Target:
        """Remove a certificate, as a person does."""
        return people.change_system(self._landscape, target, lambda old: target_system.without_upload(old, fingerprint))

    def misreport(self, target: str, *fingerprints: str) -> Target:
        """Make a system misreport exactly these certificates, whether uploaded already or later.

        The system shows them as trusted, and rejects assertions that they signed.
        """
        return people.change_system(
            self._landscape, target, lambda old: target_system.with_misreported(old, fingerprints)
        )
