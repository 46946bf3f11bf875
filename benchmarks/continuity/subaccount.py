"""A subaccount whose user calls three targets that trust its active certificate."""

from __future__ import annotations

import httpx

from btp_trust_emulator import Emulator
from continuity.service import Service
from continuity.targets import Owner, SubaccountOwner, SystemOwner

_USER = "joe"


class BenchmarkSubaccount:
    """The subaccount, its user, and the owners of the targets by the names of the destinations."""

    def __init__(self, emulator: Emulator, http: httpx.Client) -> None:
        self.emulator = emulator
        self.guid = emulator.create_subaccount(generate=True).guid
        self.service = Service(http, emulator.service_key(self.guid))
        emulator.create_user(self.guid, _USER, "secret")
        self._user_token = emulator.user_token(self.guid, _USER)
        self.owners: dict[str, Owner] = {
            **{name: SystemOwner(emulator, self._system(name)) for name in ("finance", "logistics")},
            "portal": SubaccountOwner(emulator, http),
        }
        for name, owner in self.owners.items():
            owner.trust(self.service.certificate())
            emulator.create_destination(self.guid, owner.target().properties(name))

    def _system(self, name: str) -> str:
        return self.emulator.create_target(f"{name}-{self.guid}").name

    def rejection(self, target: str) -> str | None:
        """Call a target as the user; return the reason of a rejection, or None."""
        return self.service.rejection(target, self._user_token)

    def trusted(self) -> dict[str, list[str]]:
        """Return the fingerprints that each target reports as trusted."""
        return {name: list(owner.target().certificates) for name, owner in self.owners.items()}

    def signer(self) -> str | None:
        """Return the fingerprint of the active certificate."""
        return self.emulator.slots(self.guid).active
