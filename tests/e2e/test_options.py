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


def test_ignored_changes_keep_last_deployment(project: PulumiProject) -> None:
    """`ignore_changes` keeps the values of the last deployment, and a known name can be declared."""
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


def test_retained_certificate_announces_no_deletion(project: PulumiProject) -> None:
    """A retained certificate stays in its slot, and no message announces a deletion."""
    project.deploy(optional(passive="retain_on_delete=True, protect=False, additional_secret_outputs=['fingerprint']"))
    assert project.has_no_changes_after_refresh()
    slots = project.slots()
    project.write(optional(passive_generation=None))
    for output in (project.preview("--diff"), project.preview(), project.up()):
        assert "is deleted" not in output
        assert "rollback to it" not in output
    assert project.slots() == slots
    assert None not in slots
    assert project.has_no_changes_after_refresh()


def test_import_is_refused_in_program(project: PulumiProject) -> None:
    """An import is refused in the program, before a provider is called."""
    for option in ('import_="some/passive"', 'id="some/passive"'):
        project.write(optional(passive=option))
        refused = project.preview(status=1)
        assert "PassiveTrustCertificate 'next' cannot be imported" in refused
        assert "it adopts by itself" in refused
        assert "Traceback" not in refused
