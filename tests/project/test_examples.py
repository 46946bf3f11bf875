"""The examples run as they are, on subaccounts of the emulator."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from btp_trust_emulator import Emulator
from support.paths import ROOT
from support.pulumi_project import PulumiProject
from support.verification import SAML

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/Pulumi.yaml"))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The emulator, with small keys."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


def test_the_table_lists_every_example() -> None:
    """The table has a row for each folder, and a folder for each row."""
    linked = re.findall(r"^\| \[(.+?)\]\(\1/__main__\.py\)", (EXAMPLES / "README.md").read_text(), re.MULTILINE)

    assert sorted(linked) == [folder.name for folder in FOLDERS]


def test_the_repository_is_the_quickstart() -> None:
    """`pulumi up` at the top of the repository runs the same project as in its folder."""
    top, own = (yaml.safe_load((folder / "Pulumi.yaml").read_text()) for folder in (ROOT, EXAMPLES / "quickstart"))

    assert top == {**own, "main": "examples/quickstart"}


def test_the_quickstart_adopts(emulator: Emulator, tmp_path: Path) -> None:
    """The quickstart, run from the top of the repository, exports the certificate and only reads."""
    guid = emulator.create_subaccount(generate=True).guid
    shutil.copytree(EXAMPLES / "quickstart", tmp_path / "program/examples/quickstart")
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path / "program")
    project = PulumiProject(tmp_path, emulator, guid).create_stack().set_service_key()

    project.up()

    outputs = json.loads(project.pulumi("stack", "output", "--json").text)
    assert outputs["fingerprint"] == emulator.slots(guid).active
    assert outputs["certificate"] == emulator.certificates(guid)[0]
    assert project.writes() == []
    assert project.has_no_changes_after_refresh()


def test_two_connections_adopt(emulator: Emulator, tmp_path: Path) -> None:
    """Each subaccount of an existing landscape keeps its certificate."""
    guids = {name: emulator.create_subaccount(generate=True).guid for name in ("development", "production")}
    keys = {name: emulator.service_key(guid) for name, guid in guids.items()}
    shutil.copytree(EXAMPLES / "existing-landscape", tmp_path / "program")
    project = PulumiProject(tmp_path, emulator, guids["production"]).create_stack()
    project.known_secrets = {key["clientsecret"] for key in keys.values()}
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)

    project.up()

    outputs = json.loads(project.pulumi("stack", "output", "--json").text)
    for name, guid in guids.items():
        assert outputs[name]["subaccount_id"] == guid
        assert outputs[name]["fingerprint"] == emulator.slots(guid).active
    assert project.writes() == []
    assert project.has_no_changes_after_refresh()


def test_three_targets_follow_the_certificate(emulator: Emulator, tmp_path: Path) -> None:
    """One target gets it by its API, one changes over with the signer, one has a page and a file.

    An empty attestation stops only a rotation.

    What a deletion would lose is protected.
    """
    guid, billing = (emulator.create_subaccount(generate=True).guid for _ in range(2))
    emulator.create_user(guid, "jane", "of-jane")
    erp, active = emulator.create_target("erp"), str(emulator.certificates(guid)[0])
    emulator.upload_certificate("erp", active)
    emulator.create_s4("my300123")
    emulator.create_communication_system("my300123", "BTP_SHOP", active)
    s4 = emulator.communication_system_target("my300123", "BTP_SHOP")
    for name, target in {"billing": emulator.target(billing), "erp": erp, "s4": s4}.items():
        emulator.create_destination(guid, target.properties(name))
    emulator.create_destination(guid, {**SAML, "Name": "assertion"})
    shutil.copytree(EXAMPLES / "targets", tmp_path / "program")
    project = PulumiProject(tmp_path, emulator, guid).create_stack().set_service_key()
    key, s4_user = emulator.api_access_key(billing), emulator.communication_user("my300123")
    project.known_secrets |= {key["clientsecret"], s4_user["password"], "of-jane"}
    connections = json.dumps({"billing": key, "s4": s4_user})
    project.set_config("btp-trust:connections", connections, secret=True)
    user = {"name": "jane", "password": "of-jane"}
    project.set_config("btp-trust:user", json.dumps(user), secret=True)
    emulator.clear_journal()

    project.up()

    assert project.writes()[:2] == ["POST passive", "POST identity-providers"]
    assert "POST rotateCertificate" not in project.writes()
    assert not any(write.startswith("PATCH") for write in project.writes())
    assert set(emulator.target(billing).certificates) == set(project.slots())
    assert project.state()["s4"]["outputs"]["trusted"] == [project.slots()[0]]
    (handed,) = (project.program / "hand-over").glob("erp.*/erp.new.*.pem")
    assert handed.read_text() == emulator.certificates(guid)[1]
    assert project.state()["rotation"]["outputs"]["verified"].keys() == {"assertion", "billing", "erp", "s4"}
    assert {name for name, each in project.state().items() if each.get("protect")} == {"next", "billing", "rotation"}
    assert project.has_no_changes_after_refresh()
    text = (project.program / "__main__.py").read_text()
    project.write(text.replace('    generation="2026-11"', '    generation="2028-11"'))
    assert "erp: not known, still to be attested" in project.preview(status=1).message
