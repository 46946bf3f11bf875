"""An unreachable service blocks exactly the changes that are due."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, rotation_program


def test_missing_credentials_block_due_changes(
    project_with_key_in_environment: PulumiProject,
) -> None:
    """Lacking credentials, one warning covers all resources; strict fails, offline plans and refuses to write."""
    del project_with_key_in_environment.variables["BTP_TRUST_SERVICE_KEY"]
    project_with_key_in_environment.emulator.clear_journal()

    said = project_with_key_in_environment.preview("--expect-no-changes", "--refresh")
    assert said.diagnostics.count("was not checked") == 1
    project_with_key_in_environment.set_config("btp-trust:strict", "true")
    assert "No service key was found" in project_with_key_in_environment.preview(status=1).message[0]
    project_with_key_in_environment.remove_config("btp-trust:strict")

    project_with_key_in_environment.write(rotation_program("2028-11", "2028-11"))
    refused = project_with_key_in_environment.preview(status=1)
    assert "No service key was found for connection 'default'." in refused.message[0]
    assert refused.message[-1].startswith("Set one: pulumi config set --secret btp-trust:serviceKey")
    project_with_key_in_environment.set_config("btp-trust:offline", "true")
    planned = project_with_key_in_environment.preview("--diff")
    assert "make '2028-11' sign instead of '2026-11'; planned from the state, not checked" in planned
    assert project_with_key_in_environment.up(status=1).message[-1].endswith("pulumi config rm btp-trust:offline")
    assert project_with_key_in_environment.requests() == []


def test_blocked_removal_names_remedies(project_with_key_in_environment: PulumiProject) -> None:
    """A removal that needs the service ends with the command to paste, URN included, and that command works."""
    before = project_with_key_in_environment.slots()
    del project_with_key_in_environment.variables["BTP_TRUST_SERVICE_KEY"]

    refused = project_with_key_in_environment.pulumi("destroy", "--yes", "--skip-preview", status=1)

    assert any("retain_on_delete=True" in line for line in refused.message)
    urn = re.search("pulumi state delete '(.*)'", refused.text)
    assert urn
    project_with_key_in_environment.pulumi("state", "delete", urn[1], "--yes")
    project_with_key_in_environment.pulumi("destroy", "--yes", "--skip-preview")
    assert before == project_with_key_in_environment.slots()


def test_outage_blocks_due_rotation(
    tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """While the service is down, an unchanged preview passes with one warning and a rotation fails."""
    with Emulator(socket=True, key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        project = make_project(emulator, guid, tmp_path).set_service_key()
        project.deploy(rotation_program("2028-11", "2026-11"))
        # The ports stay bound: an emulator of another test could get a closed one, and would answer.
        with emulator.refuse_connections():
            said = project.preview("--expect-no-changes")
            project.write(rotation_program("2028-11", "2028-11"))
            refused = project.up(status=1)
    assert said.diagnostics.count("was not checked") == 1
    assert "got no answer" in refused.message[0]
    assert refused.message[-1].startswith("Check that this machine reaches 127.0.0.1 (")
