"""Pulumi's resource options, as far as they change what reaches the provider: ignore_changes, retain_on_delete."""

from __future__ import annotations

import io
from typing import Any

import pytest

from btp_trust.providers import RotationTriggerProvider
from btp_trust.runtime import session
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, Deployment, Program, Twin, program, wire

EVERYTHING = ["*"]


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that has prepared b, while a signs."""
    twin = Twin(
        emulator, emulator.create_subaccount(generate=True).guid, target=emulator.create_subaccount(generate=True).guid
    )
    emulator.advance(HOUR)
    twin.deploy(program("b", "a"))
    return twin


def ignoring(*names: str, prepared: str = "b", signs: str = "a", **more: Any) -> Program:
    """Write a program whose trigger ignores changes of these arguments."""
    return program(prepared, signs, trigger={"ignore_changes": list(names), **more})


@pytest.mark.parametrize("names", [["candidate"], EVERYTHING, ["candidate", "trusted_by"]], ids=str)
def test_a_trigger_that_ignores_its_candidate_stays_as_it_is(twin: Twin, names: list[str]) -> None:
    """Nothing to do, now and after a refresh; with it, the name that is known already may be made to sign."""
    twin.deploy(ignoring(*names))
    assert twin.state["rotation"].inputs["candidate"] == "b"
    if names == EVERYTHING:
        assert twin.preview(ignoring(*names, signs="b")).is_quiet
        return
    twin.deploy(ignoring(*names, signs="b"), ignoring(*names, signs="a"))
    assert twin.state["rotation"].inputs["candidate"] == "b"


def test_a_new_generation_is_not_learned_from_an_ignored_candidate(twin: Twin) -> None:
    """The refusal says what keeps it from being read; the way out works."""
    twin.deploy(ignoring("candidate", prepared="c"))
    text = twin.refuses(ignoring("candidate", prepared="c", signs="c"), 'Take "candidate" out of ignore_changes')
    assert "'c' is not known" in text
    twin.deploy(program("c", "a"), program("c", "c"))


def test_a_certificate_that_leaves_beside_an_ignored_candidate_is_noticed(twin: Twin) -> None:
    """Its deletion is announced, and no swap is planned in the command that would delete the way back."""

    def without(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            deployment.trigger(generation=signs, candidate=None, ignore_changes=["candidate"])

        return run

    assert "is deleted and there is no way back to it" in twin.preview(without("a")).messages
    twin.refuses(without("b"), "two deployments")


def test_a_text_that_no_deployment_recorded_is_no_candidate(twin: Twin) -> None:
    """Only what check wrote itself is taken for one."""
    session.install(session.Session(twin.config.get, twin.world(io.StringIO())))
    for olds in ({}, wire(twin.state["rotation"].inputs)):
        result = RotationTriggerProvider().check(olds, {"generation": "a", "candidate": "next"})
        assert [failure.property for failure in result.failures] == ["candidate"]


@pytest.mark.parametrize("ignored", [(), ("candidate",)], ids=["read", "ignored"])
def test_a_retained_certificate_is_not_announced_as_deleted(twin: Twin, ignored: tuple[str, ...]) -> None:
    """Nothing is deleted when it leaves the program, so nothing is said, and the swap may come in the same command."""
    retained: dict[str, Any] = {"passive": {"retained": True}}
    twin.deploy(program("b", "a", **retained))
    twin.deploy(program("b", "a", **retained, trigger={"ignore_changes": list(ignored)}))
    assert "candidate_retained" not in twin.outputs("rotation")
    old, new = twin.slots

    alone = twin.preview(program(None, "a"))
    assert alone.operations["next"] == "delete"
    assert alone.messages == ""
    twin.deploy(program(None, "b"))
    assert twin.slots == (new, old)


def test_the_option_counts_as_the_last_deployment_had_it(twin: Twin) -> None:
    """Given, taken away again: then the deletion is announced once more."""
    given, taken = program("b", "a", passive={"retained": True}), program("b", "a")
    twin.deploy(given)
    assert twin.preview(taken).is_quiet
    twin.deploy(taken)
    assert "without retain_on_delete, passive" in twin.preview(program(None, "a")).messages
