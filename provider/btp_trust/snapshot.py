"""The values that the plan is made of. Pure: no network, no clock, no Pulumi."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from btp_trust.certificate import Certificate

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both slots of one subaccount, as one reading found them."""

    subaccount_id: str
    active: Certificate | None
    """What signs."""
    passive: Certificate | None
    now: datetime
    """When it was read, by the service's clock (its `Date` header), UTC."""

    def find(self, fingerprint: str) -> Certificate | None:
        """Return the certificate with this fingerprint from whichever slot holds it."""
        return next((found for found in (self.active, self.passive) if has_fingerprint(found, fingerprint)), None)

    def role(self, fingerprint: str) -> str:
        """Tell where this certificate is: `active`, `passive` or `gone`."""
        if has_fingerprint(self.active, fingerprint):
            return "active"
        return "passive" if has_fingerprint(self.passive, fingerprint) else "gone"

    @property
    def older_passive(self) -> Certificate | None:
        """The passive certificate, if it is no younger than the active one: what a swap has displaced."""
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


@dataclass(frozen=True, slots=True)
class Slots:
    """The fingerprints in both slots, None for an empty one: what compare and swap compares."""

    active: str | None
    passive: str | None

    def __str__(self) -> str:
        """Name both, whole: an error is read by somebody who must find them elsewhere."""
        return f"active {self.active or 'empty'}, passive {self.passive or 'empty'}"

    @property
    def swapped(self) -> Slots:
        """The same certificates in each other's slot."""
        return Slots(self.passive, self.active)


def has_fingerprint(certificate: Certificate | None, fingerprint: str) -> bool:
    """Whether this slot holds exactly that certificate."""
    return certificate is not None and certificate.fingerprint == fingerprint


def subaccount_label(subaccount_id: str) -> str:
    """Name a subaccount in a message; what is no GUID may be anything, also a secret that Pulumi does not show."""
    return subaccount_id if _GUID.fullmatch(subaccount_id) else "one whose ID is no GUID"
