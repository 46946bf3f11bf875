"""A rotation that a target rejects, on the real command line: rolled back, exit status 1, recorded."""

from __future__ import annotations

import json

from support.pulumi_project import TRIGGER, PulumiProject, assert_no_secret
from support.verification import PRIVATE_TEXTS, USER_CONFIG, verifying_program


def test_rejected_rotation_is_rolled_back(verifying_project: PulumiProject) -> None:
    """The deployment fails in the program, so its state is kept; the next swap needs a change of the code."""
    project, emulator, rotated = verifying_project, verifying_project.emulator, verifying_program("2028-11")
    before = project.slots()
    emulator.misreport("s4", before[1] or "")
    emulator.clear_journal()
    project.write(rotated)
    assert '+ [1]: "s4"' in project.preview("--diff").diff_lines(TRIGGER)
    output = project.up(status=1)
    assert project.writes() == ["POST rotateCertificate"] * 2
    assert project.slots() == before
    assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in output
    assert 'Revert the change of `generation` (generation="2026-11")' in output
    state = project.state()
    outputs = state["rotation"]["outputs"]
    assert (outputs["failed_generation"], outputs["fingerprint"]) == ("2028-11", before[0])
    assert outputs["verified"]["s4"]["verdict"] == "rejected"
    assert outputs["verified"]["s4"]["after_rollback"].startswith("weak: ")
    assert_no_secret(json.dumps(state), PRIVATE_TEXTS)

    project.write(rotated + 'pulumi.export("something", "unrelated")\n')
    emulator.clear_journal()
    for command in (project.preview, project.up):
        output = command(status=1)
        assert "Generation '2028-11' was rejected by the target of s4, and was rolled back." in output.message[0]
    assert "was rejected by the target of s4" in project.up("--exclude", "**::rotation", status=1)
    assert project.requests().count("GET s4") == 0
    assert project.writes() == []

    project.deploy(verifying_program("2026-11"))
    assert project.has_no_changes()
    emulator.misreport("s4")
    project.deploy(rotated)
    assert project.slots() == before[::-1]
    assert project.state()["rotation"]["outputs"]["verified"]["s4"]["verdict"] == "verified"
    assert project.has_no_changes()


def test_mistyped_destination_is_refused(verifying_project: PulumiProject) -> None:
    """The preview suggests the similar name."""
    verifying_project.write(verifying_program("2028-11").replace('"s4"', '"s44"'))
    assert "Correct the name in verify_destinations (did you mean 's4'?), or create the destination." in (
        verifying_project.preview(status=1)
    )


def test_request_without_user_stays_open(verifying_project: PulumiProject) -> None:
    """The deployment reports the missing user and succeeds, and the next one verifies again."""
    verifying_project.remove_config("btp-trust:user")
    verifying_project.write(verifying_program("2026-11").replace(", list_affected=True", ', verify_now="1"'))
    assert f"{verifying_project.label}: s4: inconclusive: No user's token was found" in verifying_project.up()
    assert "verify_now" not in verifying_project.state()["rotation"]["outputs"]
    assert "Without one the verification stays inconclusive." in verifying_project.preview()
    verifying_project.set_config("btp-trust:user", USER_CONFIG, secret=True)
    assert f"{verifying_project.label}: assertion: verified: " in verifying_project.up()
    assert verifying_project.state()["rotation"]["outputs"]["verify_now"] == "1"
    assert verifying_project.has_no_changes_after_refresh()


def test_user_in_plain_text_is_refused(project: PulumiProject) -> None:
    """A user token in plain text is refused, with the command that encrypts it."""
    project.pulumi("config", "set", "btp-trust:userToken", stdin="decoy")
    output = project.preview(status=1)
    assert "The config btp-trust:userToken is in plain text." in output
    assert "pulumi config set --secret btp-trust:userToken" in output
