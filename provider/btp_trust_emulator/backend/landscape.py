"""The one state of the emulator, under one lock; every change is on the disk before the method returns."""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from btp_trust_emulator.backend import service_keys, slot_rules
from btp_trust_emulator.backend.account import Account, KeyPair, State, parse_guid, parse_subdomain
from btp_trust_emulator.backend.clock import Clock
from btp_trust_emulator.backend.history import History
from btp_trust_emulator.backend.identity_provider import built_in
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.errors import Conflict, Invalid, Unknown
from btp_trust_emulator.pki import client_ca, keys, trust_certificate
from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from btp_trust_emulator.backend.service_keys import Addresses
    from btp_trust_emulator.backend.storage import Storage
    from btp_trust_emulator.pki.keys import KeyPool
    from btp_trust_emulator.switches import Switches


def perform_action(landscape: Landscape, guid: str, action: Action) -> Account:
    """Do what a colleague does in the cockpit; the journal leaves it out.

    Raises:
        Unknown: see `Landscape.account`.
        NoKeyPair: a slot is empty that must be full.
    """
    actions: dict[Action, Callable[[], Account]] = {
        Action.GENERATE_ACTIVE: lambda: landscape.generate(guid, Slot.ACTIVE),
        Action.GENERATE_PASSIVE: lambda: landscape.generate(guid, Slot.PASSIVE),
        Action.ROTATE: lambda: landscape.rotate(guid),
        Action.DELETE_PASSIVE: lambda: landscape.delete_passive(guid),
    }
    return actions[action]()


WEEK_SECONDS = 7 * 24 * 60 * 60


