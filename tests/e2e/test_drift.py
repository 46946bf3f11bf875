"""Somebody else acts in the cockpit: it is reported, and undone only where the program says so."""

from __future__ import annotations

from support.pulumi_project import TRIGGER, PulumiProject, rotation_program


def test_colleagues_swap_is_reported(
    project: PulumiProject,
) -> None:
    """An unrelated `up` leaves the swap of a colleague on call alone; `on_drift` restores it."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    declared, other = project.slots()
    project.emulator.clear_journal()
    project.emulator.rotate(project.guid)

    preview = project.preview("--diff")
    sentence = f"{str(declared)[:8]} (2026-11) should sign, but {str(other)[:8]} (2028-11) does"
    assert any(line.startswith(f'+ drift : "{sentence}') for line in preview.diff_lines(TRIGGER))
    assert preview.text.count('To accept it: generation="2028-11". To undo it: on_drift="restore".') == 1
    project.up()
    assert project.writes() == []
    assert (other, declared) == project.slots()
    assert project.state()["signing"]["outputs"]["fingerprint"] == other
    assert project.has_no_changes_after_refresh()

    project.write(rotation_program("2028-11", "2026-11", trigger=', on_drift="restore"'))
    assert f"restore: passive {str(declared)[:8]} (2026-11) becomes active" in project.preview()
    project.up()
    assert (declared, other) == project.slots()
    assert project.writes() == ["POST rotateCertificate"]
    assert project.has_no_changes_after_refresh()


def test_vanished_certificate_is_a_warning(project: PulumiProject) -> None:
    """The state keeps the resource, and only a new name generates a certificate."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.emulator.delete_passive(project.guid)
    project.emulator.advance(3600)
    project.emulator.clear_journal()

    preview = project.preview("--expect-no-changes")
    assert "The service shows the certificate of generation '2028-11'" in preview.diagnostics
    refresh = project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert "If the next command says so again, somebody else removed it" in refresh.diagnostics
    assert project.writes() == []

    project.deploy(rotation_program("2028-12", "2026-11"))
    assert project.writes() == ["POST passive"]
    assert project.has_no_changes_after_refresh()
