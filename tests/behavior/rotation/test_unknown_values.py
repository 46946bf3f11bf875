"""Unknown values through the eyes of an engine: before a replacement, and in a preview."""

from __future__ import annotations

import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust import property_bag
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, Twin, program
from support.verification import Landscape

PREPARED = program("b", "a")


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that has prepared b, while a signs."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(PREPARED)
    return twin


@pytest.mark.parametrize("mark", [UNKNOWN, *property_bag._MARKS], ids=["read by the SDK", *property_bag._MARKS])
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
def test_what_may_change_before_a_replacement_is_not_guessed(
    twin: Twin, name: str, arguments: list[str], mark: object
) -> None:
    """The engine asks diff in a real update, before check: nothing is read, nothing is said, nothing is refused."""
    changes, report = twin.ask(name, arguments, mark)

    assert changes
    assert report.messages == ""
    assert report.requests == []
    twin.assert_settled(PREPARED)


def test_a_preview_shows_a_rotation_beside_what_it_does_not_know(emulator: Emulator) -> None:
    """A word that asks for a check changes nothing that has to be reviewed, so all the rest is shown as always."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid))
    report = here.twin.preview(here.program("b", "s4", "assertion", verify_now=UNKNOWN))

    assert "RotationTrigger: rotate" in report.messages
    assert report.inputs["rotation"]["verify_now"] == rpc.UNKNOWN
    assert report.operations["rotation"] == "update"


def test_a_preview_says_nothing_of_a_check_that_may_not_come(emulator: Emulator) -> None:
    """The word may be the same as before."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid))
    report = here.twin.preview(here.program("a", *here.targets, "assertion", verify_now=UNKNOWN))

    assert report.operations["rotation"] == "update"
    assert "will be tried" not in report.messages


def test_an_unknown_subaccount_is_the_recorded_one(twin: Twin) -> None:
    """A resource never moves: another one is refused once it is known."""
    unknown_ = {"subaccount_id": UNKNOWN}
    assert twin.preview(program("b", "a", passive=unknown_, trigger=unknown_, active=unknown_)).is_quiet
    other = {"subaccount_id": "00000000-1111-4222-8333-000000005cdd"}
    twin.refuses(program("b", "a", trigger=other), twin.guid)
