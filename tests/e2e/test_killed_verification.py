"""`kill -9` around the verification of a rotation, for real: the next `up` verifies the signer, or rolls back."""

from __future__ import annotations

from support.processes import up_with_held_response
from support.pulumi_project import CommandOutput, PulumiProject
from support.verification import verifying_program

SWAP = "POST rotateCertificate"
FIRST_PROBE = ("GET destinations/s4", 2)
"""The first request inspects the destination before the swap; the second one is a probe."""
ROTATED = verifying_program("2028-11")


def kill_at(project: PulumiProject, request: str, number: int) -> None:
    """Run `up`, kill Pulumi while the n-th such request is answered, and let the plugin end."""
    project.write(ROTATED)
    with up_with_held_response(project, request, number) as (up, proxy):
        up.kill()
        proxy.released.set()
        up.end_plugin()
    project.pulumi("cancel", "--yes")
    assert project.state()["rotation"]["inputs"]["generation"] == "2026-11"


def resume(project: PulumiProject, status: int = 0) -> CommandOutput:
    """Run `up` once more, with an empty journal."""
    project.emulator.clear_journal()
    return project.up(status=status)


def target_requests(project: PulumiProject) -> int:
    """Count the requests to the target since the journal was cleared."""
    return project.requests().count("GET s4")


def assert_rejection_recorded(project: PulumiProject, slots: tuple[str | None, str | None]) -> None:
    """Assert that the rejection is recorded, and that an unrelated deployment leaves slots and target alone."""
    outputs = project.state()["rotation"]["outputs"]
    assert (outputs["failed_generation"], outputs["fingerprint"]) == ("2028-11", slots[0])
    assert outputs["verified"]["s4"]["verdict"] == "rejected"
    assert project.slots() == slots

    project.write(ROTATED + 'pulumi.export("something", "unrelated")\n')
    output = resume(project, status=1)
    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in output.message[0]
    assert (project.writes(), target_requests(project), project.slots()) == ([], 0, slots)

    project.deploy(verifying_program("2026-11"))
    assert project.has_no_changes_after_refresh()


def test_killed_verification_is_repeated(verifying_project: PulumiProject) -> None:
    """The new certificate signs, unknown to the state; the next `up` probes the target before it succeeds."""
    before = verifying_project.slots()
    kill_at(verifying_project, *FIRST_PROBE)
    assert verifying_project.writes() == [SWAP]
    assert verifying_project.slots() == before[::-1]

    assert f"{verifying_project.label}: s4: " in resume(verifying_project)

    assert verifying_project.writes() == []
    assert target_requests(verifying_project) > 0
    outputs = verifying_project.state()["rotation"]["outputs"]
    assert (outputs["fingerprint"], outputs["previous_fingerprint"]) == before[::-1]
    assert outputs["verified"]["s4"]["fingerprint"] == before[1]
    assert verifying_project.slots() == before[::-1]
    assert verifying_project.has_no_changes()


def test_killed_verification_may_roll_back(verifying_project: PulumiProject) -> None:
    """The plugin that is left leaves the rollback to the next deployment, which fails and records the rejection."""
    before = verifying_project.slots()
    verifying_project.emulator.misreport("s4", before[1] or "")
    kill_at(verifying_project, *FIRST_PROBE)
    assert verifying_project.writes() == [SWAP]
    assert verifying_project.slots() == before[::-1]

    output = resume(verifying_project, status=1)

    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in output
    assert verifying_project.writes() == [SWAP]
    assert_rejection_recorded(verifying_project, before)


def test_killed_rollback_is_repeated(verifying_project: PulumiProject) -> None:
    """The slots are as before and the state knows of nothing: the next `up` swaps, rolls back, and records that."""
    before = verifying_project.slots()
    verifying_project.emulator.misreport("s4", before[1] or "")
    kill_at(verifying_project, SWAP, 2)
    assert verifying_project.writes() == [SWAP, SWAP]
    assert verifying_project.slots() == before

    output = resume(verifying_project, status=1)

    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in output
    assert verifying_project.writes() == [SWAP, SWAP]
    assert_rejection_recorded(verifying_project, before)
