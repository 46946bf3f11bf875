"""Keys from a folder and from a command, with the real command line: what is shown and kept, what ends with Pulumi."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, assert_no_secret, program

NAMES = ("eu", "us", "jp", "br")


def write_keys(project: PulumiProject, folder: Path) -> None:
    """Write the key of a subaccount of its own for each name, and remember what must stay hidden."""
    folder.mkdir(mode=0o700)
    for name in NAMES:
        key = project.emulator.service_key(project.emulator.create_subaccount(generate=True).guid)
        project.known_secrets.add(key["clientsecret"])
        path = folder / f"{name}.json"
        path.write_text(json.dumps(key))
        path.chmod(0o600)


def test_folder_and_command_serve_one_program(emulator: Emulator, tmp_path: Path) -> None:
    """Three keys of the folder, one that a command prints; `main` is another folder, and no key is kept or shown."""
    guid = emulator.create_subaccount(generate=True).guid
    source = program(*(f'trust.ActiveTrustCertificate("{name}", connection="{name}")' for name in NAMES))
    project = PulumiProject(tmp_path, emulator, guid).create_stack(source)
    (project.program / "Pulumi.yaml").write_text("name: project\nruntime: python\nmain: src\n")
    (project.program / "src").mkdir()
    (project.program / "__main__.py").rename(project.program / "src/__main__.py")
    write_keys(project, project.program / "keys")
    (project.program / "keys/br.json").rename(project.program / "vault")
    project.set_config("btp-trust:connectionsFile", "keys")
    words = ["sh", "-c", 'cat vault; cat vault >&2; echo "$1 $BTP_TRUST_CONNECTION" >> runs', "get-key"]
    project.set_config("btp-trust:serviceKeyCommand", json.dumps(words))

    assert "5 to create" in project.preview()
    assert "5 created" in project.up()

    assert set((project.program / "runs").read_text().splitlines()) == {"br br"}
    assert project.has_no_changes_after_refresh()
    for path in (project.folder / "backend").rglob("*"):
        if path.is_file():
            assert_no_secret(path.read_text(), project.known_secrets)


def test_command_ends_with_pulumi(project: PulumiProject) -> None:
    """A killed `pulumi` leaves its plugin behind; the command, with what it has started, ends all the same."""
    project.remove_config("btp-trust:serviceKey")
    pipe = project.folder / "held"
    os.mkfifo(pipe)
    words = ["sh", "-c", f"(echo begun; exec sleep 50) > '{pipe}' & wait", "get-key"]
    project.set_config("btp-trust:serviceKeyCommand", json.dumps(words))
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    pulumi = subprocess.Popen(
        project.command("preview"),
        cwd=project.program,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    poll = select.poll()
    poll.register(end, select.POLLIN)
    try:
        assert poll.poll(60_000)
        assert os.read(end, 100) == b"begun\n"
    finally:
        pulumi.send_signal(signal.SIGKILL)
        pulumi.wait()
    assert poll.poll(20_000) == [(end, select.POLLHUP)]
    os.close(end)
