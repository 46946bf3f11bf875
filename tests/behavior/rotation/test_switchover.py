"""Communication systems change over with the signer: one operation, under every fault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from btp_trust.errors import RollbackFailed, SystemChanged, TrustError
from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.switches import CertificateProfile, Etags, FieldFormat, PatchProperties
from support.fake_engine import (
    HOUR,
    FakeEngine,
    ProcessKilledError,
    Program,
    TransportFault,
    answer_with,
    commit_then_raise,
    program,
    raise_before_sending,
)

ROTATE, PATCH, READ = "POST rotateCertificate", "PATCH CommunicationSystems", "GET CommunicationSystems"
TENANTS = ("erp", "hr")
NAMES = ("erp/BTP (oauth2)", "hr/BTP (oauth2)")
UNREACHABLE = raise_before_sending(httpx.ConnectError("no route"))
REFUSAL = answer_with(400, json={"error": {"code": "CM_APS_CS/026", "message": "Certificate is not supported"}})


@dataclass
class SwitchoverScenario:
    """A prepared stack (a signs, b is passive), and two communication systems that trust a."""

    engine: FakeEngine
    switches: S4Switches

    def __post_init__(self) -> None:
        """Create two tenants with a system each, and deploy a trigger that switches both over."""
        active, _ = self.emulator.certificates(self.engine.guid)
        users = {}
        for tenant in TENANTS:
            self.emulator.create_s4(self.name(tenant), switches=self.switches)
            users[tenant] = self.emulator.communication_user(self.name(tenant))
            self.emulator.create_communication_system(self.name(tenant), "BTP", active)
        self.engine.config["btp-trust:connections"] = json.dumps(users)
        self.engine.start(self.program("a"))
        self.first, self.second = self.engine.slots

    @property
    def emulator(self) -> Emulator:
        """The emulator of the engine."""
        return self.engine.emulator

    def name(self, tenant: str) -> str:
        """Return the tenant's name in the emulator, which other tests use too."""
        return f"{tenant}-{self.engine.guid}"

    def program(self, active_generation: str, **trigger: Any) -> Program:
        """Write the program that switches both systems over."""
        systems = [{"connection": tenant, "system": "BTP"} for tenant in TENANTS]
        return program("b", active_generation, trigger={"switches": systems, **trigger})

    @property
    def trusted(self) -> list[str | None]:
        """The fingerprints that both systems trust."""
        shown = [self.emulator.communication_system(self.name(tenant), "BTP") for tenant in TENANTS]
        return [next(each.trusted for kind, each in one.blocks.items() if kind.value == "oauth2") for one in shown]

    def assert_all_on(self, fingerprint: str | None) -> None:
        """Assert that this certificate signs, and that both systems trust it."""
        assert self.engine.slots[0] == fingerprint
        assert self.trusted == [fingerprint, fingerprint]


@pytest.fixture
def scenario(engine: FakeEngine) -> SwitchoverScenario:
    """A prepared stack, and two systems."""
    return prepared(engine)


def prepared(engine: FakeEngine, **switches: Any) -> SwitchoverScenario:
    """Prepare the stack, with a tenant of these switches."""
    engine.start(program("b", "a"))
    return SwitchoverScenario(engine, S4Switches(**switches))


def test_start_with_systems_is_stable(scenario: SwitchoverScenario) -> None:
    """The program from which the tests of this module start, once deployed, has no changes."""
    scenario.engine.assert_stable(scenario.program("a"))


def test_systems_change_over_with_the_signer(scenario: SwitchoverScenario) -> None:
    """The preview shows both systems; the update swaps once, and each system takes one request after that."""
    engine = scenario.engine
    engine.transport.sent.clear()
    report = engine.up(scenario.program("b"))
    planned = engine.last_preview.inputs["rotation"]["switchover"]

    assert set(planned["systems"]) == set(NAMES)
    change = f"{str(scenario.first)[:8]} (a) to {str(scenario.second)[:8]} (b)"
    for name in NAMES:
        assert f"{name} switches over from {change}; it refuses calls meanwhile" in engine.last_preview.messages
    assert planned["systems"][NAMES[0]] == {
        "trusts": f"{str(scenario.first)[:8]} (a)",
        "will_trust": f"{str(scenario.second)[:8]} (b)",
    }
    scenario.assert_all_on(scenario.second)
    writes = [request for request in engine.transport.sent if request in (ROTATE, PATCH)]
    assert writes == [PATCH, PATCH, ROTATE, PATCH, PATCH]  # the first two write what is there
    after = engine.transport.sent[engine.transport.sent.index(ROTATE) + 1 :]
    assert after[:2] == [PATCH, PATCH]
    assert f"{NAMES[0]} trusts {str(scenario.second)[:8]} (b) now; it refused calls for" in report.messages
    engine.assert_stable(scenario.program("b"))


