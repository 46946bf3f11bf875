"""Ctrl-C, SIGTERM and `kill -9` of Pulumi alone: what is under way ends well, or is not begun."""

from __future__ import annotations

import signal

from support.processes import up_with_held_response, wait_until
from support.pulumi_project import PulumiProject, rotation_program

CANCELLING, TERMINATING = "received; cancelling", "received; terminating"


def test_pulumi_waits_for_what_is_under_way_when_it_is_interrupted_once(project: PulumiProject) -> None:
    """The swap that Ctrl-C meets, and the deletion that SIGTERM meets, are finished and noted down."""
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


def test_interrupted_twice_pulumi_notes_nothing_down_and_the_next_up_finds_it(project: PulumiProject) -> None:
    """The certificate that was generated meanwhile is taken up; no lock is left."""
    project.up()
    project.emulator.advance(3600)
    project.write(rotation_program("2028-11", "2026-11"))
    with up_with_held_response(project, "POST certificate/passive") as (up, proxy):
        up.send(signal.SIGINT, CANCELLING)
        up.send(signal.SIGINT, TERMINATING)
        proxy.released.set()
        up.end(status=8)
    minted = project.slots()[1]
    assert minted is not None
    assert "next" not in project.state()

    project.up()

    assert project.writes() == ["POST passive"]
    assert project.state()["next"]["outputs"]["fingerprint"] == minted
    assert project.has_no_changes_after_refresh()


def test_a_plugin_whose_pulumi_was_killed_sends_no_write(project: PulumiProject) -> None:
    """It lives on, and its last reading is answered after that; nobody could note down a swap."""
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
