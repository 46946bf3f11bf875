"""Renames, targets and forced replacements move resources in the state, and leave the certificates in place."""

from __future__ import annotations

from support.pulumi_project import ACTIVE, PASSIVE, TRIGGER, PulumiProject, rotation_program


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::project::pulumi-python:dynamic/btp-trust:{kind}::{name}"


def test_rename_keeps_certificate(project: PulumiProject) -> None:
    """A renamed PassiveTrustCertificate, which Pulumi creates and deletes, keeps its certificate."""
    text = rotation_program("2028-11", "2026-11")
    project.deploy(text)
    before = project.slots()
    project.emulator.clear_journal()

    output = project.deploy(text.replace('"next"', '"successor"'))

    assert "+ 1 created" in output
    assert "- 1 deleted" in output
    assert before == project.slots()
    assert project.writes() == []
    assert project.has_no_changes()


def test_targeted_resource_acts_alone(project: PulumiProject) -> None:
    """With `--target` the trigger swaps alone; the active certificate follows in the next command."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    old, new = project.slots()
    project.write(rotation_program("2028-11", "2028-11"))
    project.emulator.clear_journal()

    project.up("--target", _urn(PASSIVE, "next"))
    project.up("--target", _urn(ACTIVE, "signing"))
    assert project.writes() == []
    assert project.state()["signing"]["outputs"]["fingerprint"] == old
    project.up("--target", _urn(TRIGGER, "rotation"))
    assert project.writes() == ["POST rotateCertificate"]
    project.up()

    assert (new, old) == project.slots()
    assert project.state()["signing"]["outputs"]["fingerprint"] == new
    assert project.writes() == ["POST rotateCertificate"]
    assert project.has_no_changes_after_refresh()


def test_forced_replacement_keeps_slots(project: PulumiProject) -> None:
    """A forced replacement adopts or records what exists, or is refused where it would bind a name again."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    before = project.slots()
    project.emulator.clear_journal()

    for kind, name in ((PASSIVE, "next"), (TRIGGER, "rotation"), (ACTIVE, "signing")):
        project.up("--target-replace", _urn(kind, name))
    assert before == project.slots()
    assert project.has_no_changes_after_refresh()

    project.deploy(rotation_program("2028-11", "2028-11"))
    refused = project.up("--target-replace", _urn(PASSIVE, "next"), status=1)
    assert "neither generated nor displaced" in refused.message[0]
    assert project.writes() == ["POST rotateCertificate"]
    assert project.has_no_changes_after_refresh()


def test_moved_resource_refuses_second_name(project: PulumiProject) -> None:
    """A new generation of a moved resource is refused with the lines to paste, with and without a preview."""
    first, again = (f', opts=pulumi.ResourceOptions(replacement_trigger="{word}")' for word in ("first", "again"))
    new = rotation_program("2030-11", "2026-11", passive=first)
    project.deploy(rotation_program("2028-11", "2026-11", passive=first))
    slots = project.slots()
    project.emulator.clear_journal()

    for changed, options in (
        (new.replace('"next"', '"successor"'), ()),
        (rotation_program("2030-11", "2026-11", passive=again), ()),
        (new, ("--replace", _urn(PASSIVE, "next"))),
    ):
        project.write(changed)
        refused = project.preview(*options, status=1)
        assert "keeps its one name" in refused
        assert str(slots[1]) in str(refused.message)
        assert project.slots() == slots

    project.write(new)
    late = project.up("--target-replace", _urn(PASSIVE, "next"), status=1)
    assert "keeps its one name" in late
    assert project.writes() == []
    project.deploy(rotation_program("2028-11", "2026-11", passive=f', adopt="{slots[1]}"{first}'))
    assert project.writes() == []
    assert project.slots() == slots
    assert project.has_no_changes_after_refresh()
