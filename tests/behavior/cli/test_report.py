"""`btp-trust report` against the emulator: where the page goes, and its exit code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.report.command import PRINTED, ReportRequest, run_report
from btp_trust_emulator import Emulator
from support.fake_engine import FakeEngine, program
from support.fake_pulumi import FakePulumi, export_of
from support.terminals import pipes, printed

MakeHost = Callable[..., Host]


@pytest.fixture
def selection(engine: FakeEngine, pulumi: FakePulumi) -> Selection:
    """A stack that has rotated."""
    engine.deploy(program("b", "b"))
    pulumi.add_stack("dev", engine.config, export_of(engine), current=True)
    return Selection(folder=pulumi.folder)


def test_page_is_written_to_a_file(
    engine: FakeEngine, selection: Selection, make_host: MakeHost, emulator: Emulator, tmp_path: Path
) -> None:
    """With the subaccount, and its history; each request is a read or gets a token."""
    emulator.clear_journal()
    terminal, file = pipes(), tmp_path / "trust.html"
    assert run_report(ReportRequest(file, selection), make_host(), terminal) is Severity.OK
    page = file.read_text()
    for words in (engine.label, *engine.slots, "<td>rotate</td>", "Read at"):
        assert str(words) in page
    assert printed(terminal).splitlines() == ["OK: 1 subaccount, 1 OK", f"The report is {file}"]
    assert {(entry.method, "token" in entry.path) for entry in emulator.journal()} <= {("GET", False), ("POST", True)}


def test_page_may_be_printed(selection: Selection, make_host: MakeHost, emulator: Emulator) -> None:
    """With `--output -` the page is all there is; another date is judged as status judges it."""
    terminal = pipes()
    later = emulator.now + timedelta(days=700)
    assert run_report(ReportRequest(PRINTED, selection, later), make_host(), terminal) is Severity.WARNING
    assert printed(terminal).startswith("<!DOCTYPE html>")
    assert printed(terminal).rstrip().endswith("</html>")
    assert "Judged as of" in printed(terminal)


def test_unread_subaccount_is_reported(make_host: MakeHost, tmp_path: Path) -> None:
    """Without any reading the clock of the machine counts."""
    terminal, host = pipes(), make_host(BTP_TRUST_SERVICE_KEY="{")
    assert run_report(ReportRequest(PRINTED, Selection(folder=tmp_path)), host, terminal) is Severity.UNKNOWN
    assert f"{host.clock():%Y-%m-%d}" in printed(terminal)
    assert "ConfigurationError" in printed(terminal)
