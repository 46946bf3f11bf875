"""What a subaccount is, and the rules of its two slots. No HTTP, no clock, no lock, no file.

Rules of the two slots: SAP's API description, section "Trust Certificate on Subaccount Level". There are at most two
certificates; generating into a full slot renews it (new key, new certificate, the old ones are gone); rotating swaps;
there is no way to delete the active one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from btp_trust_emulator import certificates
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.slots import Slot, Slots
from btp_trust_emulator.switches import PassiveWithoutActive, RotateWithoutActive, Switches


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate (PEM) and its private key (PEM; None for a certificate that was given from outside)."""

    certificate: str
    private_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Subaccount:
    """What the emulator tells of a subaccount; no secret in it."""

    guid: str
    subdomain: str
    instance_id: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """All the emulator knows of a subaccount and its one instance of the Destination service."""

    guid: str
    subdomain: str
    instance_id: str
    client_secret: str = field(repr=False)
    active: KeyPair | None = None
    passive: KeyPair | None = None

    @property
    def application(self) -> str:
        """The name of the instance's OAuth application."""
        return f"clone{uuid.UUID(self.instance_id).hex}!b4711|destination-xsappname!b62"

    @property
    def client_id(self) -> str:
        """The OAuth client of every service key of the instance."""
        return f"sb-{self.application}"

    @property
    def public(self) -> Subaccount:
        """The part that may be shown."""
        return Subaccount(self.guid, self.subdomain, self.instance_id, self.client_id)

    @property
    def slots(self) -> Slots:
        """The fingerprints in the slots."""
        active, passive = self.certificate(Slot.ACTIVE), self.certificate(Slot.PASSIVE)
        return Slots(active and certificates.fingerprint(active), passive and certificates.fingerprint(passive))

    def pair(self, slot: Slot) -> KeyPair | None:
        """What a slot holds."""
        return self.active if slot is Slot.ACTIVE else self.passive

    def holding(self, slot: Slot, pair: KeyPair | None) -> Account:
        """The account with something else in a slot."""
        return replace(self, active=pair) if slot is Slot.ACTIVE else replace(self, passive=pair)

    def certificate(self, slot: Slot) -> str | None:
        """The PEM in a slot."""
        pair = self.pair(slot)
        return None if pair is None else pair.certificate


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority of the host for client certificates (PEM both)."""

    certificate: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """All that survives a restart. Private keys are PEM."""

    authority: Authority
    token_key: str = field(repr=False)
    clock_offset_seconds: float = 0.0
    accounts: dict[str, Account] = field(default_factory=dict)

    def with_account(self, account: Account) -> State:
        """The state with this account instead of the one with its GUID, if any."""
        return replace(self, accounts={**self.accounts, account.guid: account})


def generated(account: Account, slot: Slot, pair: KeyPair, switches: Switches) -> Account:
    """The account after generating or renewing into `slot`.

    Raises:
        NoKeyPair: the switch asks for an active certificate before a passive one.
    """
    if slot is Slot.ACTIVE:
        return replace(account, active=pair)
    if account.active is None and switches.passive_without_active is PassiveWithoutActive.REFUSE:
        raise NoKeyPair(Slot.ACTIVE, account.guid, "The passive certificate was not generated.")
    return replace(account, passive=pair)


def rotated(account: Account, switches: Switches) -> Account:
    """The account with the slots swapped.

    Raises:
        NoKeyPair: there is no passive certificate; or no active one, and the switch asks for it.
    """
    what = "The certificates were not rotated."
    if account.passive is None:
        raise NoKeyPair(Slot.PASSIVE, account.guid, what)
    if account.active is None and switches.rotate_without_active is RotateWithoutActive.REFUSE:
        raise NoKeyPair(Slot.ACTIVE, account.guid, what)
    return replace(account, active=account.passive, passive=account.active)


def without_passive(account: Account) -> Account:
    """The account with the passive slot emptied.

    Raises:
        NoKeyPair: it is empty already.
    """
    if account.passive is None:
        raise NoKeyPair(Slot.PASSIVE, account.guid, "The passive certificate was not deleted.")
    return replace(account, passive=None)
