"""The commands of the fleet that leave the ledger alone: init, plan, status, matrix, schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from btp_trust.runtime.host import Host
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.options import Pipeline, PlanForm
from btp_trust_emulator import Emulator
from btp_trust_fleet.matrix_command import run_matrix
from btp_trust_fleet.plan.command import PlanRequest, run_plan
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask
from btp_trust_fleet.stacks import run_init
from btp_trust_fleet.status.command import FleetStatusRequest, run_fleet_status
from btp_trust_fleet.surroundings import FleetRequest
from btp_trust_fleet.table.json_schema import fleet_schema
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.fleet_samples import ScriptedScheduler, outcome_of, write_table
from support.paths import ROOT
from support.terminals import pipes, printed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table."""
    return write_table(tmp_path).parent


@pytest.mark.parametrize(
    ("form", "start"), [("table", "OK: 3 "), ("markdown", "## Fl"), ("junit", "<?xml"), ("json", "{")]
)
def test_plan_has_its_forms(folder: Path, form: str, start: str) -> None:
    """All stacks are previewed, also those that the ledger has as done."""
    terminal, scheduler = pipes(), ScriptedScheduler()
    assert run_plan(PlanRequest(folder, form=PlanForm(form)), terminal, scheduler) == Severity.OK
    assert printed(terminal).startswith(start)
    assert scheduler.stacks() == ["acme-dev", "acme-qa", "live"]
    assert scheduler.is_closed


def test_plan_of_a_wave_alone(folder: Path) -> None:
    """A preview that fails is critical."""
    terminal = pipes()
    scheduler = ScriptedScheduler(lambda task: outcome_of(task.stack, StackState.FAILED))
    assert run_plan(PlanRequest(folder, wave="2"), terminal, scheduler) == Severity.CRITICAL
    assert printed(terminal).startswith("CRITICAL: 1 stack, 1 failed\n\nwave 2, quality")


