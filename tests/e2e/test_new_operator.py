"""The walk of a new operator: three subaccounts, two years later, with the tools alone.

Warned by each of them of one date; refused outside of the window and rotated inside of it; the key leaks, its
certificate is replaced and never signs again; the report shows all of it to a person.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from btp_trust_emulator import Emulator
from support.browser import DESKTOP, PHONE, Visit, Visitor
from support.browser_fixtures import chromium, visit
from support.command_line import receive_messages, rows_of, run
from support.pulumi_project import CommandOutput, PulumiProject
from support.three_subaccounts import NAMES, ROTATED, ThreeSubaccounts, create_three_subaccounts, rotating

__all__ = ["chromium", "visit"]

DUE = datetime(2028, 10, 10, 8, tzinfo=UTC)
"""A Tuesday, 46 days before the certificates of all three expire."""
WINDOW = ', window={"cron": "0 2 * * SUN", "duration": "4h", "time_zone": "Europe/Berlin"}'
OPENS = "2028-10-15T00:00:00Z"
REVOKED = WINDOW + ', revoked={"2028-11": "INC-4711: the key was in a log"}'
REPLACING = REVOKED + ', break_glass={"2028-12": "INC-4711: replaces the leaked key"}'
NEVER = "never signs again"


def clock(landscape: ThreeSubaccounts, moment: datetime) -> None:
    """Set the clock of the service."""
    landscape.project.emulator.set_clock(moment)


def deploy(landscape: ThreeSubaccounts, prepared: str, signs: str, trigger: str) -> CommandOutput:
    """Deploy a change; return its preview."""
    landscape.project.write(rotating(prepared, signs, trigger))
    preview = landscape.project.preview("--diff")
    landscape.project.up()
    return preview


def be_warned(landscape: ThreeSubaccounts) -> None:
    """Ask all tools on the same day; each names the three subaccounts, and notifies nobody twice."""
    project = landscape.project
    status = run(project, "status", status=1)
    assert "WARNING: 3 subaccounts, 3 WARNING" in status
    assert all(f"{landscape.labels[name]}" in status for name in NAMES)
    run(project, "metrics", "--textfile", "btp_trust.prom", status=1)
    metrics = (project.program / "btp_trust.prom").read_text()
    assert all(f'subaccount="acme-{name}"' in metrics for name in NAMES)
    calendar = run(project, "calendar", status=1)
    assert all(f"SUMMARY:{landscape.labels[name]}: prepare within 30 days" in calendar for name in NAMES)
    with receive_messages() as webhook:
        project.variables["BTP_TRUST_WEBHOOK_URL"] = webhook.url
        for _ in range(2):
            run(project, "notify", "--state", "notified.json", status=1)
    assert sorted(message["name"] for message in webhook.messages) == sorted(f"acme-{name}" for name in NAMES)


def rotate_in_window(landscape: ThreeSubaccounts) -> None:
    """Be refused outside of the window, with its next opening; rotate inside of it."""
    project, signer = landscape.project, landscape.signer(ROTATED)
    deploy(landscape, "2028-11", "2026-11", WINDOW)
    project.emulator.clear_journal()
    project.write(rotating("2028-11", "2028-11", WINDOW))
    for refused in (project.preview(status=None), project.up(status=None)):
        assert refused.status != 0
        assert f"OutsideWindow: generation '2028-11' ({passive(landscape)[:8]}) may sign from {OPENS} on" in refused
    assert (project.writes(), landscape.signer(ROTATED)) == ([], signer)
    clock(landscape, datetime(2028, 10, 15, 1, tzinfo=UTC))
    project.preview("--diff")
    project.up()
    assert passive(landscape) == signer


def replace_leaked_key(landscape: ThreeSubaccounts) -> None:
    """Revoke the signer, replace it although the window is closed; no revert makes it sign again."""
    project, leaked = landscape.project, landscape.signer(ROTATED)
    clock(landscape, datetime(2028, 10, 17, 9, tzinfo=UTC))
    preview = deploy(landscape, "2028-12", "2028-11", REVOKED)
    assert "signs although it is revoked (INC-4711: the key was in a log)" in preview
    preview = deploy(landscape, "2028-12", "2028-12", REPLACING)
    assert "passes OutsideWindow: INC-4711: replaces the leaked key" in preview
    assert passive(landscape) == leaked != landscape.signer(ROTATED)
    project.emulator.clear_journal()
    for declared in (REVOKED, REPLACING, REPLACING.replace('"2028-12"', '"2028-11"')):
        project.write(rotating("2028-12", "2028-11", declared))
        assert NEVER in project.up(status=None)
    project.write(rotating("2028-12", "2028-12", REPLACING))
    assert project.has_no_changes()
    assert (project.writes(), passive(landscape)) == ([], leaked)


def passive(landscape: ThreeSubaccounts) -> str:
    """Return the fingerprint in the passive slot of the subaccount that rotates."""
    return str(landscape.project.emulator.slots(landscape.guids[ROTATED]).passive)


def read_report(landscape: ThreeSubaccounts, seen: Visit) -> None:
    """Look for all of it on the page, with each row opened."""
    for summary in seen.page.locator("summary").all():
        summary.click()
    rows = {name: seen.page.locator(".row", has_text=landscape.labels[name]).inner_text() for name in NAMES}
    for name in NAMES:
        assert landscape.signer(name) in rows[name].replace("\n", "")
    assert passive(landscape) in rows[ROTATED].replace("\n", "")
    assert rows[ROTATED].count("rotate") >= 2
    assert seen.overflow <= 0
    assert seen.complaints == []


def test_new_operator_rotates_with_the_tools(emulator: Emulator, tmp_path: Path, visit: Visitor) -> None:
    """From the warning to the report."""
    landscape = create_three_subaccounts(emulator, tmp_path)
    project: PulumiProject = landscape.project
    project.deploy(rotating(None, "2026-11"))
    assert "OK: 3 subaccounts, 3 OK" in run(project, "status")

    clock(landscape, DUE)
    be_warned(landscape)
    rotate_in_window(landscape)
    replace_leaked_key(landscape)

    assert rows_of(run(project, "status", "--json", status=1))["prod"]["active"]["generation"] == "2028-12"
    (stack,) = json.loads(run(project, "history", "--json").text)["stacks"]
    (events,) = [found["events"] for found in stack["subaccounts"] if found["events"]]
    assert [(event["step"], event["signer"]["generation"]) for event in events] == [
        ("rotate", "2028-12"),
        ("rotate", "2028-11"),
    ]
    run(project, "report", "--output", "report.html", status=1)
    for size in (DESKTOP, PHONE):
        read_report(landscape, visit((project.program / "report.html").as_uri(), size))
