"""`preview --save-plan` and `up --plan`: the update does what was reviewed, down to the fingerprints."""

from __future__ import annotations

from support.pulumi_project import PulumiProject, assert_no_secret, rotation_program

A_LONG_WEEKEND = 4 * 86400
"""Seconds between the review of a plan and its approval."""


def test_saved_plan_pins_certificates(project: PulumiProject) -> None:
    """The engine refuses a saved plan while a slot holds another certificate than the reviewed one, and only then."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    reviewed = project.slots()
    project.write(rotation_program("2028-11", "2028-11"))
    project.preview("--save-plan", "plan.json")
    plan = (project.program / "plan.json").read_text()
    assert all(str(fingerprint) in plan for fingerprint in reviewed)
    assert_no_secret(plan, project.known_secrets)
    project.emulator.clear_journal()

    project.emulator.rotate(project.guid)
    assert "violates plan" in project.up("--plan", "plan.json", status=1)
    assert project.writes() == []

    project.emulator.rotate(project.guid)
    project.emulator.advance(A_LONG_WEEKEND)
    project.up("--plan", "plan.json")
    assert project.slots() == (reviewed[1], reviewed[0])
    assert project.writes() == ["POST rotateCertificate"]
