"""`btp-trust doctor` against the emulator: each step, and what it says when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from btp_trust.runtime.host import Host
from btp_trust_cli.commands import DoctorRequest, run_doctor
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_emulator import Emulator, FaultKind
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]
DESTINATIONS = "/destination-configuration/v1/subaccountDestinations"
CERTIFICATE = "/destination-configuration/v1/saml2Metadata/certificate"


def examine(host: Host, folder: Path) -> tuple[Severity, dict[str, dict[str, Any]]]:
    """Run the command with `--json`; return its exit code and {step: its JSON} of the last check."""
    terminal = pipes()
    severity = run_doctor(DoctorRequest(Selection(folder=folder), as_json=True), host, terminal)
    steps = json.loads(printed(terminal))["checks"][-1]["steps"]
    return severity, {step["step"]: step for step in steps}


@pytest.fixture
def key(emulator: Emulator) -> dict[str, str]:
    """The service key of a subaccount."""
    return emulator.service_key(emulator.create_subaccount(generate=True).guid)


def test_good_key_passes_all_steps(
    emulator: Emulator, make_host: MakeHost, tmp_path: Path, key: Mapping[str, str]
) -> None:
    """Only reads, and requests for tokens; each step says what it found."""
    emulator.clear_journal()
    severity, steps = examine(make_host(BTP_TRUST_SERVICE_KEY=json.dumps(key)), tmp_path)
    assert severity is Severity.OK
    assert list(steps) == ["credentials", "service key", "token", "subaccount", "slots", "destinations"]
    assert steps["credentials"]["detail"] == "BTP_TRUST_SERVICE_KEY"
    assert "passive empty" in steps["slots"]["detail"]
    assert {(entry.method, "token" in entry.path) for entry in emulator.journal()} == {("GET", False), ("POST", True)}


@pytest.mark.parametrize(
    ("variables", "step", "kind"),
    [
        ({}, "credentials", "CredentialsMissing"),
        ({"BTP_TRUST_SERVICE_KEY": "{"}, "service key", "ConfigurationError"),
        ({"BTP_TRUST_SERVICE_KEY": "@/nowhere"}, "credentials", "ConfigurationError"),
        ({"BTP_TRUST_SERVICE_KEY": '{"uri": "https://a.example"}'}, "service key", "ConfigurationError"),
    ],
)
def test_unusable_key_ends_the_steps(
    make_host: MakeHost, tmp_path: Path, variables: dict[str, str], step: str, kind: str
) -> None:
    """The steps end with the one that failed: the others depend on it."""
    severity, steps = examine(make_host(**variables), tmp_path)
    assert severity is Severity.CRITICAL
    assert list(steps)[-1] == step
    assert steps[step]["error"]["kind"] == kind


@pytest.mark.parametrize(
    ("fault", "failed", "kind"),
    [
        ({"path": "token", "status": 401}, ["token"], "CredentialsRejected"),
        ({"path": DESTINATIONS, "status": 403}, ["destinations"], "NotAuthorized"),
        ({"path": CERTIFICATE, "status": 403}, ["slots"], "NotAuthorized"),
    ],
)
def test_failed_step_is_named(
    emulator: Emulator, make_host: MakeHost, tmp_path: Path, *, fault: Any, failed: list[str], kind: str
) -> None:
    """A missing permission leaves the others to be examined; a missing token ends the steps."""
    guid = emulator.create_subaccount(generate=True).guid
    emulator.fault(FaultKind.FAIL, subaccount=guid, count=9, **fault)
    try:
        severity, steps = examine(make_host(BTP_TRUST_SERVICE_KEY=json.dumps(emulator.service_key(guid))), tmp_path)
    finally:
        emulator.clear_faults()
    assert severity is Severity.CRITICAL
    assert [name for name, step in steps.items() if not step["passed"]] == failed
    assert steps[failed[0]]["error"]["kind"] == kind
    assert ("destinations" in steps) is (failed != ["token"])


def test_expired_certificate_has_its_date(emulator: Emulator, make_host: MakeHost, tmp_path: Path) -> None:
    """The certificate of a binding is examined before any request; a good one shows its last day."""
    guid = emulator.create_subaccount(generate=True).guid
    over_tls = {"uri": "https://a.example", "certurl": "https://b.example"}
    host = make_host(BTP_TRUST_SERVICE_KEY=json.dumps({**emulator.service_key(guid, "x509", 86_400), **over_tls}))
    later = emulator.now + timedelta(days=2)
    _, steps = examine(structs.replace(host, clock=lambda: later), tmp_path)
    assert "expired" in steps["service key"]["error"]["what"]
    _, steps = examine(host, tmp_path)
    assert steps["service key"]["detail"].startswith("certificate until ")


def test_stack_is_examined_first(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """A misspelt setting, a secret in plain text, the connection of a target, and the user for the verification."""
    target = emulator.create_subaccount(generate=True).guid
    keys = {"billing": emulator.api_access_key(target)}
    config = {**engine.config, "btp-trust:stict": "true", "btp-trust:connections": json.dumps(keys)}
    engine.up(program("b", "a", trigger={"verify_destinations": ["S4"], "on_verification_failure": "report"}))
    pulumi.add_stack("dev", config, export_of(engine), current=True, secret=False)
    terminal = pipes()
    severity = run_doctor(DoctorRequest(Selection(folder=pulumi.folder)), make_host(), terminal)
    shown = printed(terminal)
    assert severity is Severity.CRITICAL
    for words in (
        "ok    stack               1 subaccount in its state",
        "did you mean strict?",
        "The config btp-trust:serviceKey is in plain text.",
        "as recorded",
        "FAIL  user",
        "connection billing to an XSUAA instance",
        "ok    identity providers",
    ):
        assert words in shown, shown
    assert engine.config["btp-trust:serviceKey"] not in shown


def test_user_is_found_without_a_token(engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A command that prints a token might have effects, so only its place is examined."""
    engine.config["btp-trust:userTokenCommand"] = "no-such-command"
    engine.up(program("b", "a", trigger={"verify_destinations": ["S4"], "on_verification_failure": "report"}))
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    severity, steps = examine(make_host(), pulumi.folder)
    assert severity is Severity.OK
    assert steps["user"]["detail"].startswith("config btp-trust:userTokenCommand")


def test_wrong_subaccount_is_compared(
    engine: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, key: Mapping[str, str]
) -> None:
    """The state says which subaccount is meant."""
    pulumi.add_stack("dev", {"btp-trust:serviceKey": json.dumps(key)}, export_of(engine), current=True)
    severity, steps = examine(make_host(), pulumi.folder)
    assert severity is Severity.CRITICAL
    assert steps["subaccount"]["error"]["kind"] == "WrongSubaccount"
    assert "slots" not in steps


def test_unreadable_stack_is_a_step(pulumi: FakePulumi, make_host: MakeHost) -> None:
    """Its connections are unknown, so it is all there is."""
    pulumi.add_stack("dev", {}, current=True)
    pulumi.overwrite("export-dev", "[]")
    severity, steps = examine(make_host(), pulumi.folder)
    assert severity is Severity.CRITICAL
    assert steps["stack"]["error"]["kind"] == "UnreadableState"


def test_missing_connection_is_a_failed_step(pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A stack without a connection fails: "all steps passed" would hide that none was examined."""
    pulumi.add_stack("dev", {}, current=True)
    severity, steps = examine(make_host(), pulumi.folder)
    assert severity is Severity.CRITICAL
    assert steps["connections"]["error"]["what"] == "There is no subaccount to read: stack dev."
