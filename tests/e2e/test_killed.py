"""`kill -9` in the worst moment: the service has done it, and nobody has noted it down."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

import pytest
from holding import holding

from project import Project, rotating


def _kill_session(leader: int) -> None:
    """Kill Pulumi with its plugin and language host, which would go on without it, in process groups of their own."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess="], capture_output=True, text=True, check=True).stdout
    for pid, session in (map(int, line.split()) for line in listed.splitlines()):
        if session == leader:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _killed_at(project: Project, path: str, text: str) -> None:
    """Deploy a program, and kill Pulumi after the service has carried out this POST, before it hears of it."""
    project.write(text)
    key = project.emulator.service_key(project.guid)
    with holding(key["uri"], path) as held:
        project.configure({**key, "uri": held.url})
        project.emulator.clear_journal()
        with subprocess.Popen(
            project.command("up", "--yes", "--skip-preview"),
            cwd=project.program,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as pulumi:
            assert held.carried_out.wait(60)
            _kill_session(pulumi.pid)
    project.configure(key)
    project.pulumi("cancel", "--yes")


def test_killed_during_the_swap_it_does_not_swap_again(project: Project) -> None:
    """The next `up` finds that the declared certificate signs, and sends nothing."""
    project.deploy(rotating("2028-11", "2026-11"))
    old, new = project.slots()
    _killed_at(project, "/rotateCertificate", rotating("2028-11", "2028-11"))
    assert (new, old) == project.slots()

    project.up()

    assert project.writes() == ["POST rotateCertificate"]
    assert (new, old) == project.slots()
    rotation = project.state()["rotation"]["outputs"]
    assert (rotation["fingerprint"], rotation["previous_fingerprint"]) == (new, old)
    assert project.is_settled()


@pytest.mark.parametrize(
    "generations",
    [pytest.param(["2028-11"], id="the first one"), pytest.param(["2028-11", "2030-11"], id="a later one")],
)
def test_killed_after_the_mint_it_takes_up_what_was_minted(project: Project, generations: list[str]) -> None:
    """The next `up` takes up the certificate that it finds younger than the active one, and mints no other."""
    *earlier, killed = generations
    for generation in earlier:
        project.deploy(rotating(generation, "2026-11"))
    project.emulator.advance(3600)
    _killed_at(project, "/passive", rotating(killed, "2026-11"))
    minted = project.slots()[1]

    project.up()

    assert project.writes() == ["POST passive"]
    assert project.state()["next"]["outputs"]["fingerprint"] == minted
    assert project.is_settled()
