"""Lines and errors on the real command line: each hangs on its resource, and names its subaccount."""

from __future__ import annotations

import json
import re
from pathlib import Path

from btp_trust_emulator import Emulator
from support.pulumi_project import ACTIVE, PulumiProject, program

WARNING = "was not checked; its resources are those of the state of "
SUBDOMAINS = {"prod": "acme-prod", "test": "acme-test"}


def two_subaccounts(emulator: Emulator, folder: Path) -> tuple[PulumiProject, dict[str, str]]:
    """Return a deployed stack on two subaccounts, and their labels by connection."""
    guids = {
        connection: emulator.create_subaccount(subdomain=subdomain, generate=True).guid
        for connection, subdomain in SUBDOMAINS.items()
    }
    project = PulumiProject(folder, emulator, guids["prod"]).create_stack(
        program(*(f'trust.ActiveTrustCertificate("{name}", connection="{name}")' for name in guids))
    )
    keys = {name: emulator.service_key(guid) for name, guid in guids.items()}
    project.known_secrets |= {key["clientsecret"] for key in keys.values()}
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)
    project.up()
    return project, {name: f"{SUBDOMAINS[name]} ({guid[:8]})" for name, guid in guids.items()}


def test_equal_warnings_of_two_subaccounts(emulator: Emulator, tmp_path: Path) -> None:
    """They are two lines, each under its own resource, in every form of a preview."""
    project, labels = two_subaccounts(emulator, tmp_path)
    project.set_config("btp-trust:offline", "true")

    diagnostics = project.preview("--expect-no-changes").diagnostics
    for name, label in labels.items():
        under = rf"btp-trust:{ACTIVE} \({name}\):\n    warning: {re.escape(label)} {WARNING}"
        assert len(re.findall(under, diagnostics)) == 1
    assert diagnostics.count(WARNING) == len(labels)

    shown = project.preview("--diff", "--expect-no-changes").text
    assert [shown.count(f"warning: {label} {WARNING}") for label in labels.values()] == [1, 1]

    found = json.loads(project.preview("--json").text)["diagnostics"]
    assert {
        (each["urn"].rpartition("::")[2], each["severity"], label in each["message"])
        for each in found
        for label in [labels[each["urn"].rpartition("::")[2]]]
    } == {("prod", "warning", True), ("test", "warning", True)}
    assert len(found) == len(labels)


def test_error_names_the_subaccount(emulator: Emulator, tmp_path: Path) -> None:
    """A failed check and a failed call begin with the subaccount's name, and a plain line is no warning."""
    project, labels = two_subaccounts(emulator, tmp_path)
    project.set_config("btp-trust:offline", "true")
    project.set_config("btp-trust:strict", "true")
    refused = project.preview(status=1).message[0]  # of the resource that Pulumi checks first
    assert any(label in refused for label in labels.values())

    project.remove_config("btp-trust:strict")
    project.remove_config("btp-trust:offline")
    removed = project.deploy(program())
    for name, label in labels.items():
        assert re.search(rf"\({name}\):\n    {re.escape(label)}: \w{{8}} stays the active certificate", removed.text)
