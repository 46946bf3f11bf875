"""Pulumi's resource options on the real command line."""

from __future__ import annotations

from support.pulumi_project import PulumiProject, rotation_program

OPTS = ", opts=pulumi.ResourceOptions({})"


def optional(
    *,
    passive: str = "",
    trigger: str = "",
    passive_generation: str | None = "2028-11",
    active_generation: str = "2026-11",
) -> str:
    """Write the program of three lines, with these options."""
    return rotation_program(
        passive_generation,
        active_generation,
        passive=OPTS.format(passive) if passive else "",
        trigger=OPTS.format(trigger) if trigger else "",
    )


def test_changes_are_ignored_that_the_program_says(project: PulumiProject) -> None:
    """Of the candidate, and of everything: what the last deployment had stays, and a known name can be declared."""
    project.deploy(optional())
    old, new = project.slots()
    project.deploy(optional(trigger='ignore_changes=["candidate"]'))
    assert project.has_no_changes_after_refresh()
    project.deploy(optional(trigger='ignore_changes=["candidate"]', active_generation="2028-11"))
    assert project.slots() == (new, old)

    everything = 'ignore_changes=["*"]'
    project.emulator.clear_journal()
    project.deploy(
        optional(passive=everything, trigger=everything, passive_generation="2030-11", active_generation="2030-11")
    )
    assert project.writes() == []
    assert project.has_no_changes_after_refresh()


def test_what_is_retained_is_not_announced_as_deleted(project: PulumiProject) -> None:
    """The certificate stays in its slot, and no line says otherwise."""
    project.deploy(optional(passive="retain_on_delete=True, protect=False, additional_secret_outputs=['fingerprint']"))
    assert project.has_no_changes_after_refresh()
    slots = project.slots()
    project.write(optional(passive_generation=None))
    for said in (project.preview("--diff"), project.preview(), project.up()):
        assert "is deleted" not in said
        assert "roll back to it" not in said
    assert project.slots() == slots
    assert None not in slots
    assert project.has_no_changes_after_refresh()


def test_an_import_is_refused_where_it_is_written(project: PulumiProject) -> None:
    """Before anything of the command reaches a provider: the resource adopts by itself."""
    for option in ('import_="some/passive"', 'id="some/passive"'):
        project.write(optional(passive=option))
        refused = project.preview(status=1)
        assert "PassiveTrustCertificate 'next' cannot be imported" in refused
        assert "it adopts by itself" in refused
        assert "Traceback" not in refused
