"""Ctrl-C, SIGTERM and `kill -9` of Pulumi alone: what is under way ends well, or is not begun."""

from __future__ import annotations

import signal

from support.processes import held_up, until
from support.pulumi_project import Project, rotating

CANCELLING, TERMINATING = "received; cancelling", "received; terminating"


def test_pulumi_waits_for_what_is_under_way_when_it_is_interrupted_once(project: Project) -> None:
    """The swap that Ctrl-C meets, and the deletion that SIGTERM meets, are finished and noted down."""
    project.deploy(rotating("2028-11", "2026-11"))
    old, new = project.slots()
    project.write(rotating("2028-11", "2028-11"))
    with held_up(project, "POST rotateCertificate") as (up, way):
        up.send(signal.SIGINT, CANCELLING)
        way.go_on.set()
        said = up.end(status=1)
    assert "~ 1 updated" in said
    assert project.state()["rotation"]["outputs"]["fingerprint"] == new
    project.up()
    assert project.writes() == ["POST rotateCertificate"]
    assert project.is_settled()

    project.write(rotating(None, "2028-11"))
    with held_up(project, "DELETE certificate/passive") as (up, way):
        up.send(signal.SIGTERM, CANCELLING)
        way.go_on.set()
        assert "- 1 deleted" in up.end(status=1)
    project.up()
    assert project.writes() == ["DELETE passive"]
    assert project.slots() == (new, None)
    assert old not in project.slots()
    assert project.is_settled()


def test_interrupted_twice_pulumi_notes_nothing_down_and_the_next_up_finds_it(project: Project) -> None:
    """The certificate that was generated meanwhile is taken up; no lock is left."""
    project.up()
    project.emulator.advance(3600)
    project.write(rotating("2028-11", "2026-11"))
    with held_up(project, "POST certificate/passive") as (up, way):
        up.send(signal.SIGINT, CANCELLING)
        up.send(signal.SIGINT, TERMINATING)
        way.go_on.set()
        up.end(status=8)
    minted = project.slots()[1]
    assert minted is not None
    assert "next" not in project.state()

    project.up()

    assert project.writes() == ["POST passive"]
    assert project.state()["next"]["outputs"]["fingerprint"] == minted
    assert project.is_settled()


def test_a_plugin_whose_pulumi_was_killed_sends_no_write(project: Project) -> None:
    """It lives on, and its last reading is answered after that; nobody could note down a swap."""
    project.deploy(rotating("2028-11", "2026-11"))
    before = project.slots()
    project.write(rotating("2028-11", "2028-11"))
    with held_up(project, "GET certificate", 2) as (up, way):
        up.kill()
        way.go_on.set()
        until(lambda: project.requests().count("GET passive") == 2)
        up.end_plugin()
    assert project.writes() == []
    assert project.slots() == before

    project.pulumi("cancel", "--yes")
    project.up()
    assert project.writes() == ["POST rotateCertificate"]
    assert project.slots() == before[::-1]
    assert project.is_settled()
