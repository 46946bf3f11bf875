"""Refusals as they are printed: what is wrong, why it matters, what to do, and the remedy last."""

from __future__ import annotations

import json

from support.pulumi_project import PulumiProject, rotation_program


def test_mistake_fails_in_the_preview(project: PulumiProject) -> None:
    """The remedy is the last line of each error, and the slots are unchanged."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.emulator.clear_journal()

    project.write(rotation_program("2030-11", "2030-11"))
    both = project.preview(status=1)
    assert "Generation '2030-11' cannot be made to sign in the command that also prepares '2030-11'." in both.message[0]
    assert both.message[-1].startswith('Keep generation="2026-11" on the RotationTrigger, deploy, then change it')

    project.write(rotation_program("2028-11", "2027-01"))
    unknown = project.preview(status=1)
    assert "Generation '2027-01' is not known." in unknown.message[0]
    assert {f"2026-11: {project.slots()[0]}", f"2028-11: {project.slots()[1]}"} <= set(unknown.message)
    assert 'known_generations={"2027-01": "<fingerprint>"}' in unknown.message[-1]

    project.write(rotation_program("2028-11", "2026-11") + 'trust.RotationTrigger("second", generation="2026-11")\n')
    second = project.preview(status=1)
    assert "A second RotationTrigger on connection 'default'." in second
    assert "Remove one, or give it the connection= of another subaccount." in second
    assert project.writes() == []


def test_plain_service_key_is_refused(project: PulumiProject) -> None:
    """Every reader of the stack's settings would control the subaccount: a decoy shows that the key is noticed."""
    project.pulumi("config", "set", "btp-trust:serviceKey", stdin=json.dumps({"clientid": "decoy"}))

    refused = project.preview(status=1)

    assert "The config btp-trust:serviceKey is in plain text." in refused
    assert "pulumi config set --secret btp-trust:serviceKey" in refused


def test_new_trigger_never_swaps(project: PulumiProject) -> None:
    """A new trigger records the active certificate."""
    project.write(rotation_program("2028-11", "2028-11"))

    refused = project.preview(status=1)

    assert "second deployment" in refused.message[-1]
    assert project.writes() == []