def test_planned_switchover_stays_over_days(scenario: SwitchoverScenario) -> None:
    """A saved plan of both can wait for its approval."""
    engine, rotated = scenario.engine, scenario.program("b")
    planned = engine.preview(rotated).inputs
    engine.emulator.advance(4 * 24 * HOUR)

    assert engine.preview(rotated).inputs == planned


def test_rollback_reverses_the_operation(scenario: SwitchoverScenario) -> None:
    """Declaring the generation before rolls back, and both systems follow."""
    scenario.engine.deploy(scenario.program("b"), scenario.program("a"))

    scenario.assert_all_on(scenario.first)


@pytest.mark.parametrize(
    "switches",
    [
        {"field_format": FieldFormat.PEM},
        {"field_format": FieldFormat.KEY},
        {"patch_properties": PatchProperties.BASE64_ALONE},
        {"etags": Etags.OFF},
        {"etags": Etags.OPTIONAL},
    ],
    ids=str,
)
def test_every_answer_to_the_unknowns_works(engine: FakeEngine, switches: dict[str, Any]) -> None:
    """For every answer that a real system may give, the program stays the same."""
    scenario = prepared(engine, **switches)
    before = scenario.trusted
    engine.deploy(scenario.program("b"))

    assert engine.slots[0] == scenario.second
    assert not set(scenario.trusted) & set(before)
    engine.deploy(scenario.program("a"))
    assert scenario.trusted == before


def test_refusing_system_stops_the_swap(engine: FakeEngine) -> None:
    """A system that cannot be patched is found by the rehearsal, before anything has changed."""
    scenario = prepared(engine, patch_properties=PatchProperties.NONE)
    with pytest.raises(TrustError, match="The slots stay as they are"):
        engine.up(scenario.program("b"))

    scenario.assert_all_on(scenario.first)
    assert ROTATE not in engine.last_report.requests


def test_ignoring_system_rolls_back_everything(engine: FakeEngine) -> None:
    """A system that answers with success and keeps the earlier certificate counts as one that refused."""
    scenario = prepared(engine, patch_properties=PatchProperties.IGNORED)
    report = engine.up(scenario.program("b"))

    scenario.assert_all_on(scenario.first)
    assert "still has the earlier one" in engine.outputs("rotation")["failure"]
    assert "now; it refused calls for" not in report.messages
    engine.up(scenario.program("a"))
    engine.up(scenario.program("b", on_switch_failure="continue"))
    assert engine.slots[0] == scenario.second
    assert engine.outputs("rotation")["unswitched"] == list(NAMES)


@pytest.mark.parametrize("fault", [REFUSAL, UNREACHABLE], ids=["refusal", "unreachable"])
def test_failing_system_rolls_back_everything(scenario: SwitchoverScenario, fault: Any) -> None:
    """A system that fails after the swap rolls back the slots and the other system; the generation is refused."""
    engine = scenario.engine
    engine.transport.inject_once(PATCH, fault, after=2)
    for _ in range(6):
        engine.transport.inject_once(f"{PATCH}", fault)
    engine.up(scenario.program("b"))
    outputs = engine.outputs("rotation")

    scenario.assert_all_on(scenario.first)
    assert outputs["failed_generation"] == "b"
    assert "failed to switch over" in outputs["failure"]
    engine.transport.clear_faults()
    engine.assert_refused(scenario.program("b"), "failed to switch over")
    engine.deploy(scenario.program("a"), scenario.program("b"))
    scenario.assert_all_on(scenario.second)


