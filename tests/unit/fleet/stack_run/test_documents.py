"""What Pulumi prints, and what is unreadable."""

from __future__ import annotations

import msgspec
import pytest

from btp_trust.errors import UnreadableState
from btp_trust_fleet.stack_run.preview_document import Step, parse_preview, trigger_inputs
from btp_trust_fleet.stack_run.update_events import parse_events
from support.fleet_previews import NEW, urn

SECRET = "S3CRET"
_OUTPUTS = {"metadata": {"urn": urn("RotationTrigger"), "new": {"outputs": {"fingerprint": NEW}}}}


def _events(*events: dict[str, object]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, events))


def test_update_is_read_by_events() -> None:
    """Errors and outputs have fields; torn lines and other events are left out."""
    printed = _events(
        {"sequence": 0, "preludeEvent": {}},
        {"diagnosticEvent": {"message": "so", "severity": "info"}},
        {"diagnosticEvent": {"message": "no", "severity": "error", "urn": urn("RotationTrigger")}},
        {"resOutputsEvent": _OUTPUTS},
        {"resOutputsEvent": {"metadata": {"urn": "gone", "new": None}}},
        {"summaryEvent": {"result": "succeeded"}},
    )
    events = parse_events(printed + b'\n{"diagnosticEvent": {"mess')
    assert [error.message for error in events.errors] == ["no"]
    assert events.errors[0].is_of_trigger
    assert events.outputs == {urn("RotationTrigger"): {"fingerprint": NEW}, "gone": {}}
    assert parse_events(b"\xff").errors == ()


@pytest.mark.parametrize("printed", [SECRET.encode(), b'{"steps": "S3CRET"}', b"\xff"])
def test_unreadable_preview_quotes_nothing(printed: bytes) -> None:
    """The message omits what was printed, and so does its context."""
    with pytest.raises(UnreadableState) as raised:
        parse_preview(printed)
    assert SECRET not in str(raised.value)
    assert raised.value.__context__ is None


def test_unreadable_inputs_quote_nothing() -> None:
    """Inputs of another form may hold secrets of the program."""
    with pytest.raises(UnreadableState) as raised:
        trigger_inputs({"signer": SECRET})
    assert SECRET not in str(raised.value)
    assert raised.value.__context__ is None


def test_bare_step_is_empty() -> None:
    """A step may be printed alone, with neither state."""
    step = Step("same", "urn:x::name")
    assert (step.kind, step.label, step.old_inputs, step.new_inputs) == (None, " 'name'", {}, {})
