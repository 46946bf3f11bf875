"""The commands of a nightly job agree about what somebody else did, for each combination of resources."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import pytest

from btp_trust.errors import TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, CheckFailedError, CommandReport, FakeEngine, Program
from support.resource_subsets import SUBSETS, write_program

CHANGES: Final[dict[str, Callable[[FakeEngine], object]]] = {
    "nothing": lambda _: None,
    "renewed in place": lambda engine: engine.emulator.generate_active(engine.guid),
    "swapped": lambda engine: engine.emulator.rotate(engine.guid),
    "passive removed": lambda engine: engine.emulator.delete_passive(engine.guid),
    "passive generated": lambda engine: engine.emulator.generate_passive(engine.guid),
}
COMMANDS: Final[dict[str, Callable[[FakeEngine, Program], CommandReport]]] = {
    "preview": lambda engine, program: engine.preview(program),
    "preview --refresh": lambda engine, program: engine.preview_with_refresh(program),
    "refresh --preview-only": lambda engine, _: engine.preview_refresh(),
}


@pytest.fixture
def stacks(emulator: Emulator) -> Callable[[tuple[str, ...]], FakeEngine]:
    """A function that deploys a program on a subaccount with two certificates."""

    def deploy(subset: tuple[str, ...], *, linked: bool = True) -> FakeEngine:
        guid, target = emulator.create_subaccount(generate=True).guid, emulator.create_subaccount().guid
        emulator.advance(HOUR)
        emulator.generate_passive(guid)
        emulator.advance(HOUR)
        engine = FakeEngine(emulator, guid, target_guid=target)
        engine.up(write_program(subset, linked=linked))
        emulator.advance(HOUR)
        return engine

    return deploy


def outcome(engine: FakeEngine, program: Program, command: str, *, is_strict: bool) -> tuple[bool, str]:
    """Run a command with `--expect-no-changes`; return whether it passes, and what it says."""
    engine.config["btp-trust:strict"] = str(is_strict).lower()
    try:
        report = COMMANDS[command](engine, program)
    except (TrustError, CheckFailedError) as error:
        return False, str(error)
    finally:
        del engine.config["btp-trust:strict"]
    return report.has_no_changes, report.messages


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("linked", [True, False], ids=["rotation=", "apart"])
def test_commands_agree_about_foreign_changes(
    stacks: Callable[..., FakeEngine], subset: tuple[str, ...], *, linked: bool
) -> None:
    """All pass or all fail, also if strict; a strict one fails wherever another one warns; a new signer is named."""
    if not linked and not {"active", "trigger"} <= {*subset}:
        return
    for change, act in CHANGES.items():
        engine = stacks(subset, linked=linked)
        program = write_program(subset, linked=linked)
        before = engine.slots[0]
        act(engine)
        engine.emulator.advance(HOUR)
        is_new = engine.slots[0] != before and bool({"active", "trigger"} & {*subset})
        run = functools.partial(outcome, engine, program)
        for is_strict in (False, True):
            found = {command: run(command, is_strict=is_strict) for command in COMMANDS}
            assert len({passes for passes, _ in found.values()}) == 1, (change, is_strict, found)
            if change == "nothing":
                assert {*found.values()} == {(True, "")}
            if is_new:
                assert all(str(before)[:8] in text and str(engine.slots[0])[:8] in text for _, text in found.values())
                assert not (is_strict and any(passes for passes, _ in found.values()))
        warns = {"warning" in run(command, is_strict=False)[1] for command in COMMANDS}
        passes_strictly = {run(command, is_strict=True)[0] for command in COMMANDS}
        assert len(warns) == 1
        assert warns != passes_strictly or warns == {False}, change
