"""What the real command line prints and stores holds no secret, also when it is told to say all that it does."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from btp_trust_emulator import Credential, Emulator
from support.pulumi_project import TOKEN, PulumiProject, assert_no_secret, rotation_program

TALKATIVE = ("--logtostderr", "-v=9", "--debug")


def stored(project: PulumiProject) -> Iterator[str]:
    """Give what the backend holds: states, history, locks."""
    for file in sorted((project.folder / "backend").rglob("*")):
        if file.is_file():
            yield file.read_text(errors="replace")


def assert_clean(project: PulumiProject, text: str) -> None:
    """Neither the text nor the backend holds a secret."""
    files = list(stored(project))
    assert len(files) > 2
    for each in (text, *files):
        assert_no_secret(each, project.known_secrets)


def test_with_a_key_from_the_environment_the_whole_log_is_clean(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """Pulumi's own part included: it never gets hold of the key."""
    project = make_project(
        emulator, emulator.create_subaccount(generate=True).guid, tmp_path
    ).set_service_key_in_environment()
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.write(rotation_program("2028-11", "2028-11"))

    said = project.up(*TALKATIVE)

    assert engine_lines(said.text)
    assert project.writes() == ["POST passive", "POST rotateCertificate"]
    assert_clean(project, said.text)


def test_with_a_key_in_the_configuration_only_pulumi_itself_logs_it(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """Its log of level 9 may show the stack's secrets (3.250 does), as the threat model warns; nothing of ours does.

    No token is shown at all.
    The key has a certificate, and the service's authority is a file beside the program.
    """
    guid = emulator.create_subaccount(generate=True).guid
    project = make_project(emulator, guid, tmp_path).set_service_key(emulator.service_key(guid, Credential.X509))
    shutil.copy(emulator.ca_file, project.program / "authorities.pem")
    project.pulumi("config", "set", "btp-trust:caBundle", "authorities.pem")
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.write(rotation_program("2028-11", "2028-11"))

    command = project.command("up", "--yes", "--skip-preview", *TALKATIVE)
    done = subprocess.run(
        command, cwd=project.program, env=project.environment, capture_output=True, text=True, timeout=120, check=True
    )

    said = done.stdout + done.stderr
    assert project.writes() == ["POST passive", "POST rotateCertificate"]
    engines = engine_lines(said)
    assert not TOKEN.search(said)
    ours = [line for line in said.splitlines() if line not in engines]
    assert any("RotationTrigger" in line for line in ours)
    assert_clean(project, "\n".join(ours))
    project.pulumi("refresh", "--yes")


def engine_lines(text: str) -> set[str]:
    """What the log of Pulumi's engine says of the properties that it passes on."""
    about_properties = re.compile(r'\{"time".*"msg":"(Marshaling|Unmarshaling|Planner decided)')
    return {line for line in text.splitlines() if about_properties.match(line)}


def test_the_traces_of_pulumi_hold_a_key_of_the_configuration_and_none_of_the_environment(
    project: PulumiProject,
) -> None:
    """As the page about connections says."""
    (secret,) = project.known_secrets
    traces = [project.folder / "trace", project.folder / "otel"]
    options = ("--tracing", f"file:{traces[0]}", "--otel-traces", f"file://{traces[1]}")

    project.preview(*options)
    assert all(secret.rpartition("$")[2] in trace.read_text(errors="replace") for trace in traces)

    project.pulumi("config", "rm", "btp-trust:serviceKey")
    project.set_service_key_in_environment()
    project.preview(*options)
    assert not any(secret.rpartition("$")[2] in trace.read_text(errors="replace") for trace in traces)
