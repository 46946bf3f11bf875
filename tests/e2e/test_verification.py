"""A rotation that a target refuses, on the real command line: back, exit status 1, remembered, not tried again."""

from __future__ import annotations

import json

from checking import PRIVATE, checking

from project import TRIGGER, Project, assert_no_secret


def test_a_target_that_lies_leads_back_and_is_not_tried_again(prepared: Project) -> None:
    """The deployment fails in the program, so that its state is kept; the code has to change before the next try."""
    project, emulator, wanted = prepared, prepared.emulator, checking("2028-11")
    before = project.slots()
    emulator.lie("s4", before[1] or "")
    emulator.clear_journal()
    project.write(wanted)
    assert '+ [0]: "s4"' in project.preview("--diff").diff_of(TRIGGER)
    failed = project.up(status=1)
    assert project.writes() == ["POST rotateCertificate"] * 2
    assert project.slots() == before
    assert "Generation '2028-11' was refused by the target of s4, and was swapped back." in failed
    assert 'Revert the change of `generation` (generation="2026-11")' in failed
    state = project.state()
    kept = state["rotation"]["outputs"]
    assert (kept["failed_generation"], kept["fingerprint"]) == ("2028-11", before[0])
    assert kept["verified"]["s4"]["verdict"] == "refused"
    assert kept["verified"]["s4"]["way_back"].startswith("weak: ")
    assert_no_secret(json.dumps(state), PRIVATE)

    project.write(wanted + 'pulumi.export("something", "unrelated")\n')
    emulator.clear_journal()
    for command in (project.preview, project.up):
        refused = command(status=1)
        assert "Generation '2028-11' was refused by the target of s4, and was swapped back." in refused.message[0]
    assert project.requests().count("GET s4") == 0
    assert project.writes() == []

    project.deploy(checking("2026-11"))
    assert project.is_quiet()
    emulator.lie("s4")
    project.deploy(wanted)
    assert project.slots() == before[::-1]
    assert project.state()["rotation"]["outputs"]["verified"]["s4"]["verdict"] == "proved"
    assert project.is_quiet()


def test_a_user_in_plain_text_is_refused(project: Project) -> None:
    """A decoy shows that it is noticed."""
    project.pulumi("config", "set", "btp-trust:userToken", stdin="decoy")
    refused = project.preview(status=1)
    assert "The config btp-trust:userToken is in plain text." in refused
    assert "pulumi config set --secret btp-trust:userToken" in refused
