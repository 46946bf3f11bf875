"""What every released version wrote into the state is understood for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from btp_trust_emulator import Emulator

Bag = dict[str, Any]
TRIGGER = "RotationTrigger"
GOLDEN = sorted((Path(__file__).parent / "golden").glob(f"*/{TRIGGER}.json"))
golden = pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.parent.name)


@pytest.fixture
def slots(emulator: Emulator, guid: str) -> tuple[str, str]:
    """What signs and what signed before, after a rotation."""
    emulator.advance(3600)
    emulator.generate_passive(guid)
    emulator.rotate(guid)
    found = emulator.slots(guid)
    return str(found.active), str(found.passive)


def state_in(file: Path, guid: str, slots: tuple[str, str]) -> tuple[Bag, Bag]:
    """Inputs and outputs of a trigger that has rotated, with the certificates of this run."""
    text = file.read_text()
    for mark, value in (("<subaccount>", guid), ("<active>", slots[0]), ("<passive>", slots[1])):
        text = text.replace(mark, value)
    state = json.loads(text)
    return state["inputs"], state["outputs"]


def candidate(guid: str, slots: tuple[str, str]) -> Bag:
    """What the program passes of its PassiveTrustCertificate."""
    return {"generation": "2028-11", "generations": {"2028-11": slots[0]}, "subaccount_id": guid}


@golden
def test_a_state_of_this_version_is_quiet_under_its_own_program(
    file: Path, configured_plugin: Any, guid: str, slots: tuple[str, str]
) -> None:
    """Nothing is due, and nothing is added to the inputs."""
    inputs, outputs = state_in(file, guid, slots)
    program = {"generation": "2028-11", "candidate": candidate(guid, slots)}

    checked, failures = configured_plugin.check(TRIGGER, program, inputs)

    assert failures == []
    assert checked.keys() == inputs.keys() - {"step", "slots_before"}
    assert not configured_plugin.diff(TRIGGER, outputs, checked)
    assert configured_plugin.read(TRIGGER, outputs).keys() == outputs.keys()


@golden
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an unrelated deployment"])
def test_a_state_of_this_version_takes_targets_up_and_goes_back(
    file: Path, configured_plugin: Any, emulator: Emulator, guid: str, slots: tuple[str, str], *, later: bool
) -> None:
    """A version that asked no targets recorded nothing of the way back, and yet they do not stand in it."""
    inputs, outputs = state_in(file, guid, slots)
    program = {"generation": "2028-11", "candidate": candidate(guid, slots), "trusted_by": {"s4": [slots[0]]}}
    if later:
        inputs = {name: value for name, value in inputs.items() if name not in ("step", "slots_before")}

    checked, failures = configured_plugin.check(TRIGGER, program, inputs)
    assert failures == []
    assert configured_plugin.diff(TRIGGER, outputs, checked)
    outputs = configured_plugin.update(TRIGGER, outputs, checked)
    assert outputs["trusted_by"] == {"s4": [slots[0]]}

    back, failures = configured_plugin.check(TRIGGER, {**program, "generation": "2026-11"}, checked)
    assert failures == []
    assert back["targets"]["s4"].startswith("no, it trusts")
    assert configured_plugin.diff(TRIGGER, outputs, back)
    configured_plugin.update(TRIGGER, outputs, back)
    assert emulator.slots(guid).active == slots[1]
