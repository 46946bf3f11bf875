"""Golden states: what the code of today writes into a state, in the form of `tests/wire/golden/<version>/`.

Run `PYTHONPATH=tests .venv/bin/python -m support.golden_states` before a release, when the version has its number: it
writes the pickle of each provider, and the inputs and outputs of each resource after a rotation. The files of a
released version stay as they are.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pulumi.dynamic import dynamic

import btp_trust
from btp_trust import providers
from btp_trust_emulator import Emulator
from support.fake_engine import Bag, Deployment, FakeEngine, Program, program
from support.paths import ROOT

FOLDER: Final = ROOT / "tests" / "wire" / "golden" / f"v{btp_trust.__version__}"
KINDS: Final = {
    "signing": "ActiveTrustCertificate",
    "next": "PassiveTrustCertificate",
    "rotation": "RotationTrigger",
    "billing": "TrustedIdentityProvider",
    "erp": "CommunicationSystemTrust",
}
"""{resource of the program: its class}"""
ORIGIN_KEY: Final = "source.cfapps"
SYSTEM: Final = "BTP_SHOP"
_DERIVED: Final = ("certificate", "certificate_body", "metadata")
"""Outputs that a command writes and does not read, too long for a file that people compare."""


def record_states() -> dict[str, Bag]:
    """Deploy a rotation; return {class: inputs and outputs}, the values of this run replaced by marks."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(subdomain="acme", generate=True).guid
        tenant = emulator.create_s4("erp")
        emulator.create_communication_system("erp", SYSTEM, emulator.certificates(guid)[0])
        connections = {"target": emulator.api_access_key(guid), "s4": emulator.communication_user("erp")}
        engine = FakeEngine(emulator, guid, {"btp-trust:connections": json.dumps(connections)})
        trusted = {"connection": "target", "origin_key": ORIGIN_KEY, "passive": "candidate"}
        emulator.advance(3600)
        engine.deploy(*(program("2028-11", signer, trusted=trusted) for signer in ("2026-11", "2028-11")))
        certificate = emulator.certificates(guid)[0]
        engine.deploy(*(_with_system(declared, trusted) for declared in (None, certificate)))
        active, passive = engine.slots
        marks = {
            guid: "<subaccount>",
            tenant: "<tenant>",
            json.dumps(certificate)[1:-1]: "<certificate>",
            guid[:8]: "<short>",
            str(active): "<active>",
            str(passive): "<passive>",
            engine.outputs("billing")["identity_provider_id"]: "<identity provider>",
        }
        return {kind: _marked(_bags(engine, name), marks) for name, kind in KINDS.items()}


def _with_system(certificate: str | None, trusted: Bag) -> Program:
    """Return the program of the rotation with a communication system, which trusts the earlier certificate at first."""

    def run(deployment: Deployment) -> None:
        program("2028-11", "2028-11", trusted=trusted)(deployment)
        deployment.system(connection="s4", system=SYSTEM, certificate=certificate)

    return run


def write() -> None:
    """Write the files of this version."""
    FOLDER.mkdir(exist_ok=True)
    for kind, bags in record_states().items():
        (FOLDER / f"{kind}.json").write_text(f"{json.dumps(bags, indent=2)}\n")
        pickle = dynamic.serialize_provider(getattr(providers, f"{kind}Provider")())
        (FOLDER / f"{kind}Provider.b64").write_text(f"{pickle}\n")


def _bags(engine: FakeEngine, name: str) -> Bag:
    stored = engine.state[name]
    # That of a communication system is the argument, which diff compares.
    derived = set() if stored.kind == "system" else set(_DERIVED) & stored.outputs.keys()
    shortened = dict.fromkeys(derived, "not read")
    return {"inputs": stored.inputs, "outputs": {**stored.outputs, **shortened}}


def _marked(bags: Bag, marks: dict[str, str]) -> Any:
    text = json.dumps(bags)
    for value, mark in marks.items():
        text = text.replace(value, mark)
    return json.loads(text)


if __name__ == "__main__":
    write()
