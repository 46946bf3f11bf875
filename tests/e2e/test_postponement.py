"""`when="next_window"` on the real command line, with a moved clock: a scheduled pipeline, and saved plans."""

from __future__ import annotations

from datetime import timedelta

from btp_trust.formatting import format_rfc3339
from support.fake_engine import HOUR
from support.pulumi_project import PulumiProject, rotation_program

SWAP = ["POST rotateCertificate"]


def limits(project: PulumiProject) -> tuple[str, str]:
    """Write arguments that open a window of an hour in two hours less five minutes, and the moment of that."""
    now = project.emulator.now
    project.emulator.advance((60 - now.minute + 5) * 60)  # far from the edges of the window, however long a test takes
    opens = (project.emulator.now + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    window = {"cron": f"0 {opens.hour} {opens.day} * *", "duration": "1h"}
    return f', when="next_window", window={window}', format_rfc3339(opens)


def test_scheduled_pipeline_rotates_in_window(project: PulumiProject) -> None:
    """The same `up`: before the window nothing changes and each command names the step; within it, the swap is done."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    arguments, opens = limits(project)
    reviewed = project.slots()
    project.deploy(rotation_program("2028-11", "2028-11", trigger=arguments))
    project.emulator.clear_journal()

    for shown in (project.preview("--diff"), project.preview("--expect-no-changes"), project.up()):
        assert f"waits until {opens} (OutsideWindow): rotate: passive" in shown
        assert "unchanged" in shown
    assert project.has_no_changes()
    assert (project.slots(), project.writes()) == (reviewed, [])
    outputs = project.state()["rotation"]["outputs"]
    assert (outputs["generation"], outputs["signer"]["fingerprint"]) == ("2026-11", reviewed[0])
    assert "recorded_signer" not in outputs

    project.emulator.advance(2 * HOUR)
    preview = project.preview("--diff")
    assert "rotate: passive" in preview
    assert '"2026-11" => "2028-11"' in preview
    assert "waits" not in preview
    project.up()
    assert (project.slots(), project.writes()) == ((reviewed[1], reviewed[0]), SWAP)
    assert project.state()["rotation"]["outputs"]["generation"] == "2028-11"
    assert project.has_no_changes()


def test_saved_plan_swaps_as_it_shows(project: PulumiProject) -> None:
    """A plan of a waiting step swaps at no time, and one with a swap only within the window."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    reviewed, (arguments, _) = project.slots(), limits(project)
    project.write(rotation_program("2028-11", "2028-11", trigger=arguments))
    project.preview("--save-plan", "outside.json")  # it records the window, and so has an update of the trigger
    project.emulator.clear_journal()
    project.emulator.advance(2 * HOUR)
    assert "violates plan" in project.up("--plan", "outside.json", status=1)
    project.preview("--save-plan", "inside.json")
    project.emulator.advance(2 * HOUR)
    assert "violates plan" in project.up("--plan", "inside.json", status=1)
    assert (project.slots(), project.writes()) == (reviewed, [])
    project.emulator.advance(-2 * HOUR)
    project.up("--plan", "inside.json")
    assert (project.slots(), project.writes()) == ((reviewed[1], reviewed[0]), SWAP)
