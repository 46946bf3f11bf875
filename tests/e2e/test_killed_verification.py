"""`kill -9` around the check of a rotation, for real: the next `up` proves what it finds, or goes back."""

from __future__ import annotations

from support.processes import up_with_held_response
from support.pulumi_project import CommandOutput, PulumiProject
from support.verification import verifying_program

SWAP = "POST rotateCertificate"
FIRST_TRY = ("GET destinations/s4", 2)
"""The destination is looked for before the swap, without a token; then it is tried."""
WANTED = verifying_program("2028-11")


def kill_at(project: PulumiProject, request: str, number: int) -> None:
    """Run `up`, kill Pulumi while the n-th such request is answered, and let the plugin come to its end."""
    project.write(WANTED)
    with up_with_held_response(project, request, number) as (up, proxy):
        up.kill()
        proxy.released.set()
        up.end_plugin()
    project.pulumi("cancel", "--yes")
    assert project.state()["rotation"]["inputs"]["generation"] == "2026-11"


def resume(project: PulumiProject, status: int = 0) -> CommandOutput:
    """Run `up` once more; the journal has what it sends and no more."""
    project.emulator.clear_journal()
    return project.up(status=status)


def tries(project: PulumiProject) -> int:
    """How often the target was asked since the journal was cleared."""
    return project.requests().count("GET s4")


def assert_refused_for_good(project: PulumiProject, slots: tuple[str | None, str | None]) -> None:
    """The failure is kept, and an unrelated deployment neither swaps nor asks the target."""
    kept = project.state()["rotation"]["outputs"]
    assert (kept["failed_generation"], kept["fingerprint"]) == ("2028-11", slots[0])
    assert kept["verified"]["s4"]["verdict"] == "rejected"
    assert project.slots() == slots

    project.write(WANTED + 'pulumi.export("something", "unrelated")\n')
    said = resume(project, status=1)
    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in said.message[0]
    assert (project.writes(), tries(project), project.slots()) == ([], 0, slots)

    project.deploy(verifying_program("2026-11"))
    assert project.has_no_changes_after_refresh()


def test_a_swap_whose_check_was_killed_is_proved_by_the_next_up(verifying_project: PulumiProject) -> None:
    """The new certificate signs, the state does not know it, and the target is asked before all is well."""
    before = verifying_project.slots()
    kill_at(verifying_project, *FIRST_TRY)
    assert verifying_project.writes() == [SWAP]
    assert verifying_project.slots() == before[::-1]

    assert "RotationTrigger: s4: " in resume(verifying_project)

    assert verifying_project.writes() == []
    assert tries(verifying_project) > 0
    kept = verifying_project.state()["rotation"]["outputs"]
    assert (kept["fingerprint"], kept["previous_fingerprint"]) == before[::-1]
    assert kept["verified"]["s4"]["fingerprint"] == before[1]
    assert verifying_project.slots() == before[::-1]
    assert verifying_project.has_no_changes()


def test_a_swap_whose_check_was_killed_is_undone_by_the_next_up_if_the_target_refuses(
    verifying_project: PulumiProject,
) -> None:
    """Its plugin goes on asking and sends no swap back; the next deployment does, fails, and remembers."""
    before = verifying_project.slots()
    verifying_project.emulator.misreport("s4", before[1] or "")
    kill_at(verifying_project, *FIRST_TRY)
    assert verifying_project.writes() == [SWAP]
    assert verifying_project.slots() == before[::-1]

    said = resume(verifying_project, status=1)

    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in said
    assert verifying_project.writes() == [SWAP]
    assert_refused_for_good(verifying_project, before)


def test_a_swap_back_that_nobody_noted_down_is_come_to_once_more(verifying_project: PulumiProject) -> None:
    """The slots are as before, and nothing remembers the failure: there, back, and never again."""
    before = verifying_project.slots()
    verifying_project.emulator.misreport("s4", before[1] or "")
    kill_at(verifying_project, SWAP, 2)
    assert verifying_project.writes() == [SWAP, SWAP]
    assert verifying_project.slots() == before

    said = resume(verifying_project, status=1)

    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in said
    assert verifying_project.writes() == [SWAP, SWAP]
    assert_refused_for_good(verifying_project, before)