class Landscape:
    """Subaccounts, target systems and the clock, and the operations on them.

    Hold `lock` to do several things as one.
    """

    def __init__(self, addresses: Addresses, pool: KeyPool, storage: Storage, switches: Switches) -> None:
        self.addresses = addresses
        self.switches = switches
        self.lock = threading.RLock()
        self._pool = pool
        self._storage = storage
        self._state = storage.load() or State(client_ca.create(), keys.new_key())
        self.clock = Clock(timedelta(seconds=self._state.clock_offset_seconds))
        self.history = History()
        storage.save(self._state)

    @property
    def authority(self) -> client_ca.Authority:
        """The authority of the host that accepts client certificates."""
        return self._state.authority

    @property
    def token_key(self) -> str:
        """The key that signs access tokens, as PEM."""
        return self._state.token_key

    @property
    def state(self) -> State:
        """All that survives a restart, as it is now."""
        return self._state

    def accounts(self) -> list[Account]:
        """Return all subaccounts, oldest first."""
        return list(self._state.accounts.values())

    def account(self, guid: str) -> Account:
        """Return the subaccount with this GUID.

        Raises:
            Unknown: the GUID is free.
        """
        try:
            return self._state.accounts[guid]
        except KeyError:
            raise Unknown(
                f"Subaccount {guid} was not found.",
                f"The emulator has {len(self._state.accounts)} subaccounts, and none with this GUID.",
                "Create it first, or list the ones that exist.",
            ) from None

    def find_account(self, guid: str) -> Account | None:
        """Return the subaccount with this GUID, or None."""
        return self._state.accounts.get(guid)

    def account_at(self, subdomain: str) -> Account | None:
        """Return the subaccount with this subdomain."""
        return next((account for account in self.accounts() if account.subdomain == subdomain), None)

    def create(
        self,
        guid: str | None = None,
        subdomain: str | None = None,
        active: str | None = None,
        passive: str | None = None,
        *,
        generate: bool = False,
    ) -> Account:
        """Create a subaccount; a certificate given (PEM) is served as it is.

        With `generate`, an active certificate is generated if the argument is missing.

        Raises:
            Invalid: the GUID, the subdomain or a certificate is malformed.
            Conflict: the GUID or the subdomain is taken.
        """
        with self.lock:
            identity = parse_guid(guid)
            account = Account(
                guid=identity,
                subdomain=parse_subdomain(subdomain or self._free_subdomain(identity)),
                instance_id=str(uuid.uuid4()),
                client_secret=f"{uuid.uuid4()}${secrets.token_urlsafe(32)}=",
                active=slot_rules.certificate_only(active),
                passive=slot_rules.certificate_only(passive),
                identity_providers=built_in(self.clock.now()),
            )
            self._refuse_duplicate(account)
            if generate and account.active is None:
                account = replace(account, active=self._generate_pair(account.guid))
            return self._store(account)

    def generate(self, guid: str, slot: Slot) -> Account:
        """Generate or renew the certificate in a slot. Raises: see `slot_rules.with_generated`, `account`."""
        pair = self._generate_pair(self.account(guid).guid)
        return self.change(guid, lambda account: slot_rules.with_generated(account, slot, pair, self.switches))

    def rotate(self, guid: str) -> Account:
        """Swap the slots. Raises: see `slot_rules.with_slots_swapped`, `account`."""
        return self.change(guid, lambda account: slot_rules.with_slots_swapped(account, self.switches))

    def delete_passive(self, guid: str) -> Account:
        """Empty the passive slot. Raises: see `slot_rules.without_passive`, `account`."""
        return self.change(guid, slot_rules.without_passive)

    def change(self, guid: str, rule: Callable[[Account], Account]) -> Account:
        """Replace a subaccount by what a rule makes of it. Raises: what the rule raises; see `account`."""
        with self.lock:
            old = self.account(guid)
            new = self._store(rule(old))
            self.history.record(old, new, self.clock.now())
            return new

    def commit(self, rule: Callable[[State], State]) -> None:
        """Replace the whole state by what a rule makes of it. Raises: what the rule raises."""
        with self.lock:
            self._commit(rule(self._state))

    def service_key(
        self, guid: str, credential: Credential = Credential.SECRET, valid_seconds: int = WEEK_SECONDS
    ) -> dict[str, str]:
        """Return a service key; a certificate in it is new, and valid from now for `valid_seconds`.

        Raises:
            Unknown: see `account`.
            Invalid: `valid_seconds` is less than 1, or more than 100 years.
        """
        account = self.account(guid)
        verification_key = keys.public_pem(keys.from_pem(self.token_key))
        if credential is Credential.SECRET:
            return service_keys.with_secret(account, self.addresses, verification_key)
        not_before = self.now()
        not_after = self._expiry(not_before, valid_seconds)
        chain, key = client_ca.issue_client(self.authority, account.client_id, not_before, not_after)
        return service_keys.with_certificate(account, self.addresses, verification_key, chain, key)

    def api_access_key(self, guid: str) -> dict[str, str]:
        """Return a service key for managing the subaccount's identity providers. Raises: see `account`."""
        verification_key = keys.public_pem(keys.from_pem(self.token_key))
        return service_keys.with_api_access(self.account(guid), self.addresses, verification_key)

    def now(self) -> datetime:
        """Return the clock's time, cut to the second."""
        return self.clock.now().replace(microsecond=0)

    def set_clock(self, now: datetime) -> None:
        """Let the clock run on from `now`. Raises: see `Clock.offset_for`."""
        with self.lock:
            self._move_clock(self.clock.offset_for(now))

    def advance(self, seconds: float) -> None:
        """Move the clock forward (negative: backward). Raises: see `Clock.offset_after`."""
        with self.lock:
            self._move_clock(self.clock.offset_after(seconds))

    def _move_clock(self, offset: timedelta) -> None:
        self.commit(lambda old: replace(old, clock_offset_seconds=offset.total_seconds()))
        self.clock.offset = offset

    def _generate_pair(self, guid: str) -> KeyPair:
        key = self._pool.take()
        not_before = self.now()
        not_after = trust_certificate.expiry(not_before, self.switches.lifetime)
        serial = trust_certificate.serial_number(self.switches.serial_sign)
        return KeyPair(
            trust_certificate.generate_certificate(key, guid, serial, not_before, not_after), keys.to_pem(key)
        )

    def _store(self, account: Account) -> Account:
        self.commit(lambda old: old.with_account(account))
        return account

    def _commit(self, new: State) -> None:
        # Saved first: if the disk is full, the state in memory and the file stay the same.
        self._storage.save(new)
        self._state = new

    def _free_subdomain(self, guid: str) -> str:
        """Return a short subdomain, or a long one beside another subaccount with the same first digits."""
        short = f"s-{guid[:8]}"
        return short if self.account_at(short) is None else f"s-{guid}"

    def _refuse_duplicate(self, account: Account) -> None:
        if account.guid in self._state.accounts or self.account_at(account.subdomain):
            raise Conflict(
                f"Subaccount {account.guid} ({account.subdomain}) was not created.",
                "Another one has its GUID or its subdomain.",
                "Leave both out to get new ones, or choose others.",
            )

    @staticmethod
    def _expiry(moment: datetime, seconds: int) -> datetime:
        if not 0 < seconds <= 100 * 365 * 24 * 60 * 60:
            raise Invalid(
                "The service key was not created.",
                f"Its certificate cannot be valid for {seconds} seconds.",
                "Give 1 second to 100 years.",
            )
        return moment + timedelta(seconds=seconds)
