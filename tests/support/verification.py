"""A subaccount with users and targets behind destinations, as a stack of the twin sees it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, Fault, Program, Send, Twin, answered, program
from support.pulumi_project import Project, rotating

USER, PASSWORD = "jane.roe@corp.example", "S3CRET-of-jane"
SAML = {
    "Name": "assertion",
    "Type": "HTTP",
    "URL": "https://api.example",
    "Authentication": "SAMLAssertion",
    "audience": "https://api.example",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
}


@dataclass
class Landscape:
    """A prepared stack: generation a signs, b is about to; a user, and targets that trust both."""

    twin: Twin
    targets: tuple[str, ...] = ("s4", "sf")
    is_known: bool = True
    """Whether the destinations were tried before: only then is it known how long a new token is valid."""

    def __post_init__(self) -> None:
        """Create the user and the targets, prepare, and let every target trust what signs and what will."""
        self.emulator.create_user(self.guid, USER, PASSWORD)
        self.twin.config["btp-trust:user"] = json.dumps({"name": USER, "password": PASSWORD})
        self.emulator.advance(HOUR)
        self.twin.deploy(program(), program("b", "a"))
        for target in self.targets:
            self.emulator.create_target(self.name(target))
            self.emulator.create_destination(self.guid, self.emulator.target(self.name(target)).properties(target))
            for certificate in self.emulator.certificates(self.guid):
                self.emulator.upload_certificate(self.name(target), certificate or "")
        self.emulator.create_destination(self.guid, SAML)
        if self.is_known:
            self.twin.deploy(self.program("a", *self.targets, "assertion", verify_now="first"))

    @property
    def emulator(self) -> Emulator:
        """The emulator."""
        return self.twin.emulator

    @property
    def guid(self) -> str:
        """The subaccount."""
        return self.twin.guid

    def name(self, target: str) -> str:
        """The target's name in the emulator, which has those of other tests too."""
        return f"{target}-{self.guid}"

    def lie(self, target: str, *fingerprints: str | None) -> None:
        """Let a target refuse what these certificates sign, though it shows them as trusted."""
        self.emulator.lie(self.name(target), *[each for each in fingerprints if each])

    def program(self, signs: str, *destinations: str, prepared: str = "b", **trigger: Any) -> Program:
        """Write the program of the story, with a check of these destinations."""
        return program(prepared, signs, trigger={"verify_destinations": list(destinations), **trigger})

    def evidence(self) -> dict[str, Any]:
        """What the state holds about the last check."""
        return dict(self.twin.outputs("rotation").get("verified", {}))

    def private(self) -> list[str]:
        """What must not be in any state, message or log."""
        return [PASSWORD, USER, USER.partition("@")[0], self.emulator.user_token(self.guid, USER)[-40:], "PD94bWwg"]


def trying(*faults: Fault) -> Fault:
    """Let tries of a destination meet these faults in turn, for ever; it is found all the same without a token."""
    turns = itertools.cycle(faults)

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
        return send(request) if "skipTokenRetrieval" in str(request.url) else next(turns)(request, send)

    return fault


def giving(**token: Any) -> Fault:
    """Let tries of a destination be given this token; no target is asked."""
    properties = {"Name": "x", "Authentication": "OAuth2SAMLBearerAssertion"}
    return trying(answered(200, json={"destinationConfiguration": properties, "authTokens": [token]}))


def failing(error: str) -> Fault:
    """Let the service say that it got no token, and why; no target is asked."""
    return giving(type="", value="", error=error, expires_in="")


S4 = "s4"
ASSERTION = SAML["Name"]
CHECKED = [S4, ASSERTION]
"""The target, and what shows who signs."""
PRIVATE = {PASSWORD, USER.partition("@")[0]}
"""What may never be printed or stored."""
NAMED = json.dumps({"name": USER, "password": PASSWORD})


def check(*destinations: str) -> str:
    """Write the arguments of a trigger that tries these destinations."""
    return f", verify_destinations={json.dumps(destinations)}, list_affected=True"


def checking(signs: str) -> str:
    """Write the program that has prepared 2028-11 and proves what signs to the target."""
    return rotating("2028-11", signs, trigger=check(*CHECKED))


def create_trusting_target(emulator: Emulator, guid: str, name: str = S4) -> None:
    """Create a target that trusts both certificates, a destination that leads to it, and one that shows who signs."""
    emulator.create_destination(guid, emulator.create_target(name).properties(S4))
    emulator.create_destination(guid, SAML)
    for certificate in emulator.certificates(guid):
        emulator.upload_certificate(name, certificate or "")


def prepare(project: Project) -> None:
    """Deploy what is to be rotated, with a user and the target."""
    project.emulator.create_user(project.guid, USER, PASSWORD)
    project.known_secrets |= PRIVATE
    project.pulumi("config", "set", "--secret", "btp-trust:user", stdin=NAMED)
    project.deploy(checking("2026-11"))
    create_trusting_target(project.emulator, project.guid)
