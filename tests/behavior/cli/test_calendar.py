"""`btp-trust calendar` against the emulator: printed or written, the same for the same state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from btp_trust.runtime.host import Host
from btp_trust_cli.calendar_feed.command import CalendarRequest, run_calendar
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_emulator import Emulator, FaultKind
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]
FREEZE = {"from": "2028-12-15", "to": "2029-01-05", "why": "closing"}


@pytest.fixture
def request_for(engine: FakeEngine, pulumi: FakePulumi) -> Callable[..., CalendarRequest]:
    """A function that returns a request for the stack, which has a freeze."""
    engine.up(program("b", "a", trigger={"freeze": [FREEZE]}))
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    return lambda **options: CalendarRequest(Selection(folder=pulumi.folder), **options)


def test_stack_is_printed(
    request_for: Callable[..., CalendarRequest], make_host: MakeHost, engine: FakeEngine, emulator: Emulator
) -> None:
    """Both certificates by generation, and the freeze of the state; the same text in each run of a moment."""
    texts, moment = [], emulator.now
    for _ in range(2):
        terminal = pipes()
        assert run_calendar(request_for(as_of=moment), make_host(), terminal) is Severity.OK
        texts.append(printed(terminal))
        emulator.advance(60)
    assert texts[0] == texts[1]
    summaries = [str(event["summary"]) for event in Calendar.from_ical(texts[0]).walk("VEVENT")]
    short = (engine.slots[0] or "")[:8]
    assert f"{engine.label}: the signer {short} (a) expires" in summaries
    assert f"{engine.label}: freeze, closing" in summaries


def test_file_is_written(
    request_for: Callable[..., CalendarRequest], make_host: MakeHost, emulator: Emulator, pulumi: FakePulumi
) -> None:
    """The first line is for monitoring systems; the moment of the file is that of the service."""
    file = pulumi.folder / "trust.ics"
    terminal = pipes()
    run_calendar(request_for(output=file), make_host(), terminal)
    events: list[Any] = Calendar.from_ical(file.read_bytes()).walk("VEVENT")
    assert printed(terminal) == f"OK: 1 subaccount, 1 OK\n{len(events)} events in {file}\n"
    assert emulator.now - events[0]["dtstamp"].dt < timedelta(seconds=60)


def test_unreadable_subaccount_is_unknown(
    request_for: Callable[..., CalendarRequest], make_host: MakeHost, emulator: Emulator, engine: FakeEngine
) -> None:
    """The exit code says so, and an event; what the state knows is there."""
    emulator.fault(FaultKind.FAIL, path="token", status=503, count=99)
    terminal = pipes()
    try:
        assert run_calendar(request_for(), make_host(), terminal) is Severity.UNKNOWN
    finally:
        emulator.clear_faults()
    shown = printed(terminal).replace("\r\n ", "")
    assert f"subaccount {engine.guid[:8]}: what comes is unknown (ServiceUnavailable)" in shown
    assert "freeze\\, closing" in shown
