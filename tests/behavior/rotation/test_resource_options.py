"""Pulumi's resource options, as far as they change what reaches the provider: ignore_changes, retain_on_delete."""

from __future__ import annotations

import io
from typing import Any

import pytest

from btp_trust.providers import RotationTriggerProvider
from btp_trust.runtime import process_session
from btp_trust.runtime.session import Session
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, Deployment, FakeEngine, Program, program, round_trip

EVERYTHING = ["*"]


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared b, while a signs."""
    engine = FakeEngine(
        emulator,
        emulator.create_subaccount(generate=True).guid,
        target_guid=emulator.create_subaccount(generate=True).guid,
    )
    emulator.advance(HOUR)
    engine.deploy(program("b", "a"))
    return engine


def ignoring(*names: str, passive_generation: str = "b", active_generation: str = "a", **more: Any) -> Program:
    """Write a program whose trigger ignores changes of these arguments."""
    return program(passive_generation, active_generation, trigger={"ignore_changes": list(names), **more})


@pytest.mark.parametrize("names", [["candidate"], EVERYTHING, ["candidate", "trusted_by"]], ids=str)
def test_ignored_candidate_changes_nothing(engine: FakeEngine, names: list[str]) -> None:
    """It is stable, also after a refresh; a name that is known already may be made to sign."""
    engine.deploy(ignoring(*names))
    assert engine.state["rotation"].inputs["candidate"] == "b"
    if names == EVERYTHING:
        assert engine.preview(ignoring(*names, active_generation="b")).has_no_changes
        return
    engine.deploy(ignoring(*names, active_generation="b"), ignoring(*names, active_generation="a"))
    assert engine.state["rotation"].inputs["candidate"] == "b"


def test_ignored_candidate_binds_no_name(engine: FakeEngine) -> None:
    """The refusal names the option that hides the candidate, and its remedy works."""
    engine.deploy(ignoring("candidate", passive_generation="c"))
    text = engine.assert_refused(
        ignoring("candidate", passive_generation="c", active_generation="c"), 'Take "candidate" out of ignore_changes'
    )
    assert "'c' is not known" in text
    engine.deploy(program("c", "a"), program("c", "c"))


def test_removal_beside_ignored_candidate_is_noticed(engine: FakeEngine) -> None:
    """The deletion is announced, and a swap that needs its certificate for a rollback is refused."""

    def without(active_generation: str) -> Program:
        def run(deployment: Deployment) -> None:
            deployment.trigger(generation=active_generation, candidate=None, ignore_changes=["candidate"])

        return run

    assert "is deleted, and a rollback to it becomes impossible" in engine.preview(without("a")).messages
    engine.assert_refused(without("b"), "two deployments")


def test_unrecorded_text_is_no_candidate(engine: FakeEngine) -> None:
    """Only the text that check wrote itself counts as a candidate."""
    process_session.set_current(Session(engine.config.get, engine.host(io.StringIO())))
    for olds in ({}, round_trip(engine.state["rotation"].inputs)):
        result = RotationTriggerProvider().check(olds, {"generation": "a", "candidate": "next"})
        assert "`candidate`" in result.failures[0].reason


@pytest.mark.parametrize("ignored", [(), ("candidate",)], ids=["read", "ignored"])
def test_retained_certificate_is_unannounced(engine: FakeEngine, ignored: tuple[str, ...]) -> None:
    """Its removal deletes nothing, so it is silent, and the swap may come in the same command."""
    retained: dict[str, Any] = {"passive": {"retain_on_delete": True}}
    engine.deploy(program("b", "a", **retained))
    engine.deploy(program("b", "a", **retained, trigger={"ignore_changes": list(ignored)}))
    assert "candidate_retained" not in engine.outputs("rotation")
    old, new = engine.slots

    alone = engine.preview(program(None, "a"))
    assert alone.operations["next"] == "delete"
    assert alone.messages == ""
    engine.deploy(program(None, "b"))
    assert engine.slots == (new, old)


def test_recorded_option_decides(engine: FakeEngine) -> None:
    """Once `retain_on_delete` is removed and deployed, the deletion is announced again."""
    given, taken = program("b", "a", passive={"retain_on_delete": True}), program("b", "a")
    engine.deploy(given)
    assert engine.preview(taken).has_no_changes
    engine.deploy(taken)
    assert "without retain_on_delete, passive" in engine.preview(program(None, "a")).messages
