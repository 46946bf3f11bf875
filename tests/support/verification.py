"""A subaccount with users and targets behind destinations, as a stack of the twin sees it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, Program, SendRequest, TransportFault, answer_with, program
from support.pulumi_project import PulumiProject, rotation_program

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
class VerificationScenario:
    """A prepared stack: generation a signs, b is about to; a user, and targets that trust both."""

    engine: FakeEngine
    targets: tuple[str, ...] = ("s4", "sf")
    is_known: bool = True
    """Whether the destinations were tried before: only then is it known how long a new token is valid."""

    def __post_init__(self) -> None:
        """Create the user and the targets, prepare, and let every target trust what signs and what will."""
        self.emulator.create_user(self.guid, USER, PASSWORD)
        self.engine.config["btp-trust:user"] = json.dumps({"name": USER, "password": PASSWORD})
        self.emulator.advance(HOUR)
        self.engine.deploy(program(), program("b", "a"))
        for target in self.targets:
            self.emulator.create_target(self.name(target))
            self.emulator.create_destination(self.guid, self.emulator.target(self.name(target)).properties(target))
            for certificate in self.emulator.certificates(self.guid):
                self.emulator.upload_certificate(self.name(target), certificate or "")
        self.emulator.create_destination(self.guid, SAML)
        if self.is_known:
            self.engine.deploy(self.program("a", *self.targets, "assertion", verify_now="first"))

    @property
    def emulator(self) -> Emulator:
        """The emulator."""
        return self.engine.emulator

    @property
    def guid(self) -> str:
        """The subaccount."""
        return self.engine.guid

    def name(self, target: str) -> str:
        """The target's name in the emulator, which has those of other tests too."""
        return f"{target}-{self.guid}"

    def misreport(self, target: str, *fingerprints: str | None) -> None:
        """Let a target refuse what these certificates sign, though it shows them as trusted."""
        self.emulator.misreport(self.name(target), *[each for each in fingerprints if each])

    def program(
        self, active_generation: str, *destinations: str, passive_generation: str = "b", **trigger: Any
    ) -> Program:
        """Write the program of the story, with a check of these destinations."""
        return program(
            passive_generation, active_generation, trigger={"verify_destinations": list(destinations), **trigger}
        )

    def evidence(self) -> dict[str, Any]:
        """What the state holds about the last check."""
        return dict(self.engine.outputs("rotation").get("verified", {}))

    def private_texts(self) -> list[str]:
        """What must not be in any state, message or log."""
        return [PASSWORD, USER, USER.partition("@")[0], self.emulator.user_token(self.guid, USER)[-40:], "PD94bWwg"]


def fault_probes(*faults: TransportFault) -> TransportFault:
    """Let tries of a destination meet these faults in turn, for ever; it is found all the same without a token."""
    turns = itertools.cycle(faults)

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return send(request) if "skipTokenRetrieval" in str(request.url) else next(turns)(request, send)

    return fault


def answer_probes_with_token(**token: Any) -> TransportFault:
    """Let tries of a destination be given this token; no target is asked."""
    properties = {"Name": "x", "Authentication": "OAuth2SAMLBearerAssertion"}
    return fault_probes(answer_with(200, json={"destinationConfiguration": properties, "authTokens": [token]}))


def answer_probes_with_error(error: str) -> TransportFault:
    """Let the service say that it got no token, and why; no target is asked."""
    return answer_probes_with_token(type="", value="", error=error, expires_in="")


S4 = "s4"
ASSERTION = SAML["Name"]
VERIFIED_DESTINATIONS = [S4, ASSERTION]
"""The target, and what shows who signs."""
PRIVATE_TEXTS = {PASSWORD, USER.partition("@")[0]}
"""What may never be printed or stored."""
USER_CONFIG = json.dumps({"name": USER, "password": PASSWORD})


def verification_arguments(*destinations: str) -> str:
    """Write the arguments of a trigger that tries these destinations."""
    return f", verify_destinations={json.dumps(destinations)}, list_affected=True"


def verifying_program(active_generation: str) -> str:
    """Write the program that has prepared 2028-11 and proves what signs to the target."""
    return rotation_program("2028-11", active_generation, trigger=verification_arguments(*VERIFIED_DESTINATIONS))


def create_trusting_target(emulator: Emulator, guid: str, name: str = S4) -> None:
    """Create a target that trusts both certificates, a destination that leads to it, and one that shows who signs."""
    emulator.create_destination(guid, emulator.create_target(name).properties(S4))
    emulator.create_destination(guid, SAML)
    for certificate in emulator.certificates(guid):
        emulator.upload_certificate(name, certificate or "")


def prepare_verification(project: PulumiProject) -> None:
    """Deploy what is to be rotated, with a user and the target."""
    project.emulator.create_user(project.guid, USER, PASSWORD)
    project.known_secrets |= PRIVATE_TEXTS
    project.pulumi("config", "set", "--secret", "btp-trust:user", stdin=USER_CONFIG)
    project.deploy(verifying_program("2026-11"))
    create_trusting_target(project.emulator, project.guid)
