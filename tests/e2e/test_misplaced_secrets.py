"""Misplaced secrets, on the real command line: its output and its state hide them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, program, rotation_program
from support.secret_samples import CERTIFICATE, JWT, PEMS, contains_secret

DECLARED: Final = "secret = pulumi.Output.from_input(open('secret.txt').read())"
"""An output: unknown where the resource is declared, so that check is the first to see the secret."""
PLACES: Final = {
    "connection": 'trust.ActiveTrustCertificate("signing", connection=open("secret.txt").read())',
    "an output": 'trust.ActiveTrustCertificate("signing", renew_fingerprint=secret)',
    "a list of outputs": 'trust.RotationTrigger("rotation", "2026-11", trusted_by={"s4": [secret]})',
    "a key of a map": 'trust.RotationTrigger("rotation", "2026-11", '
    'known_generations=secret.apply(lambda name: {name: "a"}))',
    "an attestation": 'trust.RotationTrigger("rotation", "2026-11", '
    'trusted_by={"s4": trust.Attested(secret, by="jane", on="2028-11-20")})',
    "hand-over": 'trust.Target("s4", "communication-system", system=open("secret.txt").read())',
}
SECRETS: Final[dict[str, Callable[[str], str]]] = {
    "service key": lambda key: key,
    "certificate and key": lambda _: CERTIFICATE + PEMS["PKCS#8"],
    "token": lambda _: f"Bearer {JWT}",
}
COMMANDS: Final = (("preview", "--diff"), ("preview", "--json"), ("up", "--yes", "--skip-preview"))


@pytest.mark.parametrize("place", PLACES)
def test_misplaced_secret_is_hidden_everywhere(project: PulumiProject, place: str) -> None:
    """No command prints a misplaced secret, and neither the state nor a later preview holds it."""
    key = json.dumps(project.emulator.service_key(project.guid))
    project.write(program(DECLARED, PLACES[place]))

    for number, kind in enumerate(SECRETS):
        secret = SECRETS[kind](key)
        (project.program / "secret.txt").write_text(secret)
        output = project.pulumi(*COMMANDS[number], status=1)

        assert "renew it." in output
        assert not contains_secret(output.text, secret)
        for file in (project.folder / "backend").rglob("*.json"):
            assert not contains_secret(file.read_text(), secret)
    assert set(project.requests()) == set()


def test_plain_key_of_explicit_provider(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """A key in plain text in an explicit provider is refused before the first request; as a secret it works."""
    guid = emulator.create_subaccount(generate=True).guid
    project = make_project(emulator, guid, tmp_path)
    key = json.dumps(emulator.service_key(guid))
    (project.program / "key.json").write_text(key)
    text = program(
        'provider = pulumi.ProviderResource("pulumi-python", "own", {"btp-trust:serviceKey": GIVEN})',
        'trust.ActiveTrustCertificate("signing", opts=pulumi.ResourceOptions(provider=provider))',
    )

    project.write(text.replace("GIVEN", "open('key.json').read()"))
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        refused = project.pulumi(*command, status=1)
        assert "The property btp-trust:serviceKey is in plain text." in refused
        assert not contains_secret(refused.text, key)
    assert project.requests() == []
    assert "signing" not in project.state()

    project.write(text.replace("GIVEN", "pulumi.Output.secret(open('key.json').read())"))
    assert "1 created" in project.up()
    assert project.state()["signing"]["outputs"]["subaccount_id"] == guid


def test_misspelt_setting_is_named(project: PulumiProject) -> None:
    """A misspelt setting is named with the closest known one; a key in it is refused as plain text, and hidden."""
    project.pulumi("config", "set", "btp-trust:stict", "true")
    assert "The config btp-trust:stict is no setting of btp-trust: did you mean strict?" in project.preview(status=1)

    key = json.dumps(project.emulator.service_key(project.guid))
    project.pulumi("config", "rm", "btp-trust:stict")
    project.pulumi("config", "set", "btp-trust:servicekey", stdin=key)
    refused = project.preview(status=1)
    assert "The config btp-trust:servicekey is in plain text, and is no setting of btp-trust" in refused
    assert not contains_secret(refused.text, key)


def test_renewed_key_has_working_remedy(project: PulumiProject) -> None:
    """After a renewal of the key, refresh and destroy use the deleted one, and name a remedy that works."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    accounts = project.emulator._landscape._state.accounts
    accounts[project.guid] = replace(accounts[project.guid], client_secret=f"{uuid.uuid4()}$renewed=")
    project.set_service_key()

    for command in ("refresh", "destroy"):
        output = project.pulumi(command, "--yes", status=None)
        assert "rejects the service key" in output
        assert "run `pulumi up` once, or add `--run-program`." in output

    assert "rejects" not in project.pulumi("refresh", "--yes", "--run-program")
    project.up()
    assert "rejects" not in project.pulumi("refresh", "--yes")