def test_continue_leaves_a_system_to_people(scenario: SwitchoverScenario) -> None:
    """With `continue` the signer stays, the system is named, and the next deployment tries again."""
    engine, declared = scenario.engine, scenario.program("b", on_switch_failure="continue")
    engine.preview(declared)
    engine.transport.inject_once(PATCH, answer_with(200), after=3)
    engine.transport.clear_faults()
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    report = engine.up(declared)

    assert engine.slots[0] == scenario.second
    assert engine.outputs("rotation")["unswitched"] == list(NAMES)
    assert "calls are refused there" in report.messages
    engine.transport.clear_faults()
    assert "the signer stays" in engine.preview(declared).inputs["rotation"]["switchover"]["failure"]
    engine.deploy(declared)
    scenario.assert_all_on(scenario.second)
    assert "unswitched" not in engine.outputs("rotation")


def test_drift_leaves_the_systems(scenario: SwitchoverScenario) -> None:
    """A warning of another signer than declared names the systems, which stay; accepting it takes them along."""
    engine = scenario.engine
    engine.emulator.rotate(engine.guid)
    report = engine.up(scenario.program("a"))
    assert f"The systems in switches ({', '.join(NAMES)}) stay as they are, too." in report.messages
    assert scenario.trusted == [scenario.first] * 2
    engine.deploy(scenario.program("b"))
    assert "each system that trusts the other one gets it" in engine.state["rotation"].inputs["switchover"]["step"]
    scenario.assert_all_on(scenario.second)


def test_forgotten_system_is_named(scenario: SwitchoverScenario) -> None:
    """A system that was left behind and leaves the program is named once more: it still refuses calls."""
    engine, continues = scenario.engine, {"on_switch_failure": "continue"}
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    engine.up(scenario.program("b", **continues))
    engine.transport.clear_faults()
    declared = program("b", "b", trigger={"switches": [{"connection": "erp", "system": "BTP"}], **continues})
    line = f"{NAMES[1]}, which was left behind, is in switches no more"
    messages = engine.preview(declared).messages
    assert line in messages
    assert f"{NAMES[0]} switches over" in messages
    assert f"to {str(scenario.second)[:8]} (b); it refuses calls until then" in messages
    back = engine.preview(program("b", "a", trigger=continues)).messages
    assert "was left behind" not in back  # it trusts the certificate that signs again
    engine.deploy(declared)
    assert "unswitched" not in engine.outputs("rotation")


def test_changed_system_is_left_behind(scenario: SwitchoverScenario) -> None:
    """With `continue`, a system that changed since the plan is left alone; the line claims nothing about the slots."""
    engine = scenario.engine
    other = engine.emulator.create_subaccount(generate=True).guid
    foreign, _ = engine.emulator.certificates(other)

    def meddle(request: httpx.Request, send: Any) -> httpx.Response:
        engine.emulator.trust_in_system(scenario.name("hr"), "BTP", foreign)
        response: httpx.Response = send(request)
        return response

    engine.deploy(scenario.program("a", on_switch_failure="continue"))
    engine.transport.inject_once(READ, meddle, after=2)
    report = engine.up(scenario.program("b", on_switch_failure="continue"), skip_preview=True)
    assert engine.slots[0] == scenario.second
    assert f"{NAMES[1]} changed since this was planned." in report.messages
    assert "slots stay" not in report.messages


def test_uploaded_system_is_recorded(scenario: SwitchoverScenario) -> None:
    """A system that its administrator has brought up to date since is named by the command that records it."""
    engine, declared = scenario.engine, scenario.program("b", on_switch_failure="continue")
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    engine.up(declared)
    engine.transport.clear_faults()
    engine.emulator.trust_in_system(scenario.name(TENANTS[0]), "BTP", engine.emulator.certificates(engine.guid)[0])
    line = f"{NAMES[0]}, which was left behind, trusts {str(scenario.second)[:8]} (b) now: this deployment records it"
    engine.up(declared)
    assert line in engine.last_preview.messages
    assert f"{NAMES[1]}, which was left behind" not in engine.last_preview.messages
    assert f"{NAMES[1]} switches over" in engine.last_preview.messages
    scenario.assert_all_on(scenario.second)
    assert "was left behind" not in engine.preview(declared).messages


