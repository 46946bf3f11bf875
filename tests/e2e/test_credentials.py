"""Service keys of both kinds, from settings and environment; they stay out of output and storage."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from btp_trust_emulator import Credential, Emulator
from support.paths import REFERENCE
from support.pulumi_project import PulumiProject, adopting_program, assert_no_secret, rotation_program


def test_client_certificate_rotates_without_warnings(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """The token service is reached by mutual TLS, with its authority in SSL_CERT_FILE, and warnings are errors."""
    guid = emulator.create_subaccount(generate=True).guid
    project = make_project(emulator, guid, tmp_path)
    project.variables = {"SSL_CERT_FILE": str(emulator.ca_file), "PYTHONWARNINGS": "error::UserWarning"}
    project.set_service_key(emulator.service_key(guid, Credential.X509))

    outputs = [project.deploy(rotation_program("2028-11", active)) for active in ("2026-11", "2028-11")]

    assert not any("warning" in output.text.lower() for output in outputs)
    assert project.writes() == ["POST passive", "POST rotateCertificate"]
    assert_clean(project)


def test_resources_stay_in_their_subaccount(project: PulumiProject) -> None:
    """A connection that leads to another subaccount than the recorded one is refused before a slot is read."""
    other = project.emulator.create_subaccount(generate=True)
    keys = {"here": project.emulator.service_key(project.guid), "there": project.emulator.service_key(other.guid)}
    project.known_secrets |= {key["clientsecret"] for key in keys.values()}
    text = rotation_program("2028-11", "2026-11").replace('11")', '11", connection="here")')
    text = text.replace("candidate=upcoming", 'candidate=upcoming, connection="here"')
    text = text.replace("rotation=rotation", 'rotation=rotation, connection="here"')
    theirs = 'trust.ActiveTrustCertificate("theirs", connection="there")\n'
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)

    project.deploy(text + theirs)
    state = project.state()
    assert state["signing"]["outputs"]["subaccount_id"] == project.guid
    assert state["theirs"]["outputs"]["fingerprint"] == project.emulator.slots(other.guid).active
    assert project.emulator.slots(other.guid).passive is None

    project.variables = {"BTP_TRUST_SERVICE_KEY": json.dumps(keys["there"])}
    project.remove_config("btp-trust:serviceKey")
    project.write(text.replace('connection="here"', 'connection="default"'))
    project.emulator.clear_journal()
    refused = project.preview(status=1)
    assert "Connection 'default' is for another subaccount." in refused.message[0]
    assert set(project.requests()) == {"POST token"}
    assert_clean(project)


def as_cf_prints_it(project: PulumiProject, key: str) -> None:
    """The whole output of `cf service-key`, in the configuration."""
    output = f'Getting key pulumi for service instance trust-admin as ada@acme.example…\n\n{{"credentials": {key}}}\n'
    project.pulumi("config", "set", "--secret", "btp-trust:serviceKey", stdin=output)


def as_powershell_writes_it(project: PulumiProject, key: str) -> None:
    """UTF-8 with a byte order mark and line ends of Windows; Pulumi itself refuses UTF-16."""
    command = project.command("config", "set", "--secret", "btp-trust:serviceKey")
    octets = key.replace("\n", "\r\n").encode("utf-8-sig")
    subprocess.run(command, cwd=project.program, env=project.environment, input=octets, check=True)


def in_a_file(project: PulumiProject, key: str) -> None:
    """A redirection of Windows PowerShell, named by the variable."""
    file = project.folder / "key.json"
    file.write_bytes(f"Getting key pulumi …\r\n\r\n{key}\r\n".encode("utf-16"))
    project.variables = {"BTP_TRUST_SERVICE_KEY": f"@{file}"}


def by_hand(project: PulumiProject, key: str) -> None:
    """A user-provided service, whose credentials hold the key as text."""
    entry = {"label": "user-provided", "name": "trust-admin", "tags": [], "credentials": {"credentials": key}}
    project.variables = {"VCAP_SERVICES": json.dumps({"user-provided": [entry]})}


@pytest.mark.parametrize("give", [as_cf_prints_it, as_powershell_writes_it, in_a_file, by_hand])
def test_key_as_tools_print_it(
    emulator: Emulator,
    tmp_path: Path,
    make_project: Callable[[Emulator, str, Path], PulumiProject],
    give: Callable[[PulumiProject, str], None],
) -> None:
    """The output of a tool works unedited, and its content stays out of texts and files."""
    guid = emulator.create_subaccount(generate=True).guid
    project = make_project(emulator, guid, tmp_path)
    project.pulumi("config", "rm", "btp-trust:serviceKey", status=None)
    key = emulator.service_key(guid)
    project.known_secrets.add(key["clientsecret"])
    give(project, json.dumps(key, indent=2))
    project.deploy(adopting_program(f', subaccount_id="{guid}"'))
    assert project.state()["signing"]["outputs"]["fingerprint"] == emulator.slots(guid).active
    assert_clean(project)


def test_rejected_secret_is_hidden(project: PulumiProject) -> None:
    """A wrong secret is rejected; the wrong and the right one are hidden."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    key = project.emulator.service_key(project.guid)
    project.set_service_key({**key, "clientsecret": "an-old-secret-that-was-revoked"})
    project.write(rotation_program("2028-11", "2028-11"))

    refused = project.preview(status=1)

    assert "401" in refused
    assert len(refused.message) >= 3
    assert_clean(project)


def assert_clean(project: PulumiProject) -> None:
    """Require that all files of the backend are without secrets, tokens and private keys."""
    files = [path for path in (project.folder / "backend").rglob("*") if path.is_file()]
    assert any("stacks" in path.parts for path in files)
    for path in files:
        assert_no_secret(path.read_text(), project.known_secrets)


CERTIFICATES = REFERENCE / "certificates"


@pytest.mark.skipif(not CERTIFICATES.is_dir(), reason="the two real certificates are missing")
def test_real_certificates_rotate_and_roll_back(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """Negative serials and long names are accepted without a warning, and both certificates are adopted."""
    active, passive = ((CERTIFICATES / f"real-{slot}.pem").read_text() for slot in ("active", "passive"))
    account = emulator.create_subaccount(active=active, passive=passive)
    project = make_project(emulator, account.guid, tmp_path).set_service_key()
    project.variables = {"PYTHONWARNINGS": "error::UserWarning"}
    old, new = project.slots()
    adopt = f', adopt="{new}"'

    adoption = project.deploy(rotation_program("next", "first", passive=adopt))
    project.write(rotation_program("next", "next", passive=adopt))
    preview = project.preview("--diff")
    update = project.up()
    assert (new, old) == project.slots()
    assert f'~ fingerprint: "{old}" => "{new}"' in preview
    assert project.has_no_changes_after_refresh()
    project.deploy(rotation_program("next", "first", passive=adopt))
    assert (old, new) == project.slots()

    assert project.writes() == ["POST rotateCertificate"] * 2
    assert not any("warning" in output.text.lower() for output in (adoption, preview, update))
