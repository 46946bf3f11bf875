"""What `pulumi up --json` prints: one event of the engine a line, as far as they are read. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from btp_trust.parsing import structs
from btp_trust_fleet.stack_run.preview_document import Diagnostic, ResourceState


class _Metadata(msgspec.Struct):
    urn: str = ""
    type: str = ""
    new: ResourceState | None = None


class _ResourceEvent(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Event(msgspec.Struct, rename="camel"):
    diagnostic_event: Diagnostic | None = None
    res_outputs_event: _ResourceEvent | None = None


class UpdateEvents(msgspec.Struct, frozen=True):
    """An update, by its events."""

    errors: tuple[Diagnostic, ...] = ()
    outputs: dict[str, dict[str, Any]] = {}
    """{URN: outputs} of the resources of this provider whose step has ended."""


def parse_events(printed: bytes) -> UpdateEvents:
    """Read the events. A line that is torn, by the end of Pulumi, is left out."""
    events = [event for line in printed.splitlines() if (event := _parse(line)) is not None]
    errors = [event.diagnostic_event for event in events if event.diagnostic_event is not None]
    return UpdateEvents(
        tuple(line for line in errors if line.severity == "error"),
        dict(_outputs(event.res_outputs_event) for event in events if event.res_outputs_event is not None),
    )


def _parse(line: bytes) -> _Event | None:
    try:
        return structs.decode(line, _Event)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _outputs(event: _ResourceEvent) -> tuple[str, dict[str, Any]]:
    new = event.metadata.new
    return event.metadata.urn, {} if new is None else new.outputs
