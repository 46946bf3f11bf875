"""`kill -9` around the check of a rotation, for real: the next `up` proves what it finds, or goes back."""

from __future__ import annotations

from support.processes import held_up
from support.pulumi_project import Project, Said
from support.verification import checking

SWAP = "POST rotateCertificate"
FIRST_TRY = ("GET destinations/s4", 2)
"""The destination is looked for before the swap, without a token; then it is tried."""
WANTED = checking("2028-11")


def kill_at(project: Project, request: str, number: int) -> None:
    """Run `up`, kill Pulumi while the n-th such request is answered, and let the plugin come to its end."""
    project.write(WANTED)
    with held_up(project, request, number) as (up, way):
        up.kill()
        way.go_on.set()
        up.end_plugin()
    project.pulumi("cancel", "--yes")
    assert project.state()["rotation"]["inputs"]["generation"] == "2026-11"


def resume(project: Project, status: int = 0) -> Said:
    """Run `up` once more; the journal has what it sends and no more."""
    project.emulator.clear_journal()
    return project.up(status=status)


def tries(project: Project) -> int:
    """How often the target was asked since the journal was cleared."""
    return project.requests().count("GET s4")


def assert_refused_for_good(project: Project, slots: tuple[str | None, str | None]) -> None:
    """The failure is kept, and an unrelated deployment neither swaps nor asks the target."""
    kept = project.state()["rotation"]["outputs"]
    assert (kept["failed_generation"], kept["fingerprint"]) == ("2028-11", slots[0])
    assert kept["verified"]["s4"]["verdict"] == "refused"
    assert project.slots() == slots

    project.write(WANTED + 'pulumi.export("something", "unrelated")\n')
    said = resume(project, status=1)
    assert "Generation '2028-11' was refused by the target of s4, and was swapped back." in said.message[0]
    assert (project.writes(), tries(project), project.slots()) == ([], 0, slots)

    project.deploy(checking("2026-11"))
    assert project.is_settled()


def test_a_swap_whose_check_was_killed_is_proved_by_the_next_up(prepared: Project) -> None:
    """The new certificate signs, the state does not know it, and the target is asked before all is well."""
    before = prepared.slots()
    kill_at(prepared, *FIRST_TRY)
    assert prepared.writes() == [SWAP]
    assert prepared.slots() == before[::-1]

    assert "RotationTrigger: s4: " in resume(prepared)

    assert prepared.writes() == []
    assert tries(prepared) > 0
    kept = prepared.state()["rotation"]["outputs"]
    assert (kept["fingerprint"], kept["previous_fingerprint"]) == before[::-1]
    assert kept["verified"]["s4"]["fingerprint"] == before[1]
    assert prepared.slots() == before[::-1]
    assert prepared.is_quiet()


def test_a_swap_whose_check_was_killed_is_undone_by_the_next_up_if_the_target_refuses(prepared: Project) -> None:
    """Its plugin goes on asking and sends no swap back; the next deployment does, fails, and remembers."""
    before = prepared.slots()
    prepared.emulator.lie("s4", before[1] or "")
    kill_at(prepared, *FIRST_TRY)
    assert prepared.writes() == [SWAP]
    assert prepared.slots() == before[::-1]

    said = resume(prepared, status=1)

    assert "Generation '2028-11' was refused by the target of s4, and was swapped back." in said
    assert prepared.writes() == [SWAP]
    assert_refused_for_good(prepared, before)


def test_a_swap_back_that_nobody_noted_down_is_come_to_once_more(prepared: Project) -> None:
    """The slots are as before, and nothing remembers the failure: there, back, and never again."""
    before = prepared.slots()
    prepared.emulator.lie("s4", before[1] or "")
    kill_at(prepared, SWAP, 2)
    assert prepared.writes() == [SWAP, SWAP]
    assert prepared.slots() == before

    said = resume(prepared, status=1)

    assert "Generation '2028-11' was refused by the target of s4, and was swapped back." in said
    assert prepared.writes() == [SWAP, SWAP]
    assert_refused_for_good(prepared, before)
