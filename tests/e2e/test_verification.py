"""A rotation that a target refuses, on the real command line: back, exit status 1, remembered, not tried again."""

from __future__ import annotations

import json

from support.pulumi_project import TRIGGER, PulumiProject, assert_no_secret
from support.verification import PRIVATE_TEXTS, USER_CONFIG, verifying_program


def test_a_target_that_lies_leads_back_and_is_not_tried_again(verifying_project: PulumiProject) -> None:
    """The deployment fails in the program, so that its state is kept; the code has to change before the next try."""
    project, emulator, wanted = verifying_project, verifying_project.emulator, verifying_program("2028-11")
    before = project.slots()
    emulator.misreport("s4", before[1] or "")
    emulator.clear_journal()
    project.write(wanted)
    assert '+ [1]: "s4"' in project.preview("--diff").diff_lines(TRIGGER)
    failed = project.up(status=1)
    assert project.writes() == ["POST rotateCertificate"] * 2
    assert project.slots() == before
    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in failed
    assert 'Revert the change of `generation` (generation="2026-11")' in failed
    state = project.state()
    kept = state["rotation"]["outputs"]
    assert (kept["failed_generation"], kept["fingerprint"]) == ("2028-11", before[0])
    assert kept["verified"]["s4"]["verdict"] == "rejected"
    assert kept["verified"]["s4"]["after_rollback"].startswith("weak: ")
    assert_no_secret(json.dumps(state), PRIVATE_TEXTS)

    project.write(wanted + 'pulumi.export("something", "unrelated")\n')
    emulator.clear_journal()
    for command in (project.preview, project.up):
        refused = command(status=1)
        assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in refused.message[0]
    assert "was rejected by the target of s4" in project.up("--exclude", "**::rotation", status=1)
    assert project.requests().count("GET s4") == 0
    assert project.writes() == []

    project.deploy(verifying_program("2026-11"))
    assert project.has_no_changes()
    emulator.misreport("s4")
    project.deploy(wanted)
    assert project.slots() == before[::-1]
    assert project.state()["rotation"]["outputs"]["verified"]["s4"]["verdict"] == "verified"
    assert project.has_no_changes()


def test_a_mistyped_destination_is_refused_in_the_preview(verifying_project: PulumiProject) -> None:
    """With the name that may have been meant."""
    verifying_project.write(verifying_program("2028-11").replace('"s4"', '"s44"'))
    assert "Correct the name in verify_destinations (did you mean 's4'?), or create the destination." in (
        verifying_project.preview(status=1)
    )


def test_what_is_asked_for_without_a_user_stays_asked_for(verifying_project: PulumiProject) -> None:
    """The deployment says so and succeeds, and the next one tries again."""
    verifying_project.pulumi("config", "rm", "btp-trust:user")
    verifying_project.write(verifying_program("2026-11").replace(", list_affected=True", ', verify_now="1"'))
    assert "RotationTrigger: s4: inconclusive: No user's token was found" in verifying_project.up()
    assert "verify_now" not in verifying_project.state()["rotation"]["outputs"]
    assert "Without one the verification stays inconclusive." in verifying_project.preview()
    verifying_project.pulumi("config", "set", "--secret", "btp-trust:user", stdin=USER_CONFIG)
    assert "RotationTrigger: assertion: verified: " in verifying_project.up()
    assert verifying_project.state()["rotation"]["outputs"]["verify_now"] == "1"
    assert verifying_project.has_no_changes_after_refresh()


def test_a_user_in_plain_text_is_refused(project: PulumiProject) -> None:
    """A decoy shows that it is noticed."""
    project.pulumi("config", "set", "btp-trust:userToken", stdin="decoy")
    refused = project.preview(status=1)
    assert "The config btp-trust:userToken is in plain text." in refused
    assert "pulumi config set --secret btp-trust:userToken" in refused
