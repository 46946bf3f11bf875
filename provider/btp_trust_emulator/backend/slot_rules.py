"""The rules of a subaccount's two slots (SAP's API description, "Trust Certificate on Subaccount Level").

There are at most two certificates. Generating into a full slot renews it: new key, new certificate, the old ones are
gone. Rotating swaps. Only the passive certificate can be deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.account import KeyPair
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.slots import Slot
from btp_trust_emulator.switches import PassiveWithoutActive, RotateWithoutActive, Switches

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account


def certificate_only(pem: str | None) -> KeyPair | None:
    """Return a key pair of a certificate from outside, whose key is unknown.

    Raises:
        Invalid: see `trust_certificate.normalized`.
    """
    return None if pem is None else KeyPair(trust_certificate.normalized(pem))


def with_generated(account: Account, slot: Slot, pair: KeyPair, switches: Switches) -> Account:
    """Return the account after a certificate was generated or renewed in `slot`.

    Raises:
        NoKeyPair: the switch asks for an active certificate before a passive one.
    """
    if slot is Slot.ACTIVE:
        return replace(account, active=pair)
    if account.active is None and switches.passive_without_active is PassiveWithoutActive.REFUSE:
        raise NoKeyPair(Slot.ACTIVE, account.guid, "The passive certificate was not generated.")
    return replace(account, passive=pair)


def with_slots_swapped(account: Account, switches: Switches) -> Account:
    """Return the account with the slots swapped, which needs a passive certificate.

    Raises:
        NoKeyPair: the passive slot is empty; or the active one is, and the switch asks for it.
    """
    what = "The certificates were not rotated."
    if account.passive is None:
        raise NoKeyPair(Slot.PASSIVE, account.guid, what)
    if account.active is None and switches.rotate_without_active is RotateWithoutActive.REFUSE:
        raise NoKeyPair(Slot.ACTIVE, account.guid, what)
    return replace(account, active=account.passive, passive=account.active)


def without_passive(account: Account) -> Account:
    """Return the account with an empty passive slot. Raises `NoKeyPair` if the slot is empty already."""
    if account.passive is None:
        raise NoKeyPair(Slot.PASSIVE, account.guid, "The passive certificate was not deleted.")
    return replace(account, passive=None)
