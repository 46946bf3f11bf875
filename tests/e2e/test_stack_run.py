"""One stack by the fleet's way on the real `pulumi`: the verb and the approval bound what happens; locks; kills."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from btp_trust_fleet.stack_run.locks import sees_all_processes
from btp_trust_fleet.stack_run.task import Change, StackState, Verb
from support.intercepting_proxy import Boundary, BoundarySide, intercept
from support.processes import TIMEOUT_SECONDS, up_with_held_response, wait_until
from support.pulumi_project import PulumiProject, rotation_program
from support.stack_runs import driver_process, locks, run, stack_task, use_environment
from support.three_subaccounts import create_three_subaccounts, rotating
from support.verification import verifying_program

PREPARED, ROTATED = rotation_program("2028-11", "2026-11"), rotation_program("2028-11", "2028-11")
SWAP = "POST rotateCertificate"


@pytest.fixture
def prepared(project: PulumiProject, monkeypatch: pytest.MonkeyPatch) -> PulumiProject:
    """A stack that has prepared 2028-11; the environment of this process is that of its commands."""
    project.deploy(PREPARED)
    use_environment(monkeypatch, project.environment)
    project.emulator.clear_journal()
    return project


def test_verb_and_approval_bound_run(project: PulumiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preparing passes by PREPARE alone, a swap by ROTATE and the digest that was planned; each refusal writes nothing.

    The saved plan lets the generated certificate pass, whose fingerprint the preview lacks, and an export of the time.
    """
    use_environment(monkeypatch, project.environment)
    project.write(PREPARED + 'import time\npulumi.export("now", time.time())\n')
    prepared = run(project, Verb.PREPARE)
    assert (prepared.state, prepared.change) == (StackState.CHANGED, Change.PREPARE)
    active, passive = project.slots()
    assert (prepared.signer_after, project.writes()) == (active, ["POST passive"])
    assert run(project, Verb.PREPARE).state is StackState.UNCHANGED

    project.write(ROTATED)
    project.emulator.clear_journal()
    planned = run(project, Verb.PLAN)
    assert (planned.state, planned.change, planned.signer_after) == (StackState.PLANNED, Change.ROTATE, active)
    for verb, digest in ((Verb.PREPARE, None), (Verb.ROLL_BACK, None), (Verb.ROTATE, prepared.plan_digest)):
        refused = run(project, verb, plan_digest=digest)
        assert (refused.state, refused.plan_digest) == (StackState.REFUSED, planned.plan_digest)
    assert project.writes() == []

    rotated = run(project, Verb.ROTATE, plan_digest=planned.plan_digest)
    assert (rotated.state, rotated.signer_before, rotated.signer_after) == (StackState.CHANGED, active, passive)
    assert project.writes() == [SWAP]


