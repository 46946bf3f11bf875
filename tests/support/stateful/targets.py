"""Targets of the subaccount: systems behind destinations, acts of their owners, the user of the verification."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

from btp_trust_emulator import S4Switches
from btp_trust_emulator.backend.target_system import TOKEN_PATH
from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.journal import JournalEntry
from support.fake_engine import FakeEngine
from support.stateful.communication_systems import CommunicationSystems
from support.verification import PASSWORD, SAML, USER

SYSTEMS: Final = ("s4", "sf")
ASSERTION: Final = SAML["Name"]
"""The destination that returns the assertion itself."""
PLAIN: Final = "plain"
"""A destination of another authentication type, whose verification is always inconclusive."""
DESTINATIONS: Final = (*SYSTEMS, ASSERTION, PLAIN)
USERS: Final[dict[str, dict[str, str] | None]] = {
    "nobody": None,
    "a wrong password": {"name": USER, "password": "wrong"},
    "an expired token": {"token": "expired"},
    "jane": {"name": USER, "password": PASSWORD},
}
OUTAGES: Final[dict[str, dict[str, Any]]] = {
    "down": {"kind": FaultKind.FAIL, "status": 503},
    "silent": {"kind": FaultKind.SILENCE},
    "unreachable": {"kind": FaultKind.RESET},
    "behind a proxy": {"kind": FaultKind.HTML, "status": 502},
}
_CONFIG: Final = "btp-trust:user"
_UNRELATED_STATUSES: Final = {408, 425, 429}
"""Client errors of a target for other reasons than the assertion."""
_UNLIMITED: Final = 10_000
"""More requests than any command sends."""


def token_path(system: str, guid: str) -> str:
    """Return the path of the token service of a system."""
    return f"/systems/{system}-{guid}{TOKEN_PATH}"


def is_target_request(entry: JournalEntry) -> bool:
    """Return True for a request of the Destination service to a target."""
    return entry.path.startswith("/systems/")


def has_signed_assertion(entry: JournalEntry) -> bool:
    """Return True if the service signed an assertion for this request."""
    return (entry.note or "").startswith("signed with")


def is_target_rejection(entry: JournalEntry) -> bool:
    """Return True if a target rejected an assertion."""
    status = entry.status or 0
    return is_target_request(entry) and 400 <= status < 500 and status not in _UNRELATED_STATUSES


@dataclass
class Targets:
    """The targets of one stack's subaccount."""

    engine: FakeEngine
    switches: S4Switches = field(default_factory=S4Switches)
    """What is unknown of communication systems."""
    outages: dict[str, str] = field(default_factory=dict)
    """{system: its current outage}"""

    def __post_init__(self) -> None:
        """Create the user, the systems that trust the active certificate, and the destinations."""
        emulator, guid = self.engine.emulator, self.engine.guid
        emulator.create_user(guid, USER, PASSWORD)
        self.set_user("jane")
        for system in SYSTEMS:
            emulator.create_target(self.name(system))
            self.trust(system, "active")
        for destination in DESTINATIONS:
            self.create(destination)
        self.communication_systems = CommunicationSystems(self.engine, replace(self.switches, lock_after=1))

    @property
    def private_texts(self) -> list[str]:
        """Texts that must stay out of states and messages."""
        emulator, guid = self.engine.emulator, self.engine.guid
        secrets = [emulator.target(self.name(system)).client_secret for system in SYSTEMS]
        secrets.append(self.communication_systems.user["password"])
        return [PASSWORD, USER, USER.partition("@")[0], emulator.user_token(guid, USER)[-40:], "PD94bWwg", *secrets]

    @property
    def user(self) -> str:
        """Name of the configured user."""
        configured = json.loads(self.engine.config.get(_CONFIG, "null"))
        return next(name for name, user in USERS.items() if user == configured)

    def name(self, system: str) -> str:
        """Return the name of a system in the emulator."""
        return f"{system}-{self.engine.guid}"

    def shown_certificates(self, system: str) -> list[str]:
        """Return the certificates that a system reports as trusted."""
        return sorted(self.engine.emulator.target(self.name(system)).certificates)

    def accepted_certificates(self, system: str) -> set[str]:
        """Return the certificates that a system really accepts."""
        return {*self.shown_certificates(system)} - self.engine.emulator._landscape.state.systems[
            self.name(system)
        ].misreported

    def has_destination(self, destination: str) -> bool:
        """Return True if a destination exists."""
        return destination in {existing.name for existing in self.engine.emulator.destinations(self.engine.guid)}

    # --- acts of owners ----------------------------------------------------------------------------------------

    def trust(self, system: str, what: str) -> None:
        """Make a system trust `both` certificates, the `active` or the `passive` one, or `nothing`."""
        emulator, name = self.engine.emulator, self.name(system)
        for fingerprint in self.shown_certificates(system):
            emulator.remove_certificate(name, fingerprint)
        active, passive = emulator.certificates(self.engine.guid)
        chosen = {"both": [active, passive], "active": [active], "passive": [passive], "nothing": []}[what]
        for certificate in filter(None, chosen):
            emulator.upload_certificate(name, certificate)

    def misreport(self, system: str, what: str) -> None:
        """Make a system reject certificates that it reports: `both`, `active`, `passive` or `nothing`."""
        active, passive = self.engine.slots
        chosen = {"both": [active, passive], "active": [active], "passive": [passive], "nothing": []}[what]
        self.engine.emulator.misreport(self.name(system), *filter(None, chosen))

    def repair(self, *systems: str) -> None:
        """Make systems trust both certificates, and report the truth."""
        for system in systems:
            self.misreport(system, "nothing")
            self.trust(system, "both")

    # --- prerequisites -----------------------------------------------------------------------------------------

    def create(self, destination: str) -> None:
        """Create a destination."""
        properties = {"Name": PLAIN, "Type": "HTTP", "Authentication": "NoAuthentication"}
        if destination == ASSERTION:
            properties = SAML
        if destination in SYSTEMS:
            properties = self.engine.emulator.target(self.name(destination)).properties(destination)
        self.engine.emulator.create_destination(self.engine.guid, properties)

    def toggle_destination(self, destination: str) -> None:
        """Delete a destination, or create it again."""
        if self.has_destination(destination):
            self.engine.emulator.delete_destination(self.engine.guid, destination)
        else:
            self.create(destination)

    def set_user(self, user: str) -> None:
        """Configure the user of the verification."""
        self.engine.config.pop(_CONFIG, None)
        if USERS[user] is not None:
            self.engine.config[_CONFIG] = json.dumps(USERS[user])

    def inject_faults(self) -> None:
        """Inject the outages into the requests of a command."""
        self.communication_systems.inject_faults()
        for system, outage in self.outages.items():
            path = token_path(system, self.engine.guid)
            self.engine.emulator.fault(**{**OUTAGES[outage], "path": path, "count": _UNLIMITED})

    def restore_prerequisites(self) -> bool:
        """Restore the user, the destinations and the systems; return True if any was missing."""
        missing = [destination for destination in DESTINATIONS if not self.has_destination(destination)]
        is_broken = bool(self.outages or missing or self.user != "jane")
        self.outages.clear()
        self.set_user("jane")
        for destination in missing:
            self.create(destination)
        return is_broken
