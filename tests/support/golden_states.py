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
from support.fake_engine import Bag, FakeEngine, program
from support.paths import ROOT

FOLDER: Final = ROOT / "tests" / "wire" / "golden" / f"v{btp_trust.__version__}"
KINDS: Final = {
    "signing": "ActiveTrustCertificate",
    "next": "PassiveTrustCertificate",
    "rotation": "RotationTrigger",
    "billing": "TrustedIdentityProvider",
}
"""{resource of the program: its class}"""
ORIGIN_KEY: Final = "source.cfapps"
_DERIVED: Final = ("certificate", "certificate_body", "metadata")
"""Outputs that a command writes and does not read, too long for a file that people compare."""


def record_states() -> dict[str, Bag]:
    """Deploy a rotation; return {class: inputs and outputs}, the values of this run replaced by marks."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(subdomain="acme", generate=True).guid
        connections = {"target": emulator.api_access_key(guid)}
        engine = FakeEngine(emulator, guid, {"btp-trust:connections": json.dumps(connections)})
        trusted = {"connection": "target", "origin_key": ORIGIN_KEY, "passive": "candidate"}
        emulator.advance(3600)
        engine.deploy(*(program("2028-11", signer, trusted=trusted) for signer in ("2026-11", "2028-11")))
        active, passive = engine.slots
        marks = {
            guid: "<subaccount>",
            guid[:8]: "<short>",
            str(active): "<active>",
            str(passive): "<passive>",
            engine.outputs("billing")["identity_provider_id"]: "<identity provider>",
        }
        return {kind: _marked(_bags(engine, name), marks) for name, kind in KINDS.items()}


def write() -> None:
    """Write the files of this version."""
    FOLDER.mkdir(exist_ok=True)
    for kind, bags in record_states().items():
        (FOLDER / f"{kind}.json").write_text(f"{json.dumps(bags, indent=2)}\n")
        pickle = dynamic.serialize_provider(getattr(providers, f"{kind}Provider")())
        (FOLDER / f"{kind}Provider.b64").write_text(f"{pickle}\n")


def _bags(engine: FakeEngine, name: str) -> Bag:
    stored = engine.state[name]
    shortened = dict.fromkeys(set(_DERIVED) & stored.outputs.keys(), "not read")
    return {"inputs": stored.inputs, "outputs": {**stored.outputs, **shortened}}


def _marked(bags: Bag, marks: dict[str, str]) -> Any:
    text = json.dumps(bags)
    for value, mark in marks.items():
        text = text.replace(value, mark)
    return json.loads(text)


if __name__ == "__main__":
    write()
