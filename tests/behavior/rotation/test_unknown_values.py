"""Unknown values through the eyes of an engine: before a replacement, and in a preview."""

from __future__ import annotations

import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust import property_bag
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, program
from support.verification import VerificationScenario

PREPARED = program("b", "a")


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared b, while a signs."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(PREPARED)
    return engine


@pytest.mark.parametrize("mark", [UNKNOWN, *property_bag._SENTINELS], ids=["read by the SDK", *property_bag._SENTINELS])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("next", ["generation"]),
        ("next", ["subaccount_id", "adopt"]),
        ("rotation", ["candidate", "generation"]),
        ("rotation", ["trusted_by"]),
        ("rotation", ["verify_now"]),
        ("signing", ["rotation"]),
        ("signing", ["subaccount_id"]),
    ],
)
def test_unknown_before_replacement_is_a_change(
    engine: FakeEngine, name: str, arguments: list[str], mark: object
) -> None:
    """In a real update the engine calls diff before check: it reads, prints and refuses nothing."""
    changes, report = engine.diff_with_unknowns(name, arguments, mark)

    assert changes
    assert report.messages == ""
    assert report.requests == []
    engine.assert_stable(PREPARED)


def test_unknown_request_shows_the_rotation(emulator: Emulator) -> None:
    """An unknown `verify_now` changes nothing to review, so the rest is shown as always."""
    scenario = VerificationScenario(FakeEngine(emulator, emulator.create_subaccount(generate=True).guid))
    report = scenario.engine.preview(scenario.program("b", "s4", "assertion", verify_now=UNKNOWN))

    assert f"{scenario.engine.subject}rotate" in report.messages
    assert report.inputs["rotation"]["verify_now"] == rpc.UNKNOWN
    assert report.operations["rotation"] == "update"


def test_unknown_request_announces_no_verification(emulator: Emulator) -> None:
    """The text may be the same as before, so that a verification is uncertain."""
    scenario = VerificationScenario(FakeEngine(emulator, emulator.create_subaccount(generate=True).guid))
    report = scenario.engine.preview(scenario.program("a", *scenario.targets, "assertion", verify_now=UNKNOWN))

    assert report.operations["rotation"] == "update"
    assert "will be verified" not in report.messages


def test_unknown_subaccount_is_the_recorded_one(engine: FakeEngine) -> None:
    """A resource stays in its subaccount: another one is refused once it is known."""
    unknown_ = {"subaccount_id": UNKNOWN}
    assert engine.preview(program("b", "a", passive=unknown_, trigger=unknown_, active=unknown_)).has_no_changes
    other = {"subaccount_id": "00000000-1111-4222-8333-000000005cdd"}
    engine.assert_refused(program("b", "a", trigger=other), engine.guid)
