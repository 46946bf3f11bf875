"""A subaccount with users and targets behind destinations, as a stack of the fake engine or of Pulumi sees it."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import dataclass
from typing import Any

import httpx

from btp_trust.errors import TrustError
from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import (
    HOUR,
    CommandReport,
    FakeEngine,
    Program,
    SendRequest,
    TransportFault,
    answer_with,
    commit_then_raise,
    program,
    raise_before_sending,
)
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

ROTATE = "POST rotateCertificate"
FIND_S4, FIND_ASSERTION = "GET destinations/s4", "GET destinations/assertion"
LISTS = ["GET subaccountDestinations", "GET instanceDestinations"]
"""Requests of a preview about destinations."""
ACTIVE_PATH = "/destination-configuration/v1/saml2Metadata/certificate"
PASSIVE_PATH = f"{ACTIVE_PATH}/passive"
FIND_PATH = "/destination-configuration/v1/destinations/"
OPERATION_SECONDS = 180.0
"""Time of an operation."""


@dataclass
class VerificationScenario:
    """A prepared stack: generation a signs, b is prepared; a user, and targets that trust both."""

    engine: FakeEngine
    targets: tuple[str, ...] = ("s4", "sf")
    is_known: bool = True
    """The destinations were probed before, so the lifetime of a new token is known."""

    def __post_init__(self) -> None:
        """Create the user and the targets, prepare, and let every target trust both certificates."""
        self.emulator.create_user(self.guid, USER, PASSWORD)
        self.engine.config["btp-trust:user"] = json.dumps({"name": USER, "password": PASSWORD})
        self.emulator.advance(HOUR)
        self.engine.start(program(), program("b", "a"))
        for target in self.targets:
            self.emulator.create_target(self.name(target))
            self.emulator.create_destination(self.guid, self.emulator.target(self.name(target)).properties(target))
            for certificate in self.emulator.certificates(self.guid):
                self.emulator.upload_certificate(self.name(target), certificate or "")
        self.emulator.create_destination(self.guid, SAML)
        if self.is_known:
            self.engine.start(self.first_program)

    @property
    def first_program(self) -> Program:
        """The program that verifies all of them for the first time, while a signs."""
        return self.program("a", *self.targets, "assertion", verify_now="first")

    @property
    def emulator(self) -> Emulator:
        """The emulator of the engine."""
        return self.engine.emulator

    @property
    def guid(self) -> str:
        """GUID of the subaccount."""
        return self.engine.guid

    def name(self, target: str) -> str:
        """Return the target's name in the emulator, which other tests use too."""
        return f"{target}-{self.guid}"

    def misreport(self, target: str, *fingerprints: str | None) -> None:
        """Let a target reject assertions of these certificates, although it shows them as trusted."""
        self.emulator.misreport(self.name(target), *[fingerprint for fingerprint in fingerprints if fingerprint])

    def program(
        self, active_generation: str, *destinations: str, passive_generation: str = "b", **trigger: Any
    ) -> Program:
        """Write the program with a verification of these destinations."""
        return program(
            passive_generation, active_generation, trigger={"verify_destinations": list(destinations), **trigger}
        )

    def evidence(self) -> dict[str, Any]:
        """Return the recorded evidence of the last verification."""
        return dict(self.engine.outputs("rotation").get("verified", {}))

    def verdicts(self) -> dict[str, str]:
        """Return the recorded verdict of each destination."""
        return {name: evidence["verdict"] for name, evidence in self.evidence().items()}

    def private_texts(self) -> list[str]:
        """List the texts that states, messages and logs must be free of."""
        return [PASSWORD, USER, USER.partition("@")[0], self.emulator.user_token(self.guid, USER)[-40:], "PD94bWwg"]


def fault_probes(*faults: TransportFault) -> TransportFault:
    """Let probes of a destination meet these faults in turn; requests that skip the token still succeed."""
    turns = itertools.cycle(faults)

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return send(request) if "skipTokenRetrieval" in str(request.url) else next(turns)(request, send)

    return fault


def answer_probes_with_token(**token: Any) -> TransportFault:
    """Answer probes of a destination with this token, in place of the target."""
    properties = {"Name": "x", "Authentication": "OAuth2SAMLBearerAssertion"}
    return fault_probes(answer_with(200, json={"destinationConfiguration": properties, "authTokens": [token]}))


