"""The command `btp-trust` on real stacks, in a pipe and in a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.command_line import COMMAND, Webhook, receive_messages, rows_of, run
from support.pulumi_project import PulumiProject, adopting_program, assert_no_secret, rotation_program
from support.three_subaccounts import NAMES, ThreeSubaccounts, create_three_subaccounts, rotating


@pytest.fixture
def three(emulator: Emulator, tmp_path: Path) -> ThreeSubaccounts:
    """One stack on three subaccounts; the first has prepared 2028-11, which its target trusts."""
    landscape = create_three_subaccounts(emulator, tmp_path)
    landscape.project.deploy(rotating("2028-11", "2026-11"))
    return landscape


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook on this machine."""
    with receive_messages() as webhook:
        yield webhook


def run_in_terminal(project: PulumiProject, *words: str) -> tuple[int, str]:
    """Run the command in a terminal of 100 columns; return its exit code, and what it showed, bar included."""
    code = f"import pty, sys; sys.exit(pty.spawn({[*COMMAND, *words]!r}) >> 8)"
    variables = {**project.environment, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.program,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def test_operator_watches_three_subaccounts(three: ThreeSubaccounts) -> None:
    """Fine today, due in two years, drift after a colleague's renewal; nothing is ever written."""
    project, emulator = three.project, three.project.emulator
    emulator.clear_journal()
    today = run(project, "status")
    assert "OK: 3 subaccounts, 3 OK" in today
    assert all(three.labels[name] in today for name in NAMES)
    row = rows_of(run(project, "status", "--json"))["prod"]
    assert (row["active"]["generation"], row["passive"]["generation"]) == ("2026-11", "2028-11")
    assert [target["trusts"] for target in row["targets"]] == ["yes"]

    due = run(project, "status", "--as-of", "2028-10-30", status=1)
    assert 'Prepare a successor: generation="2028-11"' in due
    run(project, "status", "--as-of", "2028-10-30", "--fail-within", "40d", status=2)
    assert "steps passed" in run(project, "doctor")
    assert project.writes() == []

    emulator.generate_active(three.guids["test"])
    drifted = run(project, "status", status=2)
    assert drifted.text.splitlines()[3].startswith("CRITICAL  acme-test")
    assert "Somebody else renewed the certificate in place" in drifted


def test_operator_is_warned(three: ThreeSubaccounts, webhook: Webhook) -> None:
    """Of one date by calendar, metrics and notifications: three subaccounts, each once, and nothing is written."""
    project, emulator = three.project, three.project.emulator
    emulator.clear_journal()
    assert run(project, "calendar", "--as-of", "2026-12-01").text.count("SUMMARY:") == 19
    project.variables["BTP_TRUST_WEBHOOK_URL"] = webhook.url
    assert "nothing is due" in run(project, "notify", "--state", "notified.json")
    emulator.advance(timedelta(days=700).total_seconds())
    for _ in range(2):
        run(project, "notify", "--state", "notified.json", status=1)
    assert sorted(message["name"] for message in webhook.messages) == sorted(f"acme-{name}" for name in NAMES)
    assert {message["kind"] for message in webhook.messages} == {"expiry"}
    run(project, "metrics", "--textfile", "btp_trust.prom", status=1)
    metrics = (project.program / "btp_trust.prom").read_text()
    assert metrics.count("btp_trust_cert_not_after{") == 4
    assert project.writes() == []


def test_metrics_are_served(project: PulumiProject) -> None:
    """By a process of its own, until it is ended."""
    project.deploy(adopting_program())
    command = [*COMMAND, "metrics", "--serve", "0"]
    with subprocess.Popen(
        command, cwd=project.program, env=project.environment, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[1].removesuffix(",")
        scraped = httpx.get(url, headers={"Accept": "application/openmetrics-text"})
        server.terminate()
    assert scraped.headers["Content-Type"].startswith("application/openmetrics-text")
    assert f'subaccount_id="{project.guid}"' in scraped.text
    assert_no_secret(scraped.text, project.known_secrets)


def test_all_stacks_have_their_passphrase(emulator: Emulator, tmp_path: Path) -> None:
    """A second stack is read as well; with another passphrase both are unknown, and the reason is named."""
    guid = emulator.create_subaccount(generate=True).guid
    project = PulumiProject(tmp_path, emulator, guid, secrets_provider="passphrase").create_stack(adopting_program())
    project.set_service_key().up()
    project.init_stack("second")
    key = json.dumps(project.emulator.service_key(project.guid))
    project.pulumi("config", "set", "--stack", "second", "--secret", "btp-trust:serviceKey", key)
    found = json.loads(run(project, "status", "--all-stacks", "--json").text)["subaccounts"]
    assert sorted(row["stack"] for row in found) == ["dev", "second"]
    assert len({row["subaccount_id"] for row in found}) == 1
    project.variables["PULUMI_CONFIG_PASSPHRASE"] = "another"
    assert "incorrect passphrase" in run(project, "status", "--all-stacks", status=3)


def test_terminal_has_colors_and_a_bar(project: PulumiProject) -> None:
    """Lines fit the columns, the bar is gone at the end, and NO_COLOR is kept to."""
    project.up()
    day = f"{project.emulator.now + timedelta(days=700):%Y-%m-%d}"
    code, shown = run_in_terminal(project, "status", "--as-of", day)
    assert code == 1
    assert "\x1b[33mWARNING" in shown
    assert "Reading subaccounts" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.rpartition("\x1b[2K")[2])
    assert max(len(line) for line in plain.splitlines()) <= 100
    project.variables["NO_COLOR"] = "1"
    _, shown = run_in_terminal(project, "doctor")
    assert "\x1b[32m" not in shown
    assert "steps passed" in shown


def test_history_and_report_show_a_rotation(project: PulumiProject) -> None:
    """The state keeps the swap, Pulumi lists the deployments, and the page has both certificates and the swap."""
    project.up()
    project.emulator.advance(3600)
    project.deploy(rotation_program("2028-11", "2026-11"))
    project.deploy(rotation_program("2028-11", "2028-11"))
    project.deploy(rotation_program("2028-11", "2026-11"))
    shown = run(project, "history")
    assert "OK: 1 stack, 2 changes of the signer, 0 verifications" in shown
    (stack,) = json.loads(run(project, "history", "--json").text)["stacks"]
    assert [event["step"] for event in stack["subaccounts"][0]["events"]] == ["roll back", "rotate"]
    assert len(stack["deployments"]) == 4
    page = run(project, "report", "--output", "-").text
    assert all(str(fingerprint) in page for fingerprint in project.slots())
    assert page.count("<td>rotate</td>") == 1


def test_expiry_is_seen_in_time(project: PulumiProject) -> None:
    """The clock of the service decides, as in `pulumi up`."""
    project.deploy(adopting_program())
    (expiry,) = [row["active"]["not_after"] for row in rows_of(run(project, "status", "--json")).values()]
    project.emulator.advance(timedelta(days=725).total_seconds())
    found = run(project, "status", status=2)
    assert f"expires in 5 days, at {expiry}" in found or f"expires in 4 days, at {expiry}" in found
