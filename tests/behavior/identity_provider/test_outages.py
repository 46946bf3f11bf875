"""A source or target that is unreachable, or offline."""

from __future__ import annotations

import pytest

from btp_trust.errors import EngineExited, NotAuthorized, OfflineRefused, ServiceUnavailable
from support.fake_engine import FakeEngine, answer_with, assert_three_part_message
from support.registrations import GET, ORIGIN, PREPARED, program

STATE_IS_ENOUGH = "was not checked; its resources are those of the state of"


@pytest.mark.parametrize("path", [GET, "GET certificate"])
def test_outage_blocks_only_due_changes(engine: FakeEngine, path: str) -> None:
    """An unreadable source or target blocks only what is due; with strict it fails."""
    engine.deploy(PREPARED)
    outputs = engine.outputs("billing")
    engine.transport.inject_always(answer_with(403), path)
    report = engine.preview(PREPARED)
    assert report.has_no_changes
    assert STATE_IS_ENOUGH in report.messages
    engine.refresh()
    assert engine.outputs("billing") == outputs
    with pytest.raises(NotAuthorized):
        engine.preview(program("b", "a", name="Shop"))
    with pytest.raises(NotAuthorized):
        engine.preview(program("b", "a", gated=False, passive=None))
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(NotAuthorized):
        engine.preview(PREPARED)


def test_first_registration_needs_both_readings(engine: FakeEngine) -> None:
    """A first registration needs the readings of source and target."""
    for path in (GET, "GET certificate"):
        engine.transport.inject_always(answer_with(403), path)
        with pytest.raises(NotAuthorized):
            engine.preview(program())
        engine.transport.clear_faults()


def test_offline_plans_and_refuses_writes(engine: FakeEngine) -> None:
    """Offline, the plan comes from the state, and writes and deletions are refused."""
    online = dict(engine.config)
    engine.config["btp-trust:offline"] = "true"
    assert "planned without looking" in str(engine.preview(program()).inputs["billing"]["step"])
    with pytest.raises(OfflineRefused):
        engine.up(program())
    engine.config = dict(online)
    engine.deploy(PREPARED)
    engine.config["btp-trust:offline"] = "true"
    assert engine.preview(PREPARED).has_no_changes
    with pytest.raises(OfflineRefused, match="retain_on_delete"):
        engine.destroy()


def test_blocked_deletion_names_remedies(engine: FakeEngine) -> None:
    """A deletion that is impossible now names the remedies."""
    engine.deploy(program())
    engine.transport.inject_always(answer_with(503), GET)
    with pytest.raises(ServiceUnavailable, match="retain_on_delete"):
        engine.destroy()
    engine.transport.clear_faults()
    engine.engine_exited = True
    with pytest.raises(EngineExited) as caught:
        engine.destroy()
    assert_three_part_message(str(caught.value), ORIGIN)
