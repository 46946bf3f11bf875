"""A swap waits for the registration of the certificate that is to sign."""

from __future__ import annotations

import functools
import re

import pytest

from support.fake_engine import HOUR, CheckFailedError, Deployment, FakeEngine, Program, answer_with
from support.registrations import ALONE, GET, ORIGIN, PREPARED, ROTATED, Api, program, trusted


def test_swap_waits_for_registration(engine: FakeEngine) -> None:
    """A swap in the command that registers the next signer is refused by the target gate."""
    engine.deploy(ALONE)
    engine.deploy(program("b", "a", passive=None))
    message = engine.assert_refused(program("b", "b"), "billing")
    assert "not known in this preview" in message
    with pytest.raises(CheckFailedError, match="billing: no"):
        engine.preview(program("b", "b", passive=None))
    engine.deploy(PREPARED, ROTATED)


def test_ungated_swap_waits_for_registration(engine: FakeEngine) -> None:
    """A swap in the command that registers the next signer is refused by the plan of the command too."""
    ungated = functools.partial(program, gated=False)
    engine.deploy(ungated(None, "a"), ungated("b", "a", passive=None))
    for wanted in (ungated("b", "b"), ungated("b", "b", name="renamed as well")):
        assert "rotate in a second deployment" in engine.assert_refused(
            wanted, ORIGIN, engine.target_guid[:8], engine.slots[1]
        )
    with pytest.raises(CheckFailedError):
        engine.up(ungated("b", "b"), skip_preview=True)
    assert "POST rotateCertificate" not in engine.last_report.requests
    engine.deploy(ungated("b", "a"), ungated("b", "b"))


@pytest.mark.parametrize("change", ["inactive", "another entity", "gone"])
def test_swap_waits_for_usable_registration(engine: FakeEngine, change: str) -> None:
    """A swap is refused while the registration is inactive, gone or of another entity."""
    engine.deploy(program(None, "a", gated=False), program("b", "a", gated=False))
    api = Api(engine)
    if change == "inactive":
        api.change(active=False, isActive=False)
    elif change == "gone":
        api.delete()
    else:
        config = api.all()[ORIGIN]["config"]
        api.configure(metaDataLocation=re.sub('entityID="[^"]*"', 'entityID="another"', config["metaDataLocation"]))
    engine.assert_refused(program("b", "b", gated=False), ORIGIN, "is not known to trust")
    engine.deploy(program("b", "a", gated=False), program("b", "b", gated=False))


def test_swap_waits_for_unreadable_target(engine: FakeEngine) -> None:
    """A swap is refused while the target is unreadable."""
    engine.deploy(ALONE, PREPARED)
    engine.transport.inject_always(answer_with(503), GET)
    assert "could not be checked" in engine.assert_refused(ROTATED, ORIGIN)
    engine.transport.clear_faults()
    engine.deploy(ROTATED)


@pytest.mark.parametrize("trigger_first", [False, True])
def test_swap_to_dropped_certificate_is_refused(engine: FakeEngine, *, trigger_first: bool) -> None:
    """A swap to a certificate that the registration drops is refused in either order; a rollback passes."""

    def written(signs: str, *, registers: bool) -> Program:
        def run(deployment: Deployment) -> None:
            upcoming = deployment.passive(generation="b")
            if trigger_first:
                deployment.trigger(generation=signs, candidate=upcoming)
            passive = upcoming if registers else None
            deployment.trusted(connection="billing", origin_key=ORIGIN, passive=passive)
            if not trigger_first:
                deployment.trigger(generation=signs, candidate=upcoming)

        return run

    engine.emulator.advance(HOUR)
    engine.deploy(written("a", registers=True))
    message = engine.assert_refused(written("b", registers=False), ORIGIN)
    assert "would reject every user" in message
    engine.deploy(written("b", registers=True))
    report = engine.up(written("a", registers=False))
    assert ("the `pulumi up` after this one registers it" in report.messages) is not trigger_first
    engine.deploy(written("a", registers=False))
    assert trusted(engine) == {engine.slots[0]}


def test_waiting_swap_needs_registration_now(engine: FakeEngine) -> None:
    """A rotation that waits for its time is refused as well, so that its window finds the certificate registered."""

    def written(signs: str, *, registers: bool) -> Program:
        def run(deployment: Deployment) -> None:
            upcoming = deployment.passive(generation="b")
            deployment.trusted(connection="billing", origin_key=ORIGIN, passive=upcoming if registers else None)
            deployment.trigger(generation=signs, candidate=upcoming, soak=14, when="next_window")

        return run

    engine.deploy(ALONE, written("a", registers=False))
    engine.assert_refused(written("b", registers=False), ORIGIN, "is not known to trust")
    engine.deploy(written("a", registers=True))
    assert "waits until" in engine.up(written("b", registers=True)).messages
