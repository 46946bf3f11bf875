"""A reading of both slots, which every plan is made from. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from msgspec import Struct

from btp_trust.certificate import Certificate

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Snapshot(Struct, frozen=True):
    """Both slots of one subaccount, as one reading found them."""

    subaccount_id: str
    active: Certificate | None
    """The signer."""
    passive: Certificate | None
    now: datetime
    """When it was read, by the service's clock (its `Date` header), UTC."""
    subaccount_name: str | None = None
    """The subaccount's name for people."""

    def find(self, fingerprint: str) -> Certificate | None:
        """Return the certificate with this fingerprint from the slot that holds it, or None."""
        return next((slot for slot in (self.active, self.passive) if has_fingerprint(slot, fingerprint)), None)

    @property
    def older_passive(self) -> Certificate | None:
        """The passive certificate, if the active one is younger or as old: a swap has displaced it."""
        # By their creation: the API leaves out which of the two signed before.
        if self.active is None or self.passive is None or self.passive.not_before > self.active.not_before:
            return None
        return self.passive

    @property
    def slots(self) -> Slots:
        """The fingerprints in both slots."""
        return Slots(
            None if self.active is None else self.active.fingerprint,
            None if self.passive is None else self.passive.fingerprint,
        )

    @property
    def slots_sentence(self) -> str:
        """The contents of both slots as a sentence, with whole fingerprints."""
        return f"The slots of {self.subaccount}: {self.slots}."

    @property
    def subaccount(self) -> str:
        """The subaccount in words."""
        return subaccount_label(self.subaccount_id, self.subaccount_name)


class Slots(Struct, frozen=True):
    """The fingerprints in both slots, None for an empty one: compare and swap compares them."""

    active: str | None
    passive: str | None

    def __str__(self) -> str:
        """Name both in full: a reader of an error has to find them elsewhere."""
        return f"active {self.active or 'empty'}, passive {self.passive or 'empty'}"

    @property
    def swapped(self) -> Slots:
        """The same certificates in exchanged slots."""
        return Slots(self.passive, self.active)


def has_fingerprint(certificate: Certificate | None, fingerprint: str) -> bool:
    """Return True if this slot holds exactly that certificate."""
    return certificate is not None and certificate.fingerprint == fingerprint


def subaccount_label(subaccount_id: str, name: str | None = None) -> str:
    """Name a subaccount for people: by its name and eight digits of its GUID, which tell namesakes apart."""
    return f"{name} ({subaccount_id[:8]})" if name else f"subaccount {subaccount_id[:8]}"


def is_guid(text: str) -> bool:
    """Return True if a text has the form of a subaccount's GUID."""
    return _GUID.fullmatch(text) is not None


def whole_guid(subaccount_id: str) -> str:
    """Name a subaccount in a comparison by its GUID; any other text may be a secret, and is left out."""
    return subaccount_id if is_guid(subaccount_id) else "one whose ID is no GUID"
