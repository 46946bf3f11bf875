"""Every state that a release wrote stays readable; a state of a development version is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest

from btp_trust_emulator import Emulator
from support import golden_states

Bag = dict[str, Any]
ROTATION, REGISTRATION, SYSTEM = "RotationTrigger", "TrustedIdentityProvider", "CommunicationSystemTrust"
FOLDER = Path(__file__).parent / "golden"
RELEASED = sorted(FOLDER.glob("v*/*.json"))
DEVELOPMENT = FOLDER / "before-v0.1.0" / f"{ROTATION}.json"
released = pytest.mark.parametrize("file", RELEASED, ids=lambda file: f"{file.parent.name} {file.stem}")
of_rotations = pytest.mark.parametrize(
    "file", [file for file in RELEASED if file.stem == ROTATION], ids=lambda file: file.parent.name
)


@pytest.fixture
def slots(emulator: Emulator, guid: str) -> tuple[str, str]:
    """The active and the passive certificate after a rotation."""
    emulator.advance(3600)
    emulator.generate_passive(guid)
    emulator.rotate(guid)
    after = emulator.slots(guid)
    return str(after.active), str(after.passive)


def state_in(
    file: Path,
    guid: str,
    slots: tuple[str, str],
    *,
    identity_provider: str = "",
    tenant: str = "",
    certificate: str = "",
) -> tuple[Bag, Bag]:
    """Return inputs and outputs of a golden state, with the values of this run."""
    text = file.read_text()
    marks = ("<subaccount>", "<short>", "<active>", "<passive>", "<identity provider>", "<tenant>", "<certificate>")
    values = (guid, guid[:8], *slots, identity_provider, tenant, json.dumps(certificate)[1:-1])
    for mark, value in zip(marks, values, strict=True):
        text = text.replace(mark, value)
    state = json.loads(text)
    state["outputs"].get("trusted", []).sort()
    return state["inputs"], state["outputs"]


def candidate(guid: str, slots: tuple[str, str]) -> Bag:
    """Return what the program passes of its PassiveTrustCertificate."""
    return {"generation": "2028-11", "generations": {"2028-11": slots[0]}, "subaccount_id": guid}


def program_of(kind: str, guid: str, slots: tuple[str, str], certificate: str = "") -> Bag:
    """Return the arguments of the program that wrote a golden state."""
    arguments: dict[str, Bag] = {
        "ActiveTrustCertificate": {"rotation": "2028-11"},
        "PassiveTrustCertificate": {"generation": "2028-11", "warned_by": "RotationTrigger"},
        ROTATION: {"generation": "2028-11", "candidate": candidate(guid, slots)},
        REGISTRATION: {"connection": "target", "origin_key": golden_states.ORIGIN_KEY, "passive": "2028-11"},
        SYSTEM: {"connection": "s4", "system": golden_states.SYSTEM, "certificate": certificate},
    }
    return arguments[kind]


def register(plugin: Any, arguments: Bag) -> str:
    """Register the identity provider of a golden state; return its ID."""
    inputs, _ = plugin.check(REGISTRATION, arguments)
    return str(plugin.create(REGISTRATION, inputs)[1]["identity_provider_id"])


def test_a_release_has_every_state() -> None:
    """A folder for each release, with a state of each resource."""
    assert RELEASED
    for folder in {file.parent for file in RELEASED}:
        assert {file.stem for file in folder.glob("*.json")} == set(golden_states.KINDS.values())


def test_this_version_writes_its_golden_states() -> None:
    """The keys of the golden files are those that the code writes today; a renamed key shows here."""
    written = golden_states.record_states()
    for kind, bags in written.items():
        golden = json.loads((golden_states.FOLDER / f"{kind}.json").read_text())
        assert {name: bag.keys() for name, bag in bags.items()} == {name: bag.keys() for name, bag in golden.items()}


@released
def test_a_golden_state_is_quiet(
    file: Path, start_plugin: Any, config: Bag, emulator: Emulator, guid: str, *, slots: tuple[str, str]
) -> None:
    """Under the program that wrote it, no update is due, and check keeps the step that is done."""
    certificate = str(emulator.certificates(guid)[0])
    emulator.create_communication_system("erp", golden_states.SYSTEM, certificate)
    tenant = json.loads(config["btp-trust:connections"])["s4"]["url"]
    arguments = program_of(file.stem, guid, slots, certificate)
    identity_provider = register(start_plugin(config), arguments) if file.stem == REGISTRATION else ""
    inputs, outputs = state_in(
        file, guid, slots, identity_provider=identity_provider, tenant=tenant, certificate=certificate
    )
    plugin = start_plugin(config)

    checked, failures = plugin.check(file.stem, arguments, inputs)

    assert failures == []
    assert checked.keys() == inputs.keys()
    steps = ("swap", "step", "write")
    assert [checked.get(key) for key in steps] == [inputs.get(key) for key in steps]
    assert not plugin.diff(file.stem, outputs, checked)
    assert plugin.read(file.stem, outputs).keys() == outputs.keys()


@of_rotations
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an unrelated deployment"])
def test_a_golden_state_rolls_back(
    file: Path, configured_plugin: Any, emulator: Emulator, guid: str, slots: tuple[str, str], *, later: bool
) -> None:
    """A state without targets records no rollback target, and targets that are added later let a rollback pass."""
    inputs, outputs = state_in(file, guid, slots)
    program = {"generation": "2028-11", "candidate": candidate(guid, slots), "trusted_by": {"s4": [slots[0]]}}
    if later:
        inputs, failures = configured_plugin.check(ROTATION, program_of(ROTATION, guid, slots), inputs)

    checked, failures = configured_plugin.check(ROTATION, program, inputs)
    assert failures == []
    assert configured_plugin.diff(ROTATION, outputs, checked)
    outputs = configured_plugin.update(ROTATION, outputs, checked)
    assert outputs["trusted_by"] == {"s4": {"kind": "observed", "certificates": {slots[0]: "trusted"}}}

    back, failures = configured_plugin.check(ROTATION, {**program, "generation": "2026-11"}, checked)
    assert failures == []
    assert back["swap"]["targets"]["s4"].startswith("no, it trusts")
    assert configured_plugin.diff(ROTATION, outputs, back)
    configured_plugin.update(ROTATION, outputs, back)
    assert emulator.slots(guid).active == slots[1]


@pytest.mark.parametrize("operation", ["check", "diff", "update", "read", "delete"])
def test_a_development_state_is_refused(
    operation: str, configured_plugin: Any, emulator: Emulator, guid: str, slots: tuple[str, str]
) -> None:
    """The message says how to start over, and the service is left alone.

    The refusal comes from the state: the classes are frozen, so the pickle of a development version still loads
    (test_pickles.py), and this version's code meets the old keys.
    """
    inputs, outputs = state_in(DEVELOPMENT, guid, slots)
    today, failures = configured_plugin.check(ROTATION, program_of(ROTATION, guid, slots))
    assert failures == []
    called = len(emulator.journal())
    calls = {
        "check": lambda: configured_plugin.check(ROTATION, program_of(ROTATION, guid, slots), inputs),
        "diff": lambda: configured_plugin.diff(ROTATION, outputs, today),
        "update": lambda: configured_plugin.update(ROTATION, outputs, today),
        "read": lambda: configured_plugin.read(ROTATION, outputs),
        "delete": lambda: configured_plugin.delete(ROTATION, outputs),
    }

    with pytest.raises(grpc.RpcError) as caught:
        calls[operation]()

    message = caught.value.details()
    assert "UnreadableState" in message
    assert "written by a development version of btp-trust" in message
    assert "`signing`" in message
    assert "pulumi state delete '<URN>'" in message
    assert "docs/how-to/first-adoption.md" in message
    assert emulator.journal()[called:] == []
