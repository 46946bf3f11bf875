"""`btp-trust history` of stacks of the fake engine: events of the state, deployments of Pulumi."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.history.command import HistoryRequest, run_history
from btp_trust_emulator import Emulator
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed, screen

MakeHost = Callable[..., Host]


def read(host: Host, folder: Path, *, all_stacks: bool = False) -> tuple[Severity, list[dict[str, Any]]]:
    """Run the command with `--json`; return its exit code and the stacks."""
    terminal = pipes()
    severity = run_history(HistoryRequest(Selection(None, all_stacks, folder), as_json=True), host, terminal)
    return severity, json.loads(printed(terminal))["stacks"]


def deployment_at(engine: FakeEngine, number: int, **more: Any) -> dict[str, Any]:
    """Return an entry of `pulumi stack history` at the time of the last swap."""
    then = engine.outputs("rotation")["rotated_at"]
    return {"version": number, "kind": "update", "startTime": then, "endTime": then, "result": "succeeded", **more}


@pytest.fixture
def deployed(engine: FakeEngine, pulumi: FakePulumi) -> FakeEngine:
    """A stack that has rotated to b in deployment 7; deployment 8 changed nothing."""
    engine.deploy(program("b", "b"))
    seventh = deployment_at(engine, 7, message="Rotate to b", resourceChanges={"update": 2, "same": 1})
    eighth = deployment_at(engine, 8, resourceChanges={"same": 3})
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True, history=[eighth, seventh])
    return engine


def test_events_belong_to_deployments(
    deployed: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, emulator: Emulator
) -> None:
    """Each event has both certificates with their generations; the service is left alone."""
    emulator.clear_journal()
    severity, (stack,) = read(make_host(), pulumi.folder)
    (subaccount,), (deployment,) = stack["subaccounts"], stack["deployments"]
    (event,) = subaccount["events"]
    assert severity is Severity.OK
    assert subaccount["label"] == deployed.label
    assert (event["step"], event["signer"]["generation"], event["previous"]["generation"]) == ("rotate", "b", "a")
    assert (event["signer"]["fingerprint"], event["previous"]["fingerprint"]) == deployed.slots
    assert event["deployment"] == deployment["started_at"]
    assert (deployment["number"], deployment["changes"]) == (7, {"update": 2})
    assert emulator.journal() == []


def test_table_fits_the_terminal(
    deployed: FakeEngine, pulumi: FakePulumi, make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In colors, within the columns."""
    monkeypatch.setenv("COLUMNS", "160")
    terminal = screen()
    assert run_history(HistoryRequest(Selection(folder=pulumi.folder)), make_host(), terminal) is Severity.OK
    shown = printed(terminal)
    assert "\x1b[32mOK" in shown
    assert deployed.label in shown
    assert "Rotate to b" in shown


def test_events_do_without_deployments(deployed: FakeEngine, pulumi: FakePulumi, make_host: MakeHost) -> None:
    """A backend that lists none, or in another form, leaves the events; the reason is named."""
    pulumi.overwrite("history-dev", "{")
    severity, (stack,) = read(make_host(), pulumi.folder)
    assert severity is Severity.OK
    assert stack["deployments_error"]["kind"] == "UnreadableState"
    assert stack["subaccounts"][0]["events"][0]["signer"]["fingerprint"] == deployed.slots[0]


@pytest.mark.usefixtures("deployed")
def test_unreadable_stack_is_unknown(pulumi: FakePulumi, make_host: MakeHost) -> None:
    """The others are there all the same."""
    pulumi.add_stack("live", {})
    pulumi.overwrite("export-live", "{")
    severity, stacks = read(make_host(), pulumi.folder, all_stacks=True)
    assert severity is Severity.UNKNOWN
    assert [(stack["stack"], stack["error"] is None) for stack in stacks] == [("dev", True), ("live", False)]


def test_history_needs_a_stack(make_host: MakeHost, tmp_path: Path) -> None:
    """Outside of a project there is none; the error says what to do."""
    with pytest.raises(ConfigurationError, match="A history needs a stack") as caught:
        read(make_host(), tmp_path)
    assert "--all-stacks" in caught.value.remedy
