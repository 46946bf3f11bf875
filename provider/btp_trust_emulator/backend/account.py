"""What a subaccount is, and the rules of its two slots. No HTTP, no clock, no lock, no file.

Rules of the two slots: SAP's API description, section "Trust Certificate on Subaccount Level". There are at most two
certificates; generating into a full slot renews it (new key, new certificate, the old ones are gone); rotating swaps;
there is no way to delete the active one.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

from btp_trust_emulator.backend.destination import Destination, Level
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN, SAML, IdentityProvider
from btp_trust_emulator.backend.target_system import System
from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.pki.client_ca import Authority
from btp_trust_emulator.slots import Slot, Slots


def entity_id(account: Account) -> str:
    """The name of a subaccount as a SAML service provider; also the alias of its token service."""
    return f"{account.subdomain}.aws-live-eu12"


_SUBDOMAIN = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def parse_guid(given: str | None) -> str:
    """A GUID, the one given or a new one.

    Raises:
        Invalid: it is none.
    """
    if given is None:
        return str(uuid.uuid4())
    if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", given):
        return given
    raise Invalid(
        "The subaccount was not created.",
        f"{given!r} is not a GUID of 36 lower-case characters.",
        "Leave it out to get a new one, or give one such as 00000000-1111-4222-8333-000000005cdd.",
    )


def parse_subdomain(given: str) -> str:
    """The subdomain itself.

    Raises:
        Invalid: it is none.
    """
    if _SUBDOMAIN.fullmatch(given):
        return given
    raise Invalid(
        "The subaccount was not created.",
        f"{given!r} is no subdomain: 1 to 63 lower-case letters, digits and inner hyphens.",
        "Leave it out to get one, or choose another.",
    )


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log on; `password` is None for a shadow user, whom another identity provider vouches for."""

    user_name: str
    email: str
    password: str | None = field(default=None, repr=False)
    given_name: str = "Test"
    family_name: str = "User"
    origin: str = DEFAULT_ORIGIN
    groups: tuple[str, ...] = ()
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate (PEM) and its private key (PEM; None for a certificate that was given from outside)."""

    certificate: str
    private_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client, the service instance that it belongs to, and the scopes of its own tokens."""

    client_id: str
    client_secret: str = field(repr=False)
    instance_id: str
    scopes: tuple[str, ...] = ("uaa.resource",)


@dataclass(frozen=True, slots=True)
class Subaccount:
    """What the emulator tells of a subaccount; no secret in it."""

    guid: str
    subdomain: str
    instance_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """All the emulator knows of a subaccount, with one instance of the Destination service and one of `apiaccess`."""

    guid: str
    subdomain: str
    instance_id: str
    client_secret: str = field(repr=False)
    active: KeyPair | None = None
    passive: KeyPair | None = None
    api_instance_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    api_client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    users: tuple[User, ...] = ()
    destinations: tuple[Destination, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()

    @property
    def application(self) -> str:
        """The name of the instance's OAuth application."""
        return f"clone{uuid.UUID(self.instance_id).hex}!b4711|destination-xsappname!b62"

    @property
    def client_id(self) -> str:
        """The OAuth client of every service key of the instance."""
        return f"sb-{self.application}"

    @property
    def client(self) -> Client:
        """The same client with its secret."""
        return Client(self.client_id, self.client_secret, self.instance_id)

    @property
    def api_client(self) -> Client:
        """The client that may manage the subaccount's identity providers (XSUAA, plan `apiaccess`)."""
        scopes = ("xs_idp.read", "xs_idp.write", "uaa.resource")
        return Client(f"sb-na-{self.api_instance_id}!a4712", self.api_client_secret, self.api_instance_id, scopes)

    @property
    def public(self) -> Subaccount:
        """The part that may be shown."""
        return Subaccount(self.guid, self.subdomain, self.instance_id, self.client_id)

    @property
    def slots(self) -> Slots:
        """The fingerprints in the slots."""
        active, passive = self.certificate(Slot.ACTIVE), self.certificate(Slot.PASSIVE)
        return Slots(
            active and trust_certificate.fingerprint(active), passive and trust_certificate.fingerprint(passive)
        )

    def user(self, user_name: str, origin: str = DEFAULT_ORIGIN) -> User | None:
        """The user with this name, of those whom one identity provider vouches for."""
        return next((each for each in self.users if (each.user_name, each.origin) == (user_name, origin)), None)

    def with_user(self, user: User) -> Account:
        """The account with one more user."""
        return replace(self, users=(*self.users, user))

    def users_of(self, origin: str) -> list[User]:
        """The users whom one identity provider vouches for."""
        return [each for each in self.users if each.origin == origin]

    @property
    def saml_providers(self) -> list[IdentityProvider]:
        """The SAML identity providers among those that are registered."""
        return [each for each in self.identity_providers if each.type == SAML]

    def identity_provider(self, origin_key: str) -> IdentityProvider | None:
        """The identity provider with this origin key."""
        return next((each for each in self.identity_providers if each.origin_key == origin_key), None)

    def with_identity_provider(self, provider: IdentityProvider) -> Account:
        """The account with this identity provider instead of the one with its ID, if any."""
        kept = {each.id: each for each in self.identity_providers}
        return replace(self, identity_providers=tuple({**kept, provider.id: provider}.values()))

    def without_identity_provider(self, provider: IdentityProvider) -> Account:
        """The account without this identity provider, and without its users and what they were assigned."""
        others = tuple(each for each in self.identity_providers if each.id != provider.id)
        users = tuple(each for each in self.users if each.origin != provider.origin_key)
        return replace(self, identity_providers=others, users=users)

    def destination(self, level: Level, name: str) -> Destination | None:
        """The destination with this name at a level."""
        return next((each for each in self.destinations if (each.level, each.name) == (level, name)), None)

    def pair(self, slot: Slot) -> KeyPair | None:
        """What a slot holds."""
        return self.active if slot is Slot.ACTIVE else self.passive

    def with_pair(self, slot: Slot, pair: KeyPair | None) -> Account:
        """The account with something else in a slot."""
        return replace(self, active=pair) if slot is Slot.ACTIVE else replace(self, passive=pair)

    def certificate(self, slot: Slot) -> str | None:
        """The PEM in a slot."""
        pair = self.pair(slot)
        return None if pair is None else pair.certificate


@dataclass(frozen=True, slots=True)
class State:
    """All that survives a restart. Private keys are PEM."""

    authority: Authority
    token_key: str = field(repr=False)
    clock_offset_seconds: float = 0.0
    accounts: dict[str, Account] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    used_assertions: dict[str, datetime] = field(default_factory=dict)

    def with_account(self, account: Account) -> State:
        """The state with this account instead of the one with its GUID, if any."""
        return replace(self, accounts={**self.accounts, account.guid: account})

    def with_system(self, system: System) -> State:
        """The state with this system instead of the one with its name, if any."""
        return replace(self, systems={**self.systems, system.name: system})

    def with_used_assertion(self, assertion: str, until: datetime, now: datetime) -> State:
        """The state that remembers one more assertion, which ends then, and forgets those that have ended."""
        lasting = {each: end for each, end in self.used_assertions.items() if end > now}
        return replace(self, used_assertions={**lasting, assertion: until})
