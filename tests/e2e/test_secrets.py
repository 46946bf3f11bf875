"""The real command line keeps secrets out of its output and its storage, also with all logs on."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from btp_trust_emulator import Credential, Emulator
from support.pulumi_project import TOKEN, PulumiProject, assert_no_secret, rotation_program

VERBOSE = ("--logtostderr", "-v=9", "--debug")


def stored(project: PulumiProject) -> Iterator[str]:
    """Give the files of the backend: states, history, locks."""
    for file in sorted((project.folder / "backend").rglob("*")):
        if file.is_file():
            yield file.read_text(errors="replace")


def assert_clean(project: PulumiProject, text: str) -> None:
    """Require that the text and the backend are without secrets."""
    files = list(stored(project))
    assert len(files) > 2
    for content in (text, *files):
        assert_no_secret(content, project.known_secrets)


def test_environment_key_stays_out_of_logs(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """Pulumi's own lines are clean, too: Pulumi never gets hold of the key."""
    project = make_project(
        emulator, emulator.create_subaccount(generate=True).guid, tmp_path
    ).set_service_key_in_environment()
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.write(rotation_program("2028-11", "2028-11"))

    output = project.up(*VERBOSE)

    assert engine_lines(output.text)
    assert project.writes() == ["POST passive", "POST rotateCertificate"]
    assert_clean(project, output.text)


def test_only_pulumi_logs_a_configured_key(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """Pulumi's log of level 9 may show the stack's secrets (3.250 does), as the threat model warns; ours is clean.

    Tokens stay out of both. The key has a certificate, and the service's authority is a file beside the program.
    """
    guid = emulator.create_subaccount(generate=True).guid
    project = make_project(emulator, guid, tmp_path).set_service_key(emulator.service_key(guid, Credential.X509))
    shutil.copy(emulator.ca_file, project.program / "authorities.pem")
    project.pulumi("config", "set", "btp-trust:caBundle", "authorities.pem")
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.write(rotation_program("2028-11", "2028-11"))

    command = project.command("up", "--yes", "--skip-preview", *VERBOSE)
    process = subprocess.run(
        command, cwd=project.program, env=project.environment, capture_output=True, text=True, timeout=120, check=True
    )

    output = process.stdout + process.stderr
    assert project.writes() == ["POST passive", "POST rotateCertificate"]
    engines = engine_lines(output)
    assert not TOKEN.search(output)
    ours = [line for line in output.splitlines() if line not in engines]
    assert any("RotationTrigger" in line for line in ours)
    assert_clean(project, "\n".join(ours))
    project.pulumi("refresh", "--yes")


def engine_lines(text: str) -> set[str]:
    """Return the lines of the engine's log about the properties that it passes on."""
    about_properties = re.compile(r'\{"time".*"msg":"(Marshaling|Unmarshaling|Planner decided)')
    return {line for line in text.splitlines() if about_properties.match(line)}


def test_traces_hold_only_configured_keys(
    project: PulumiProject,
) -> None:
    """The traces of Pulumi are as the page about connections says."""
    (secret,) = project.known_secrets
    traces = [project.folder / "trace", project.folder / "otel"]
    options = ("--tracing", f"file:{traces[0]}", "--otel-traces", f"file://{traces[1]}")

    project.preview(*options)
    assert all(secret.rpartition("$")[2] in trace.read_text(errors="replace") for trace in traces)

    project.pulumi("config", "rm", "btp-trust:serviceKey")
    project.set_service_key_in_environment()
    project.preview(*options)
    assert not any(secret.rpartition("$")[2] in trace.read_text(errors="replace") for trace in traces)