def test_revoked_signer_is_never_returned_to(scenario: SwitchoverScenario) -> None:
    """A system that fails after a rotation away from a revoked signer is left to people, as the preview said."""
    engine, declared = scenario.engine, scenario.program("b", revoked={"a": "leaked"})
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    report = engine.up(declared)

    assert engine.slots[0] == scenario.second
    assert "the signer stays" in engine.last_preview.inputs["rotation"]["switchover"]["failure"]
    assert engine.outputs("rotation")["unswitched"] == list(NAMES)
    assert "calls are refused there" in report.messages


def _then_fail(engine: FakeEngine, response: httpx.Response) -> httpx.Response:
    engine.transport.inject_always(REFUSAL, PATCH)
    return response


def test_interrupted_run_is_completed(scenario: SwitchoverScenario) -> None:
    """A run that is killed right after the swap leaves the systems behind: the next preview shows the switchover."""
    engine, declared = scenario.engine, scenario.program("b")
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(declared)
    assert scenario.trusted == [scenario.first] * 2

    engine.up(declared)
    planned = engine.last_preview.inputs["rotation"]["switchover"]
    assert "without a swap" in planned["step"]
    assert "this deployment records it without a swap" in engine.last_preview.messages  # a request is sent
    scenario.assert_all_on(scenario.second)
    engine.assert_stable(declared)


def test_completion_that_fails_is_an_error(scenario: SwitchoverScenario) -> None:
    """While a system is left behind, no command ends as done, and the previous generation is the way out."""
    engine, declared = scenario.engine, scenario.program("b")
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(declared)
    engine.transport.inject_always(UNREACHABLE, PATCH)
    with pytest.raises(TrustError):
        engine.up(declared)
    engine.transport.clear_faults()
    engine.deploy(scenario.program("a", on_drift="restore"))

    scenario.assert_all_on(scenario.first)


def test_lost_answer_is_read_again(scenario: SwitchoverScenario) -> None:
    """A PATCH whose answer is lost is found to be done, and not repeated."""
    engine = scenario.engine
    lost = commit_then_raise(httpx.ReadError("reset"))
    engine.transport.inject_once(PATCH, lost, after=2)
    engine.transport.sent.clear()
    engine.up(scenario.program("b"))

    scenario.assert_all_on(scenario.second)
    assert engine.transport.sent.count(PATCH) == 4


def test_changed_system_stops_the_swap(scenario: SwitchoverScenario) -> None:
    """A system that trusts another certificate than the plan says stops everything."""
    engine, declared = scenario.engine, scenario.program("b")
    other = FakeEngine(engine.emulator, engine.emulator.create_subaccount(generate=True).guid)
    foreign, _ = engine.emulator.certificates(other.guid)

    def meddle(request: httpx.Request, send: Any) -> httpx.Response:
        engine.emulator.trust_in_system(scenario.name("hr"), "BTP", foreign)
        response: httpx.Response = send(request)
        return response

    engine.preview(declared)
    engine.transport.inject_once("GET X-CSRF-Token", meddle)
    with pytest.raises(SystemChanged):
        engine.up(declared, skip_preview=True)

    assert engine.slots[0] == scenario.first


def test_changed_reading_stops_the_swap(scenario: SwitchoverScenario) -> None:
    """A system that changed since the plan of the same command stops everything, with both certificates named."""
    engine = scenario.engine
    engine.deploy(program("b", "a"))
    other = engine.emulator.create_subaccount(generate=True).guid
    foreign, _ = engine.emulator.certificates(other)

    def meddle(request: httpx.Request, send: Any) -> httpx.Response:
        engine.emulator.trust_in_system(scenario.name("hr"), "BTP", foreign)
        response: httpx.Response = send(request)
        return response

    engine.deploy(scenario.program("a"))
    engine.transport.inject_once(READ, meddle, after=2)  # of the preparation; two are of the plan
    with pytest.raises(SystemChanged, match="The slots stay as they are, for hr"):
        engine.up(scenario.program("b"), skip_preview=True)

    assert engine.slots[0] == scenario.first


