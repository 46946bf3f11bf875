"""The documented nightly job with the real command line: what somebody else did, and what expires, fails it."""

from __future__ import annotations

from typing import Final

from btp_trust.certificate import parse_pem
from support.pulumi_project import PulumiProject, adopting_program, rotation_program

COMMANDS: Final = (
    ("preview", "--expect-no-changes"),
    ("preview", "--refresh", "--expect-no-changes"),
    ("refresh", "--preview-only", "--expect-no-changes"),
)
DAY: Final = 24 * 60 * 60


def outcomes(project: PulumiProject) -> list[tuple[bool, str]]:
    """Run the three commands; return whether each passes, and its diagnostics."""
    outputs = [project.pulumi(*words, status=None) for words in COMMANDS]
    return [(output.status == 0, output.diagnostics) for output in outputs]


def assert_agreement(project: PulumiProject, *said: str, passes: bool) -> None:
    """Assert that all three commands end in the same way, and say this."""
    for passed, diagnostics in outcomes(project):
        assert passed == passes, diagnostics
        assert all(words in diagnostics for words in said), diagnostics
        assert said or "warning" not in diagnostics


def test_a_foreign_change_fails_the_job(project: PulumiProject) -> None:
    """Renewed in place and swapped: all three commands name both certificates, strict or not; `up` records it."""
    project.deploy(adopting_program())
    assert_agreement(project, passes=True)
    before = str(project.slots()[0])
    project.emulator.generate_active(project.guid)
    renewed = str(project.slots()[0])
    assert_agreement(project, before[:8], renewed[:8], "renewed the certificate in place", passes=False)
    # A refresh that is recorded hides nothing: a deployment has to approve the change.
    project.pulumi("refresh", "--yes", "--skip-preview")
    assert project.preview("--expect-no-changes", status=None).status != 0
    project.up()
    assert_agreement(project, passes=True)

    project.deploy(rotation_program("2028-11", "2026-11"))
    project.deploy(rotation_program("2028-11", "2028-11"))
    assert_agreement(project, passes=True)
    project.emulator.advance(3600)
    project.emulator.rotate(project.guid)
    project.set_config("btp-trust:strict", "true")
    signer, other = project.slots()
    assert_agreement(project, str(signer)[:8], str(other)[:8], passes=False)


def test_each_command_reports_the_expiry(project: PulumiProject) -> None:
    """Once in each, with the step that comes next; an error of a strict run only once it is near."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    certificate = parse_pem(project.emulator.certificates(project.guid)[0] or "")
    project.emulator.delete_passive(project.guid)
    left = (certificate.not_after - project.emulator.now).total_seconds()
    project.emulator.advance(left - 20 * DAY + 3600)
    project.deploy(rotation_program("2030-11", "2026-11"))
    expiry = "(2026-11) expires in 19 days"
    assert_agreement(project, expiry, "then rotate", passes=True)
    assert project.preview().diagnostics.count("expires in 19 days") == 1
    project.set_config("btp-trust:strict", "true")
    assert_agreement(project, expiry, passes=True)
    project.set_config("btp-trust:expiryFailure", "30")
    assert 'generation="2030-11" on the RotationTrigger' in project.preview(status=None)
    project.write(rotation_program("2030-11", "2030-11"))
    assert "This command makes" in project.up()
    project.remove_config("btp-trust:strict")
    assert_agreement(project, passes=True)
