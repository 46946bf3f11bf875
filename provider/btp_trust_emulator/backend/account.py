"""What a subaccount is, and the state of all of them: plain values, free of HTTP, clock, lock and file."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

from btp_trust_emulator.backend.destination import Destination, Level
from btp_trust_emulator.backend.identity_provider import DEFAULT_ORIGIN, SAML, IdentityProvider
from btp_trust_emulator.backend.s4_tenant import Tenant
from btp_trust_emulator.backend.target_system import System
from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.pki.client_ca import Authority
from btp_trust_emulator.slots import Slot, Slots


def entity_id(account: Account) -> str:
    """Return the name of a subaccount as a SAML service provider; also the alias of its token service."""
    return f"{account.subdomain}.aws-live-eu12"


_SUBDOMAIN = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def parse_guid(given: str | None) -> str:
    """Return the GUID given, or a new one.

    Raises:
        Invalid: `given` is malformed.
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
    """Return the subdomain itself.

    Raises:
        Invalid: `given` is malformed.
    """
    if _SUBDOMAIN.fullmatch(given):
        return given
    raise Invalid(
        "The subaccount was not created.",
        f"{given!r} is not a subdomain of 1 to 63 lower-case letters, digits and inner hyphens.",
        "Leave it out to get one, or choose another.",
    )


@dataclass(frozen=True, slots=True)
class User:
    """A person who can log on; `password` is None for a shadow user, who comes from another identity provider."""

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
    """An OAuth client, its service instance, and the scopes of its own tokens."""

    client_id: str
    client_secret: str = field(repr=False)
    instance_id: str
    scopes: tuple[str, ...] = ("uaa.resource",)


@dataclass(frozen=True, slots=True)
class Subaccount:
    """The public part of a subaccount, free of secrets."""

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
        """Return the user with this name, of those from one identity provider."""
        return next((user for user in self.users if (user.user_name, user.origin) == (user_name, origin)), None)

    def with_user(self, user: User) -> Account:
        """Return the account with one more user."""
        return replace(self, users=(*self.users, user))

    def users_of(self, origin: str) -> list[User]:
        """Return the users from one identity provider."""
        return [user for user in self.users if user.origin == origin]

    @property
    def saml_providers(self) -> list[IdentityProvider]:
        """The registered SAML identity providers."""
        return [provider for provider in self.identity_providers if provider.type == SAML]

    def identity_provider(self, origin_key: str) -> IdentityProvider | None:
        """Return the identity provider with this origin key."""
        return next((provider for provider in self.identity_providers if provider.origin_key == origin_key), None)

    def with_identity_provider(self, provider: IdentityProvider) -> Account:
        """Return the account with this identity provider in the place of the one with its ID, if any."""
        providers = {other.id: other for other in self.identity_providers} | {provider.id: provider}
        return replace(self, identity_providers=tuple(providers.values()))

    def without_identity_provider(self, provider: IdentityProvider) -> Account:
        """Return the account without this identity provider, its users, and what they were assigned."""
        others = tuple(other for other in self.identity_providers if other.id != provider.id)
        users = tuple(user for user in self.users if user.origin != provider.origin_key)
        return replace(self, identity_providers=others, users=users)

    def destination(self, level: Level, name: str) -> Destination | None:
        """Return the destination with this name at a level."""
        return next((kept for kept in self.destinations if (kept.level, kept.name) == (level, name)), None)

    def pair(self, slot: Slot) -> KeyPair | None:
        """Return the key pair in a slot."""
        return self.active if slot is Slot.ACTIVE else self.passive

    def with_pair(self, slot: Slot, pair: KeyPair | None) -> Account:
        """Return the account with another key pair in a slot."""
        return replace(self, active=pair) if slot is Slot.ACTIVE else replace(self, passive=pair)

    def certificate(self, slot: Slot) -> str | None:
        """Return the PEM in a slot."""
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
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def with_account(self, account: Account) -> State:
        """Return the state with this account in the place of the one with its GUID, if any."""
        return replace(self, accounts={**self.accounts, account.guid: account})

    def with_system(self, system: System) -> State:
        """Return the state with this system in the place of the one with its name, if any."""
        return replace(self, systems={**self.systems, system.name: system})

    def with_tenant(self, tenant: Tenant) -> State:
        """Return the state with this S/4HANA tenant in the place of the one with its name, if any."""
        return replace(self, tenants={**self.tenants, tenant.name: tenant})

    def with_used_assertion(self, assertion: str, until: datetime, now: datetime) -> State:
        """Return the state with one more used assertion, which ends at `until`, and without those that have ended."""
        lasting = {used: end for used, end in self.used_assertions.items() if end > now}
        return replace(self, used_assertions={**lasting, assertion: until})
