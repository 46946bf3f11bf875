"""A subaccount with a user, and with targets behind destinations, for the fake engine and the real one."""

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
    """A prepared stack: generation a is active, b passive; a user, and targets that trust both."""

    engine: FakeEngine
    targets: tuple[str, ...] = ("s4", "sf")
    is_known: bool = True
    """True if the destinations were verified before, which records how long a new token is valid."""

    def __post_init__(self) -> None:
        """Create the user and the targets, prepare, and make every target trust both certificates."""
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
        """The emulator of the engine."""
        return self.engine.emulator

    @property
    def guid(self) -> str:
        """GUID of the subaccount."""
        return self.engine.guid

    def name(self, target: str) -> str:
        """Return the name of a target in the emulator, which other tests share."""
        return f"{target}-{self.guid}"

    def misreport(self, target: str, *fingerprints: str | None) -> None:
        """Make a target reject assertions of these certificates, although it reports them as trusted."""
        self.emulator.misreport(self.name(target), *filter(None, fingerprints))

    def program(
        self, active_generation: str, *destinations: str, passive_generation: str = "b", **trigger: Any
    ) -> Program:
        """Return the program of the story, which verifies these destinations."""
        return program(
            passive_generation, active_generation, trigger={"verify_destinations": list(destinations), **trigger}
        )

    def evidence(self) -> dict[str, Any]:
        """Return the evidence of the last verification in the state."""
        return dict(self.engine.outputs("rotation").get("verified", {}))

    def private_texts(self) -> list[str]:
        """Return the texts that must stay out of states, messages and logs."""
        return [PASSWORD, USER, USER.partition("@")[0], self.emulator.user_token(self.guid, USER)[-40:], "PD94bWwg"]


def fault_probes(*faults: TransportFault) -> TransportFault:
    """Return a fault for probes of a destination: these faults in turn. Requests without token retrieval pass."""
    turns = itertools.cycle(faults)

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return send(request) if "skipTokenRetrieval" in str(request.url) else next(turns)(request, send)

    return fault


def answer_probes_with_token(**token: Any) -> TransportFault:
    """Return a fault that answers probes with this token, in place of the target."""
    properties = {"Name": "x", "Authentication": "OAuth2SAMLBearerAssertion"}
    return fault_probes(answer_with(200, json={"destinationConfiguration": properties, "authTokens": [token]}))


def answer_probes_with_error(error: str) -> TransportFault:
    """Return a fault that answers probes with an error of the token retrieval, in place of the target."""
    return answer_probes_with_token(type="", value="", error=error, expires_in="")


S4 = "s4"
ASSERTION = SAML["Name"]
VERIFIED_DESTINATIONS = [S4, ASSERTION]
"""The target, and the destination that returns the assertion."""
PRIVATE_TEXTS = {PASSWORD, USER.partition("@")[0]}
"""Texts that must stay out of output and state."""
USER_CONFIG = json.dumps({"name": USER, "password": PASSWORD})


def verification_arguments(*destinations: str) -> str:
    """Return the arguments of a trigger that verifies these destinations."""
    return f", verify_destinations={json.dumps(destinations)}, list_affected=True"


def verifying_program(active_generation: str) -> str:
    """Return the program that has prepared 2028-11 and verifies the signer."""
    return rotation_program("2028-11", active_generation, trigger=verification_arguments(*VERIFIED_DESTINATIONS))


def create_trusting_target(emulator: Emulator, guid: str, name: str = S4) -> None:
    """Create a target that trusts both certificates, its destination, and one that returns the assertion."""
    emulator.create_destination(guid, emulator.create_target(name).properties(S4))
    emulator.create_destination(guid, SAML)
    for certificate in emulator.certificates(guid):
        emulator.upload_certificate(name, certificate or "")


def prepare_verification(project: PulumiProject) -> None:
    """Deploy the stack before the rotation, with a user and the target."""
    project.emulator.create_user(project.guid, USER, PASSWORD)
    project.known_secrets |= PRIVATE_TEXTS
    project.pulumi("config", "set", "--secret", "btp-trust:user", stdin=USER_CONFIG)
    project.deploy(verifying_program("2026-11"))
    create_trusting_target(project.emulator, project.guid)
