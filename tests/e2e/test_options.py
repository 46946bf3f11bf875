"""Pulumi's resource options on the real command line."""

from __future__ import annotations

from support.pulumi_project import Project, rotating

OPTS = ", opts=pulumi.ResourceOptions({})"


def optional(*, passive: str = "", trigger: str = "", prepared: str | None = "2028-11", signs: str = "2026-11") -> str:
    """Write the program of three lines, with these options."""
    return rotating(
        prepared,
        signs,
        passive=OPTS.format(passive) if passive else "",
        trigger=OPTS.format(trigger) if trigger else "",
    )


def test_changes_are_ignored_that_the_program_says(project: Project) -> None:
    """Of the candidate, and of everything: what the last deployment had stays, and a known name can be declared."""
    project.deploy(optional())
    old, new = project.slots()
    project.deploy(optional(trigger='ignore_changes=["candidate"]'))
    assert project.is_settled()
    project.deploy(optional(trigger='ignore_changes=["candidate"]', signs="2028-11"))
    assert project.slots() == (new, old)

    everything = 'ignore_changes=["*"]'
    project.emulator.clear_journal()
    project.deploy(optional(passive=everything, trigger=everything, prepared="2030-11", signs="2030-11"))
    assert project.writes() == []
    assert project.is_settled()


def test_what_is_retained_is_not_announced_as_deleted(project: Project) -> None:
    """The certificate stays in its slot, and no line says otherwise."""
    project.deploy(optional(passive="retain_on_delete=True, protect=False, additional_secret_outputs=['fingerprint']"))
    assert project.is_settled()
    slots = project.slots()
    project.write(optional(prepared=None))
    for said in (project.preview("--diff"), project.preview(), project.up()):
        assert "is deleted" not in said
        assert "way back" not in said
    assert project.slots() == slots
    assert None not in slots
    assert project.is_settled()


def test_an_import_is_refused_where_it_is_written(project: Project) -> None:
    """Before anything of the command reaches a provider: the resource adopts by itself."""
    for option in ('import_="some/passive"', 'id="some/passive"'):
        project.write(optional(passive=option))
        refused = project.preview(status=1)
        assert "PassiveTrustCertificate 'next' cannot be imported" in refused
        assert "it adopts by itself" in refused
        assert "Traceback" not in refused