def test_rollback_is_final(scenario: SwitchoverScenario) -> None:
    """A system that fails in a rollback is left behind and named: the signer before it may be rejected everywhere."""
    engine = scenario.engine
    engine.deploy(scenario.program("b"))
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    report = engine.up(scenario.program("a"))

    assert engine.slots[0] == scenario.first
    assert engine.outputs("rotation")["unswitched"] == list(NAMES)
    assert "calls are refused there" in report.messages
    engine.transport.clear_faults()
    engine.deploy(scenario.program("a"))
    scenario.assert_all_on(scenario.first)


def test_third_certificate_refuses_the_plan(scenario: SwitchoverScenario) -> None:
    """A system that trusts neither certificate may be another subaccount's: the preview is refused."""
    scenario.emulator.trust_in_system(scenario.name("hr"), "BTP", None)
    message = scenario.engine.assert_refused(scenario.program("b"), "trusts no certificate.")

    assert f"then rotate to {str(scenario.second)[:8]}" in message
    other = scenario.emulator.create_subaccount(generate=True).guid
    scenario.emulator.trust_in_system(scenario.name("hr"), "BTP", scenario.emulator.certificates(other)[0])
    message = scenario.engine.assert_refused(scenario.program("b"), "from outside of the slots")
    assert NAMES[1] in message
    resting = scenario.engine.preview(scenario.program("a"))
    assert resting.has_no_changes
    assert "then rotate to" not in resting.messages


def test_unread_system_stops_the_swap(scenario: SwitchoverScenario) -> None:
    """A system that cannot be read stops a swap; with `continue` it is left to people, and said so."""
    engine = scenario.engine
    engine.transport.inject_always(answer_with(503), READ)
    engine.assert_refused(scenario.program("b"), NAMES[0], "can be read")
    assert "Reading erp/BTP (oauth2) failed" in engine.preview(scenario.program("a")).messages

    declared = scenario.program("b", on_switch_failure="continue")
    engine.deploy(scenario.program("a", on_switch_failure="continue"))
    engine.up(declared)
    assert engine.slots[0] == scenario.second
    assert engine.outputs("rotation")["unswitched"] == list(NAMES)


def test_verification_rolls_systems_back(scenario: SwitchoverScenario) -> None:
    """A target's rejection sets the systems back together with the slots."""
    engine, emulator = scenario.engine, scenario.emulator
    emulator.create_user(engine.guid, "jane@example.com", "pw")
    engine.config["btp-trust:user"] = json.dumps({"name": "jane@example.com", "password": "pw"})
    name = f"sf-{engine.guid}"
    emulator.create_target(name)
    emulator.create_destination(engine.guid, emulator.target(name).properties("sf"))
    emulator.upload_certificate(name, emulator.certificates(engine.guid)[0] or "")
    engine.deploy(scenario.program("a", verify_destinations=["sf"]))
    engine.up(scenario.program("b", verify_destinations=["sf"]))

    scenario.assert_all_on(scenario.first)
    assert "was rejected by the target of sf" in engine.outputs("rotation")["failure"]


def test_rollback_that_cannot_restore_says_so(scenario: SwitchoverScenario) -> None:
    """A system that takes the new certificate and then vanishes is named in the failure, with the certificate."""
    engine = scenario.engine
    engine.transport.inject_once(ROTATE, lambda request, send: _then_one_fails(engine, send(request)))
    engine.up(scenario.program("b"))
    failure = engine.outputs("rotation")["failure"]

    assert engine.slots[0] == scenario.first
    assert "these systems still trust" in failure
    assert str(scenario.first) in failure
    engine.transport.clear_faults()
    engine.deploy(scenario.program("a"))
    scenario.assert_all_on(scenario.first)


def _then_one_fails(engine: FakeEngine, response: httpx.Response) -> httpx.Response:
    """Let one PATCH after the swap pass, and refuse all later ones."""
    passed: list[int] = []

    def fault(request: httpx.Request, send: Any) -> httpx.Response:
        if not passed:
            passed.append(1)
            response: httpx.Response = send(request)
            return response
        return REFUSAL(request, send)

    engine.transport.inject_always(fault, PATCH)
    return response


