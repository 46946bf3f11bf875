"""A subaccount whose user calls targets that trust its active certificate."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from btp_trust_emulator import Emulator
from continuity.service import Service
from continuity.targets import Owner, SubaccountOwner, SystemOwner

_USER = "joe"
CreateOwners = Callable[[Emulator, httpx.Client, str], dict[str, Owner]]
"""Create the targets of a subaccount; return their owners by the names of the destinations."""


def three_targets(emulator: Emulator, http: httpx.Client, guid: str) -> dict[str, Owner]:
    """Create three targets that hold two certificates."""
    systems = {name: emulator.create_target(f"{name}-{guid}").name for name in ("finance", "logistics")}
    owners = {name: SystemOwner(emulator, system) for name, system in systems.items()}
    return {**owners, "portal": SubaccountOwner(emulator, http)}


class BenchmarkSubaccount:
    """The subaccount, its user, and the owners of the targets by the names of the destinations."""

    def __init__(self, emulator: Emulator, http: httpx.Client, create_owners: CreateOwners = three_targets) -> None:
        self.emulator = emulator
        self.guid = emulator.create_subaccount(generate=True).guid
        self.service = Service(http, emulator.service_key(self.guid))
        emulator.create_user(self.guid, _USER, "secret")
        self._user_token = emulator.user_token(self.guid, _USER)
        self.owners = create_owners(emulator, http, self.guid)
        for name, owner in self.owners.items():
            owner.trust(self.service.certificate())
            emulator.create_destination(self.guid, owner.target().properties(name))

    def rejection(self, target: str) -> str | None:
        """Call a target as the user; return the reason of a rejection, or None."""
        return self.service.rejection(target, self._user_token)

    def trusted(self) -> dict[str, list[str]]:
        """Return the fingerprints that each target reports as trusted."""
        return {name: list(owner.target().certificates) for name, owner in self.owners.items()}

    def signer(self) -> str | None:
        """Return the fingerprint of the active certificate."""
        return self.emulator.slots(self.guid).active