def test_registration_is_prepared_along(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is generated, registered in another subaccount and recorded in one update of one saved plan.

    The second generation replaces the first one's predecessor, which a statement of a target names.
    """
    three = create_three_subaccounts(emulator, tmp_path)
    use_environment(monkeypatch, three.project.environment)
    stated = f'trusted_by={{"erp": ["{three.signer("prod")}"], '
    for prepared, signs in (("2028-11", "2026-11"), ("2030-11", "2028-11")):
        if signs == "2028-11":
            three.project.deploy(rotating("2028-11", signs))
        three.project.write(rotating(prepared, signs).replace("trusted_by={", stated))
        outcome = run(three.project, Verb.PREPARE)
        assert (outcome.state, outcome.change) == (StackState.CHANGED, Change.PREPARE), outcome.lines
        assert outcome.signer_after == three.signer("prod")
        assert run(three.project, Verb.PREPARE).state is StackState.UNCHANGED


def test_system_follows_in_same_update(prepared: PulumiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A communication system that is declared to trust the signer is written right after the swap, by the same plan.

    The preview lacks which certificate that is; an update that stopped there would leave the system refusing calls.
    """
    emulator, (active, passive) = prepared.emulator, prepared.slots()
    emulator.create_s4("erp")
    emulator.create_communication_system("erp", "BTP", emulator.certificates(prepared.guid)[0])
    monkeypatch.setenv("BTP_TRUST_COMMUNICATION_USER_S4", json.dumps(emulator.communication_user("erp")))
    system = 'trust.CommunicationSystemTrust("erp", connection="s4", system="BTP", certificate=signing)\n'
    for program, verb, trusted in ((PREPARED, Verb.PREPARE, active), (ROTATED, Verb.ROTATE, passive)):
        prepared.write(program + system)
        outcome = run(prepared, verb)
        assert outcome.state is StackState.CHANGED, outcome.lines
        blocks = emulator.communication_system("erp", "BTP").blocks
        assert [block.trusted for kind, block in blocks.items() if kind.value == "oauth2"] == [trusted]


def test_living_lock_is_left_alone(prepared: PulumiProject) -> None:
    """The outcome names the holder of the lock; the update that holds it goes on, and ends."""
    prepared.write(ROTATED)
    with up_with_held_response(prepared, SWAP) as (up, proxy):
        locked = run(prepared, Verb.ROTATE)
        proxy.released.set()
        up.end()
    assert locked.state is StackState.LOCKED
    assert f"@{socket.gethostname()} (pid {up.process.pid}) since " in locked.lines[1]
    assert prepared.writes() == [SWAP]
    assert run(prepared, Verb.ROTATE).state is StackState.UNCHANGED


@pytest.mark.skipif(not sees_all_processes(), reason="a container: which processes of the host are gone is unknown")
def test_dead_lock_is_taken_away(prepared: PulumiProject) -> None:
    """An update was killed after its swap: the run takes the lock of the dead process away, and records that swap."""
    active, passive = prepared.slots()
    prepared.write(ROTATED)
    approved = run(prepared, Verb.PLAN).plan_digest
    with up_with_held_response(prepared, SWAP) as (up, proxy):
        up.kill()
        proxy.released.set()
        up.end_plugin()
    assert len(locks(prepared)) == 1
    assert run(prepared, Verb.PREPARE).state is StackState.REFUSED

    completed = run(prepared, Verb.ROTATE, plan_digest=approved)
    assert (completed.state, completed.change) == (StackState.CHANGED, Change.ROTATE)
    assert (completed.signer_before, completed.signer_after) == (active, passive)
    assert (prepared.writes(), locks(prepared)) == ([SWAP], [])


def test_killed_driver_frees_stack(prepared: PulumiProject) -> None:
    """`kill -9` of the driver during the swap: Pulumi ends it, saves the state, gives the lock back; no second swap."""
    _, passive = prepared.slots()
    prepared.write(ROTATED)
    key = prepared.emulator.service_key(prepared.guid)
    with intercept(key["uri"], Boundary(1, BoundarySide.ANSWERED, SWAP)) as proxy:
        prepared.set_service_key({**key, "uri": proxy.url})
        with driver_process(prepared, stack_task(prepared.program)) as driver:
            assert proxy.reached.wait(TIMEOUT_SECONDS)
            driver.kill()
            driver.wait()
            assert len(locks(prepared)) == 1
            proxy.released.set()
            wait_until(lambda: locks(prepared) == [])
    prepared.set_service_key(key)
    assert prepared.state()["rotation"]["outputs"]["fingerprint"] == passive

    assert run(prepared, Verb.ROTATE).state in {StackState.CHANGED, StackState.UNCHANGED}
    assert (prepared.slots()[0], prepared.writes()) == (passive, [SWAP])


def test_rejection_is_its_own_end(verifying_project: PulumiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target rejects the new signer: the update rolls back and ends as REJECTED, as does the next preview."""
    use_environment(monkeypatch, verifying_project.environment)
    before = verifying_project.slots()
    verifying_project.emulator.misreport("s4", before[1] or "")
    verifying_project.write(verifying_program("2028-11"))
    verifying_project.emulator.clear_journal()
    for _ in range(2):
        outcome = run(verifying_project, Verb.ROTATE)
        assert (outcome.state, outcome.signer_after) == (StackState.REJECTED, before[0])
        assert "was rejected by the target of s4, and was rolled back." in outcome.lines[0]
    assert (verifying_project.slots(), verifying_project.writes()) == (before, [SWAP, SWAP])