def test_failed_rollback_is_an_error(scenario: SwitchoverScenario) -> None:
    """If the slots cannot be swapped again, the command says what is refused, and the next one completes."""
    engine, declared = scenario.engine, scenario.program("b")
    engine.transport.inject_once(ROTATE, lambda request, send: _then_all_fail(engine, send(request)))
    with pytest.raises(RollbackFailed, match="failed to switch over"):
        engine.up(declared)
    engine.transport.clear_faults()
    engine.emulator.advance(HOUR)
    engine.deploy(declared)

    scenario.assert_all_on(scenario.second)


def _then_all_fail(engine: FakeEngine, response: httpx.Response) -> httpx.Response:
    engine.transport.inject_always(REFUSAL, PATCH)
    engine.transport.inject_always(answer_with(403), ROTATE)
    return response


@pytest.mark.parametrize("strict", ["false", "true"])
def test_creation_never_writes(engine: FakeEngine, strict: str) -> None:
    """A new trigger warns of systems on the passive certificate; the next deployment switches them over.

    Also in strict mode: a refused creation would have no next deployment.
    """
    scenario = prepared(engine)
    engine.deploy(scenario.program("b"))
    passive = engine.emulator.certificates(engine.guid)[1]
    for tenant in TENANTS:
        engine.emulator.trust_in_system(scenario.name(tenant), "BTP", passive)
    del engine.state["rotation"]
    engine.config["btp-trust:strict"] = strict
    declared = scenario.program("b", known_generations={"a": str(scenario.first)})
    report = engine.up(declared)

    assert report.writes == []
    assert "Creating a RotationTrigger only records" in report.messages
    engine.deploy(declared)
    scenario.assert_all_on(scenario.second)


def test_second_entry_is_refused(scenario: SwitchoverScenario) -> None:
    """One block that is given twice is refused: two requests would race."""
    twice = [{"connection": "erp", "system": "BTP"}] * 2

    scenario.engine.assert_refused(scenario.program("a", switches=twice), "twice")


def test_refused_certificate_rolls_back(scenario: SwitchoverScenario) -> None:
    """A system that refuses the new certificate alone, which no rehearsal shows, rolls back both."""
    picky = S4Switches(certificate_profile=CertificateProfile.SHA_256)
    scenario.emulator.set_s4_switches(scenario.name("erp"), picky)
    scenario.engine.up(scenario.program("b"))

    scenario.assert_all_on(scenario.first)
    assert "signature algorithm" in scenario.engine.outputs("rotation")["failure"]


def test_upload_ends_what_was_left_behind(scenario: SwitchoverScenario) -> None:
    """A deployment records a person's upload, which ends the page; a system that cannot be read stays named."""
    engine, declared = scenario.engine, scenario.program("b", on_switch_failure="continue")
    engine.transport.inject_once(ROTATE, lambda request, send: _then_fail(engine, send(request)))
    engine.up(declared)
    successor = engine.emulator.certificates(engine.guid)[0]
    for tenant in TENANTS:
        scenario.emulator.trust_in_system(scenario.name(tenant), "BTP", successor)

    engine.transport.inject_always(_unless_from(scenario.name("erp")), READ)
    engine.deploy(declared)
    assert engine.outputs("rotation")["unswitched"] == [NAMES[1]]
    engine.transport.clear_faults()
    engine.deploy(declared)
    assert "unswitched" not in engine.outputs("rotation")


def _unless_from(tenant: str) -> TransportFault:
    return lambda request, send: send(request) if tenant in request.url.path else answer_with(503)(request, send)


def test_rollback_needs_no_user(scenario: SwitchoverScenario) -> None:
    """Without destinations to verify, nothing is asked for as the user while the systems are set back."""
    engine = scenario.engine
    engine.config["btp-trust:user"] = json.dumps({"name": "jane@example.com", "password": "pw"})
    picky = S4Switches(certificate_profile=CertificateProfile.SHA_256)
    scenario.emulator.set_s4_switches(scenario.name("erp"), picky)
    engine.up(scenario.program("b"))

    after_rollback = "".join(engine.transport.sent).rpartition(ROTATE)[2]
    assert "token" not in after_rollback
