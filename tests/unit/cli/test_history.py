"""The table of `btp-trust history`, and which deployments it lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.schema import RotationState
from btp_trust_cli.history.deployments import Deployment, ListedUpdate, parse_deployments
from btp_trust_cli.history.document import history_document
from btp_trust_cli.history.model import StackHistory, events_of, histories_of
from btp_trust_cli.history.text import history_text
from btp_trust_cli.recorded import RecordedSubaccount
from support.statuses import ERROR, GUID, NAMES, OLD, YOUNG

TEXT = (Path(__file__).parent / "history.txt").read_text()
START = datetime(2028, 11, 20, 8, 0, tzinfo=UTC)
EVENTS = [
    Event(at="2028-11-20T08:00:30Z", step=EventKind.ROTATE, previous=OLD.fingerprint, signer=YOUNG.fingerprint),
    Event(at="2028-11-20T08:00:40Z", step=EventKind.VERIFY, signer=YOUNG.fingerprint, why="s4: rejected"),
    Event(at="2028-11-21T08:00:00Z", step=EventKind.FOUND, previous=YOUNG.fingerprint, signer="f" * 64),
]
ROTATION = RotationState(fingerprint=OLD.fingerprint, generation="2026-01", history=EVENTS)
RECORDED = RecordedSubaccount(GUID, "prod", rotation=ROTATION, bound_names=NAMES, recorded_label="acme (11111111)")


def update(minutes: int = 0, **more: Any) -> dict[str, Any]:
    """Return an entry as Pulumi prints it."""
    started = START + timedelta(minutes=minutes)
    ended = started + timedelta(seconds=45)
    times = {"startTime": f"{started:%Y-%m-%dT%H:%M:%S}.000Z", "endTime": f"{ended:%Y-%m-%dT%H:%M:%S}.000Z"}
    return {"kind": "update", **times, "result": "succeeded", "resourceChanges": {"update": 2, "same": 1}, **more}


def parse(*updates: dict[str, Any]) -> tuple[Deployment, ...]:
    """Decode entries as the command does."""
    return parse_deployments(msgspec.convert(updates, list[ListedUpdate]))


GIT = {"git.head": "0123456789abcdef0123", "git.author": "Jane Roe"}
DEPLOYMENTS = parse(
    update(1445, result="failed", resourceChanges=None),
    update(0, version=12, message="Rotate\n\nThe targets are ready.", environment=GIT),
)
STACK = StackHistory("live", histories_of([RECORDED, RecordedSubaccount("2" * 8, "other")]), DEPLOYMENTS)
QUIET = RecordedSubaccount(GUID, "prod", rotation=RotationState(fingerprint=OLD.fingerprint, generation="2026-01"))
OTHERS = [
    StackHistory("new", histories_of([QUIET])),
    StackHistory("silent", deployments_error=ERROR),
    StackHistory("closed", error=ERROR),
]


def test_tables_show_events_and_deployments() -> None:
    """The newest first; empty columns are left out; what was unreadable says why."""
    assert history_text([STACK, *OTHERS]) == TEXT


def test_document_has_whole_fingerprints() -> None:
    """And the generations, where the stack still knows them."""
    document = history_document([STACK, *OTHERS])
    assert (document["format"], document["state"], document["exit_code"]) == (1, "UNKNOWN", 3)
    found, verified, rotated = document["stacks"][0]["subaccounts"][0]["events"]
    assert found["signer"] == {"fingerprint": "f" * 64, "generation": None}
    assert verified["previous"] is None
    assert rotated["previous"] == {"fingerprint": OLD.fingerprint, "generation": "2026-01"}
    assert rotated["deployment"] == document["stacks"][0]["deployments"][1]["started_at"]
    assert found["deployment"] is None


@pytest.mark.parametrize(("seconds", "belongs"), [(-61, False), (-60, True), (45, True), (105, True), (106, False)])
def test_clocks_may_differ_a_minute(*, seconds: int, belongs: bool) -> None:
    """An event is of the service's clock, a deployment of the machine's."""
    (deployment,) = parse(update())
    assert deployment.was_at(START + timedelta(seconds=seconds)) is belongs


def test_idle_deployments_are_left_out() -> None:
    """One counts if it changed something or failed; one that still runs ends when it starts."""
    assert parse(update(resourceChanges={"same": 4}), update(resourceChanges=None)) == ()
    (running,) = parse(update(result="in-progress", endTime=None, resourceChanges=None))
    assert running.started_at == running.ended_at


def test_events_need_a_trigger() -> None:
    """Another subaccount has an empty history."""
    assert events_of(RecordedSubaccount(GUID, "prod")) == events_of(None) == ()
