"""A hand-over as a stack's output, through a whole rotation: each preview is right, and leaves the service as it is."""

from __future__ import annotations

import json
from typing import Any

from btp_trust import HandOver
from btp_trust.certificate import parse_pem
from support.pulumi_project import PulumiProject, rotation_program

HAND_OVER = """
target = trust.Target("s4", kind="abap-on-premise", system="P01", client="100", ticket="CHG-4711")
content = trust.hand_over(target, certificate=upcoming, replaces=signing)
pulumi.export("s4", content)
pulumi.export("page", content["page"])
"""


def exported(project: PulumiProject) -> dict[str, Any]:
    """Return the stack's outputs."""
    outputs: dict[str, Any] = json.loads(project.pulumi("stack", "output", "--json").text)
    return outputs


def test_hand_over_follows_rotation(project: PulumiProject) -> None:
    """A hand-over is unknown until the certificate is generated, then follows swap and rollback; no preview writes."""
    project.write(rotation_program("2028-11", "2026-11") + HAND_OVER)
    output = project.preview()
    assert "error" not in output.text
    assert "4 to create" in output
    assert project.writes() == []
    project.up()
    first = HandOver.from_dict(exported(project)["s4"])
    old, new = project.emulator.certificates(project.guid)
    assert first == HandOver.of(first.target, certificate=str(new), replaces=str(old), subaccount=project.label)
    assert project.slots() == (first.old and first.old.fingerprint, first.new.fingerprint)
    assert exported(project)["page"] == first.page
    assert project.has_no_changes()

    project.write(rotation_program("2028-11", "2028-11") + HAND_OVER)
    assert "error" not in project.preview().text
    project.up()
    second = HandOver.from_dict(exported(project)["s4"])
    assert (second.new, second.old, second.phase) == (first.new, None, "signs")
    assert parse_pem(second.files[0].content).fingerprint == project.slots()[0]
    assert project.has_no_changes()

    project.deploy(rotation_program("2028-11", "2026-11") + HAND_OVER)
    assert HandOver.from_dict(exported(project)["s4"]) == first

    project.write(rotation_program("2030-11", "2026-11") + HAND_OVER)
    assert "error" not in project.preview().text
    project.up()
    third = HandOver.from_dict(exported(project)["s4"])
    assert (third.old, third.new.fingerprint) == (first.old, project.slots()[1])
    assert not list(project.program.rglob("*.pem"))
