"""Ctrl-C, SIGTERM and `kill -9` of Pulumi alone: a write under way ends well, others are left."""

from __future__ import annotations

import signal

from support.processes import up_with_held_response, wait_until
from support.pulumi_project import PulumiProject, rotation_program

CANCELLING, TERMINATING = "received; cancelling", "received; terminating"


def test_first_signal_finishes_write(project: PulumiProject) -> None:
    """A write that Ctrl-C or SIGTERM meets is finished and recorded."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    old, new = project.slots()
    project.write(rotation_program("2028-11", "2028-11"))
    with up_with_held_response(project, "POST rotateCertificate") as (up, proxy):
        up.send(signal.SIGINT, CANCELLING)
        proxy.released.set()
        said = up.end(status=1)
    assert "~ 1 updated" in said
    assert project.state()["rotation"]["outputs"]["fingerprint"] == new
    project.up()
    assert project.writes() == ["POST rotateCertificate"]
    assert project.has_no_changes_after_refresh()

    project.write(rotation_program(None, "2028-11"))
    with up_with_held_response(project, "DELETE certificate/passive") as (up, proxy):
        up.send(signal.SIGTERM, CANCELLING)
        proxy.released.set()
        assert "- 1 deleted" in up.end(status=1)
    project.up()
    assert project.writes() == ["DELETE passive"]
    assert project.slots() == (new, None)
    assert old not in project.slots()
    assert project.has_no_changes_after_refresh()


def test_second_signal_leaves_write_unrecorded(project: PulumiProject) -> None:
    """A certificate that was generated during a second Ctrl-C is adopted by the next `up`; no lock is left."""
    project.up()
    project.emulator.advance(3600)
    project.write(rotation_program("2028-11", "2026-11"))
    with up_with_held_response(project, "POST certificate/passive") as (up, proxy):
        up.send(signal.SIGINT, CANCELLING)
        up.send(signal.SIGINT, TERMINATING)
        proxy.released.set()
        up.end(status=8)
    generated = project.slots()[1]
    assert generated is not None
    assert "next" not in project.state()

    project.up()

    assert project.writes() == ["POST passive"]
    assert project.state()["next"]["outputs"]["fingerprint"] == generated
    assert project.has_no_changes_after_refresh()


def test_killed_engine_stops_write(project: PulumiProject) -> None:
    """A plugin whose engine was killed before its last reading leaves out the swap."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    before = project.slots()
    project.write(rotation_program("2028-11", "2028-11"))
    with up_with_held_response(project, "GET certificate", 2) as (up, proxy):
        up.kill()
        proxy.released.set()
        wait_until(lambda: project.requests().count("GET passive") == 2)
        up.end_plugin()
    assert project.writes() == []
    assert project.slots() == before

    project.pulumi("cancel", "--yes")
    project.up()
    assert project.writes() == ["POST rotateCertificate"]
    assert project.slots() == before[::-1]
    assert project.has_no_changes_after_refresh()
