"""The target gate on the real command line: it refuses, it opens, and it notices a certificate compared with itself."""

from __future__ import annotations

from support.pulumi_project import TRIGGER, PulumiProject, rotation_program
from support.reporting_target import trusted_by_program


def test_rotation_waits_for_the_targets(project: PulumiProject) -> None:
    """The program gives one target the certificate, a team attests for another, a third announces its gap."""
    given, file = "[signing_pem, upcoming.certificate]", project.program / "trust/c4c.yaml"
    all_of_them = (
        '"s4": s4.trusts, "c4c": trust.Attested.from_file("trust/c4c.yaml"), '
        '"sf": trust.SwitchesAtRotation("HR IT", ticket="HR-1")'
    )
    project.deploy(rotation_program("2028-11", "2026-11"))
    old, new = project.slots()
    signing = project.state()["signing"]["outputs"]
    signing_pem, day = signing["certificate"], signing["not_before"][:10]
    file.parent.mkdir()
    file.write_text(f'fingerprint: "{old}"\nby: Ada\non: {day}\n')

    def program(signs: str, trusts: str) -> str:
        return f"signing_pem = {signing_pem!r}\n" + trusted_by_program(signs, all_of_them, trusts)

    project.deploy(program("2026-11", "[signing_pem]"))
    project.write(program("2028-11", "[signing_pem]"))
    refused = project.preview(status=1)
    assert f"resource 'rotation' has a problem: {project.label}: Generation" in refused.message[0]
    assert "BEGIN CERTIFICATE" not in refused.text
    assert refused.message[0].endswith(
        f"Generation '2028-11' ({new}) is not trusted by s4, and not known to be trusted by c4c."
    )
    assert [line for line in refused.message if line.startswith(f"s4: no, it trusts {str(old)[:8]} (2026-11, expires")]
    assert [line for line in refused.message if line.startswith(f"c4c: not known, {str(old)[:8]} (2026-11, expires")]
    assert refused.message[-1].startswith("Give them that certificate first")

    file.write_text(f'fingerprint: "{new}"\nby: Ada\non: {project.state()["next"]["outputs"]["not_before"][:10]}\n')
    project.write(program("2028-11", given))
    pending = project.preview(status=1)
    assert "s4: not known in this preview; its source will change" in pending.message
    assert pending.message[-1].startswith("Deploy the target first")

    project.emulator.clear_journal()
    project.deploy(program("2026-11", given))
    assert project.writes() == []
    project.write(program("2028-11", given))
    preview = project.preview("--diff")
    shown = preview.diff_lines(TRIGGER)
    assert any(line.endswith('becomes passive; sf gap, c4c yes (attested), s4 yes (observed)"') for line in shown)
    assert '+ s4 : "yes, observed"' in shown
    assert '+ sf : "gap expected until HR IT uploads (HR-1)"' in shown
    assert "c4c: yes, attested by Ada on" in project.up().diagnostics
    assert project.slots() == (new, old)
    assert project.has_no_changes_after_refresh()

    back = project.deploy(program("2026-11", "[upcoming.certificate]"))
    assert f"warning: {project.label}: {str(old)[:8]}, which is about to sign again, is not trusted by s4." in back
    assert f"Whether c4c still trusts {str(old)[:8]}" in back
    assert f"c4c: attested then by Ada on {day}, " in back
    assert project.slots() == (old, new)


def test_candidate_output_stops_the_program(project: PulumiProject) -> None:
    """A value that is derived only from the candidate is refused, also in a list and through apply."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.emulator.clear_journal()
    for proof in (
        "upcoming.fingerprint",
        '["ab" * 32, upcoming.metadata.apply(lambda text: text)]',
        'trust.Attested(upcoming.fingerprint, "Ada", "2028-11-20")',
    ):
        project.write(trusted_by_program("2028-11", f'"s4": {proof}'))
        stopped = project.preview(status=1)
        assert "error: trusted_by['s4'] is derived only from the candidate." in stopped
        assert "Pass an output of the resource that gives the target its certificates" in stopped
        assert "Traceback" not in stopped
    assert project.writes() == []
    project.deploy(trusted_by_program("2026-11", '"s4": s4.trusts', "[upcoming.certificate]"))
    project.deploy(trusted_by_program("2028-11", '"s4": s4.trusts', "[upcoming.certificate]"))
    assert project.writes() == ["POST rotateCertificate"]
