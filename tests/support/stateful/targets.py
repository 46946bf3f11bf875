"""What trusts the subaccount: systems behind destinations, what their owners do, the user as whom they are tried."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from btp_trust_emulator.backend.target_system import TOKEN_PATH
from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.journal import JournalEntry
from support.fake_engine import FakeEngine
from support.verification import PASSWORD, SAML, USER

SYSTEMS: Final = ("s4", "sf")
ASSERTION: Final = SAML["Name"]
"""The destination that returns the assertion itself: no target is behind it."""
PLAIN: Final = "plain"
"""A destination that is not signed for, so that it tells nothing."""
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
"""Statuses of a target that say nothing about the assertion."""
_UNLIMITED: Final = 10_000
"""Requests: more than any command sends."""


def token_path(system: str, guid: str) -> str:
    """Where a system takes the assertions of a subaccount's users."""
    return f"/systems/{system}-{guid}{TOKEN_PATH}"


def is_target_request(entry: JournalEntry) -> bool:
    """Whether a request was the service's, to a target, and not the provider's."""
    return entry.path.startswith("/systems/")


def has_signed_assertion(entry: JournalEntry) -> bool:
    """Whether the service has signed an assertion for this request."""
    return (entry.note or "").startswith("signed with")


def is_target_rejection(entry: JournalEntry) -> bool:
    """Whether a target has refused an assertion."""
    status = entry.status or 0
    return is_target_request(entry) and 400 <= status < 500 and status not in _UNRELATED_STATUSES


@dataclass
class Targets:
    """The targets of one stack's subaccount."""

    engine: FakeEngine
    outages: dict[str, str] = field(default_factory=dict)
    """{system: outage}, until it is up again."""

    def __post_init__(self) -> None:
        """Create the user, the systems that trust what signs, and the destinations."""
        emulator, guid = self.engine.emulator, self.engine.guid
        emulator.create_user(guid, USER, PASSWORD)
        self.set_user("jane")
        for system in SYSTEMS:
            emulator.create_target(self.name(system))
            self.trust(system, "active")
        for destination in DESTINATIONS:
            self.create(destination)

    @property
    def private_texts(self) -> list[str]:
        """What must not be in any state or message."""
        emulator, guid = self.engine.emulator, self.engine.guid
        secrets = [emulator.target(self.name(system)).client_secret for system in SYSTEMS]
        return [PASSWORD, USER, USER.partition("@")[0], emulator.user_token(guid, USER)[-40:], "PD94bWwg", *secrets]

    @property
    def user(self) -> str:
        """As whom destinations are tried."""
        told = json.loads(self.engine.config.get(_CONFIG, "null"))
        return next(name for name, user in USERS.items() if user == told)

    def name(self, system: str) -> str:
        """Name a system as the emulator knows it."""
        return f"{system}-{self.engine.guid}"

    def shown_certificates(self, system: str) -> list[str]:
        """List the certificates that a system shows as trusted."""
        return sorted(self.engine.emulator.target(self.name(system)).certificates)

    def accepted_certificates(self, system: str) -> set[str]:
        """List those that it really goes by."""
        return {*self.shown_certificates(system)} - self.engine.emulator._landscape.state.systems[
            self.name(system)
        ].misreported

    def has_destination(self, destination: str) -> bool:
        """Whether a destination is there."""
        return destination in {each.name for each in self.engine.emulator.destinations(self.engine.guid)}

    # --- what owners do ----------------------------------------------------------------------------------------

    def trust(self, system: str, what: str) -> None:
        """Let a system trust `both` certificates of the slots, only the `active` or the `passive` one, or `nothing`."""
        emulator, name = self.engine.emulator, self.name(system)
        for held in self.shown_certificates(system):
            emulator.remove_certificate(name, held)
        active, passive = emulator.certificates(self.engine.guid)
        chosen = {"both": [active, passive], "active": [active], "passive": [passive], "nothing": []}[what]
        for certificate in filter(None, chosen):
            emulator.upload_certificate(name, certificate)

    def misreport(self, system: str, what: str) -> None:
        """Let a system refuse what it shows as trusted: `both`, the `active` or the `passive` one; or `nothing`."""
        active, passive = self.engine.slots
        chosen = {"both": [active, passive], "active": [active], "passive": [passive], "nothing": []}[what]
        self.engine.emulator.misreport(self.name(system), *filter(None, chosen))

    def repair(self, *systems: str) -> None:
        """Let systems trust both certificates, and mean it."""
        for system in systems:
            self.misreport(system, "nothing")
            self.trust(system, "both")

    # --- what is missing ---------------------------------------------------------------------------------------

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
        """Choose as whom destinations are tried."""
        self.engine.config.pop(_CONFIG, None)
        if USERS[user] is not None:
            self.engine.config[_CONFIG] = json.dumps(USERS[user])

    def inject_faults(self) -> None:
        """Let the requests of a command meet the outages."""
        for system, outage in self.outages.items():
            path = token_path(system, self.engine.guid)
            self.engine.emulator.fault(**{**OUTAGES[outage], "path": path, "count": _UNLIMITED})

    def restore_prerequisites(self) -> bool:
        """Bring back the user, the destinations and the systems; tell whether anything was missing."""
        missing = [each for each in DESTINATIONS if not self.has_destination(each)]
        is_broken = bool(self.outages or missing or self.user != "jane")
        self.outages.clear()
        self.set_user("jane")
        for each in missing:
            self.create(each)
        return is_broken
