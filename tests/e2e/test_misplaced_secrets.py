"""Secrets in the wrong place, on the real command line: nothing that it prints or keeps holds one."""

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
"""An output: it is not known where the resource is declared, so that check is the first to see it."""
WRONG: Final = {
    "connection": 'trust.ActiveTrustCertificate("signing", connection=open("secret.txt").read())',
    "an output": 'trust.ActiveTrustCertificate("signing", renew_fingerprint=secret)',
    "a list of outputs": 'trust.RotationTrigger("rotation", "2026-11", trusted_by={"s4": [secret]})',
    "a key of a map": 'trust.RotationTrigger("rotation", "2026-11", '
    'known_generations=secret.apply(lambda name: {name: "a"}))',
    "an attestation": 'trust.RotationTrigger("rotation", "2026-11", '
    'trusted_by={"s4": trust.Attested(secret, by="jane", on="2028-11-20")})',
    "hand-over": 'trust.Target("s4", "communication-system", system=open("secret.txt").read())',
}
GIVEN: Final[dict[str, Callable[[str], str]]] = {
    "service key": lambda key: key,
    "certificate and key": lambda _: CERTIFICATE + PEMS["PKCS#8"],
    "token": lambda _: f"Bearer {JWT}",
}
COMMANDS: Final = (("preview", "--diff"), ("preview", "--json"), ("up", "--yes", "--skip-preview"))


@pytest.mark.parametrize("place", WRONG)
def test_a_secret_is_printed_by_no_command_and_stored_nowhere(project: PulumiProject, place: str) -> None:
    """Neither by the refusal nor by a trace of the program, nor as an input that a later preview compares with."""
    key = json.dumps(project.emulator.service_key(project.guid))
    project.write(program(DECLARED, WRONG[place]))

    for number, given in enumerate(GIVEN):
        secret = GIVEN[given](key)
        (project.program / "secret.txt").write_text(secret)
        said = project.pulumi(*COMMANDS[number], status=1)

        assert "renew it." in said
        assert not contains_secret(said.text, secret)
        for file in (project.folder / "backend").rglob("*.json"):
            assert not contains_secret(file.read_text(), secret)
    assert set(project.requests()) == set()


def test_a_plain_key_in_an_explicit_provider_is_refused_before_anything_is_done(
    emulator: Emulator, tmp_path: Path, make_project: Callable[[Emulator, str, Path], PulumiProject]
) -> None:
    """As one in the configuration is; as a secret it works."""
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


def test_a_misspelt_setting_is_named(project: PulumiProject) -> None:
    """With the one that was meant; a key in it is a plain key, and is not shown."""
    project.pulumi("config", "set", "btp-trust:stict", "true")
    assert "The config btp-trust:stict is no setting of btp-trust: did you mean strict?" in project.preview(status=1)

    key = json.dumps(project.emulator.service_key(project.guid))
    project.pulumi("config", "rm", "btp-trust:stict")
    project.pulumi("config", "set", "btp-trust:servicekey", stdin=key)
    refused = project.preview(status=1)
    assert "The config btp-trust:servicekey is in plain text, and is no setting of btp-trust" in refused
    assert not contains_secret(refused.text, key)


def test_with_a_renewed_key_the_way_on_is_told_and_works(project: PulumiProject) -> None:
    """Pulumi refreshes and destroys with the configuration of the last update, whose key was deleted since."""
    project.deploy(rotation_program("2028-11", "2026-11"))
    accounts = project.emulator._landscape._state.accounts
    accounts[project.guid] = replace(accounts[project.guid], client_secret=f"{uuid.uuid4()}$renewed=")
    project.set_service_key()

    for command in ("refresh", "destroy"):
        said = project.pulumi(command, "--yes", status=None)
        assert "rejects the service key" in said
        assert "run `pulumi up` once, or add `--run-program`." in said

    assert "rejects" not in project.pulumi("refresh", "--yes", "--run-program")
    project.up()
    assert "rejects" not in project.pulumi("refresh", "--yes")