def test_interrupted_plan_ends_its_previews(folder: Path) -> None:
    """Ctrl-C reaches what runs."""

    def interrupt(_: StackTask) -> StackOutcome:
        raise KeyboardInterrupt

    scheduler = ScriptedScheduler(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_plan(PlanRequest(folder), pipes(), scheduler)
    assert scheduler.interruptions == 1


def test_slow_plan_is_waited_for(folder: Path) -> None:
    """A preview may take longer than a look."""
    slow = {"live"}

    def script(task: StackTask) -> StackOutcome | None:
        if task.stack in slow:
            slow.remove(task.stack)
            return None
        return outcome_of(task.stack, StackState.UNCHANGED)

    assert run_plan(PlanRequest(folder), pipes(), ScriptedScheduler(script)) == Severity.OK


def test_matrix_is_a_line(folder: Path) -> None:
    """As the output of a step takes it."""
    terminal = pipes()
    assert run_matrix(FleetRequest(folder, wave="canary"), Pipeline.GITHUB, None, terminal) == Severity.OK
    (line,) = printed(terminal).splitlines()
    assert [row["stack"] for row in json.loads(line)["include"]] == ["acme-dev"]


def test_matrix_of_gitlab_is_yaml(folder: Path) -> None:
    """To which the jobs of a child pipeline are appended."""
    terminal = pipes()
    run_matrix(FleetRequest(folder, wave="1"), Pipeline.GITLAB, None, terminal)
    assert printed(terminal).startswith(".fleet:\n  parallel:\n    matrix:\n    - FLEET_NAME: acme-dev\n")


def test_editors_have_the_schema() -> None:
    """The committed one is that of the code, and describes each key; `btp-trust fleet schema` writes it."""
    text = fleet_schema()
    assert (ROOT / "docs/reference/fleet.schema.json").read_text() == text
    shapes = json.loads(text)["$defs"]
    for name in ("SubaccountEntry", "WaveEntry"):
        assert all("description" in value for value in shapes[name]["properties"].values()), name


@pytest.mark.parametrize(("old", "new"), [("labels", "label"), ("7d", "7 days"), ("approval: none", "approval: maybe")])
def test_schema_accepts_the_example(old: str, new: str) -> None:
    """And rejects what the command refuses."""
    text, schema = (ROOT / "examples/fleet/fleet.yaml").read_text(), json.loads(fleet_schema())
    assert jsonschema_rs.is_valid(schema, yaml.safe_load(text))
    assert not jsonschema_rs.is_valid(schema, yaml.safe_load(text.replace(old, new)))


@pytest.fixture
def project(tmp_path: Path) -> FakePulumi:
    """A project with the table, and with the stack of the first row."""
    project = FakePulumi(tmp_path / "project")
    write_table(project.folder)
    project.stacks.append({"name": "acme/trust/acme-dev"})
    project.overwrite("stacks", json.dumps(project.stacks))
    return project


@pytest.mark.parametrize("provider", [None, "awskms://key"])
def test_missing_stacks_are_created(project: FakePulumi, provider: str | None) -> None:
    """Those that `pulumi stack ls` lacks, also where the backend writes an organization before their names."""
    project.overwrite("created", "")
    terminal = pipes()
    request = FleetRequest(project.folder)
    assert run_init(request, provider, terminal, project.environ) == Severity.OK
    assert printed(terminal) == "created  acme-qa\ncreated  live\nOK: 2 stacks created, the others were there\n"
    option = f" --secrets-provider {provider}" if provider else ""
    assert f"stack init acme-qa --no-select{option} --non-interactive --color never" in project.calls


@pytest.fixture
def rotated(emulator: Emulator, project: FakePulumi) -> FakeEngine:
    """The stack of the first row, with another generation than declared, and a subaccount for its key."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    engine.deploy(program("b", "a"))
    resources = export_of(engine)
    for resource in resources:
        resource["inputs"]["connection"] = "acme-dev"
    key = json.dumps(emulator.service_key(engine.guid))
    project.add_stack("acme-dev", {"btp-trust:connections": json.dumps({"acme-dev": json.loads(key)})}, resources)
    return engine


@pytest.fixture
def make_host(emulator: Emulator, project: FakePulumi) -> Callable[[], Host]:
    """A function that returns a host whose services are the emulator."""
    return lambda: Host(environ=project.environ, transport=emulator.transport, clock=lambda: emulator.now)


def rows_of(project: FakePulumi, host: Host, **options: Any) -> list[dict[str, Any]]:
    """Return the rows of `--json`."""
    terminal = pipes()
    run_fleet_status(FleetStatusRequest(project.folder, as_json=True, **options), host, terminal)
    rows: list[dict[str, Any]] = msgspec.json.decode(printed(terminal))["stacks"]
    return rows


@pytest.mark.parametrize("asks_service", [False, True])
def test_status_reads_state_or_service(
    rotated: FakeEngine, project: FakePulumi, make_host: Callable[[], Host], *, asks_service: bool
) -> None:
    """Both name the signer and the passive certificate; stacks that are missing are unknown, with the reason."""
    first, *others = rows_of(project, make_host(), asks_service=asks_service)
    assert first["signer"] == f"{str(rotated.slots[0])[:8]} (a)"
    assert first["passive"] == f"{str(rotated.slots[1])[:8]} (b)"
    assert first["generation"] == "a"
    assert [row["state"] for row in others] == ["UNKNOWN", "UNKNOWN"]
    assert all("failed" in row["error"]["what"] for row in others)


def test_status_is_a_table(rotated: FakeEngine, project: FakePulumi, make_host: Callable[[], Host]) -> None:
    """Of the chosen stacks; another generation signs than the table declares."""
    terminal = pipes()
    request = FleetStatusRequest(project.folder, stacks=("acme-dev",))
    assert run_fleet_status(request, make_host(), terminal) == Severity.WARNING
    assert printed(terminal).startswith("WARNING: 1 stack, 1 WARNING\n")
    assert rotated.guid