def answer_probes_with_error(error: str) -> TransportFault:
    """Answer probes of a destination with this error, in place of the target."""
    return answer_probes_with_token(type="", value="", error=error, expires_in="")


def time_out(request: httpx.Request, engine: FakeEngine) -> httpx.Response:
    """Let as much time go by as the client waits."""
    engine.elapsed += request.extensions["timeout"]["read"]
    raise httpx.ReadTimeout("slow", request=request)


def create_destinations_like_s4(scenario: VerificationScenario, names: list[str], **changes: str) -> None:
    """Create destinations with the properties of s4, and some others."""
    destinations = {destination.name: destination for destination in scenario.emulator.destinations(scenario.guid)}
    for name in names:
        properties = {**destinations["s4"].properties, **changes, "Name": name}
        scenario.emulator.create_destination(scenario.guid, properties)


def destination_requests(report: CommandReport) -> list[str]:
    """List the requests about destinations."""
    return [request for request in report.requests if "estinations" in request]


def find_requests(report: CommandReport) -> list[str]:
    """List the requests that find a destination, with and without a token."""
    return [request for request in report.requests if request.startswith("GET destinations/")]


def rotate_to_rejected(scenario: VerificationScenario, **trigger: Any) -> CommandReport:
    """Rotate to a certificate that s4 shows as trusted, and rejects."""
    scenario.misreport("s4", scenario.engine.slots[1])
    return scenario.engine.up(scenario.program("b", "s4", "sf", "assertion", **trigger))


def leave_rollback_outcome_unknown(scenario: VerificationScenario, *, done: bool, **trigger: Any) -> str:
    """Rotate to a certificate that s4 rejects, lose the answer of the rollback, and let every reading fail then.

    Returns:
        The output `rollback_outcome_unknown`.
    """
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.transport.inject_always(answer_with(403), "GET certificate", "GET certificate/passive")
        return (commit_then_raise if done else raise_before_sending)(httpx.ReadTimeout("lost"))(request, send)

    engine.transport.inject_once(ROTATE, fault, after=1)
    with contextlib.suppress(TrustError):  # dependent resources fail to read the slots
        engine.up(scenario.program("b", "s4", **trigger))
    engine.transport.clear_faults()
    outputs = engine.outputs("rotation")
    assert outputs["failed_generation"] == outputs["generation"] == "b"
    return str(outputs["rollback_outcome_unknown"])


def show_stale_slots(scenario: VerificationScenario, seconds: float = 50.0) -> None:
    """Show the slots as before each further write for a while."""
    for path in (ACTIVE_PATH, PASSIVE_PATH):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, method="GET", path=path, seconds=seconds
        )


S4 = "s4"
ASSERTION = SAML["Name"]
VERIFIED_DESTINATIONS = [S4, ASSERTION]
"""The target, and a destination that shows the signer."""
PRIVATE_TEXTS = {PASSWORD, USER.partition("@")[0]}
"""Texts that must stay out of output and state."""
USER_CONFIG = json.dumps({"name": USER, "password": PASSWORD})


def verification_arguments(*destinations: str) -> str:
    """Write the arguments of a trigger that verifies these destinations."""
    return f", verify_destinations={json.dumps(destinations)}, list_affected=True"


def verifying_program(active_generation: str) -> str:
    """Write the program that has prepared 2028-11 and verifies the signer."""
    return rotation_program("2028-11", active_generation, trigger=verification_arguments(*VERIFIED_DESTINATIONS))


def create_trusting_target(emulator: Emulator, guid: str, name: str = S4) -> None:
    """Create a target that trusts both certificates, its destination, and one that shows the signer."""
    emulator.create_destination(guid, emulator.create_target(name).properties(S4))
    emulator.create_destination(guid, SAML)
    for certificate in emulator.certificates(guid):
        emulator.upload_certificate(name, certificate or "")


def prepare_verification(project: PulumiProject) -> None:
    """Deploy the certificates to rotate, with a user and the target."""
    project.emulator.create_user(project.guid, USER, PASSWORD)
    project.known_secrets |= PRIVATE_TEXTS
    project.set_config("btp-trust:user", USER_CONFIG, secret=True)
    project.deploy(verifying_program("2026-11"))
    create_trusting_target(project.emulator, project.guid)
