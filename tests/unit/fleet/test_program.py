"""What a program reads of the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest

from btp_trust_fleet.program import declared_stack
from btp_trust_fleet.table.fleet import ROW_VARIABLE
from support.fleet_samples import TABLE, write_table


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> str:
    """The stack that runs."""
    monkeypatch.setattr(pulumi, "get_stack", lambda: "live")
    return "live"


@pytest.mark.parametrize("written", ["live", "acme/trust/live"])
@pytest.mark.usefixtures("stack")
def test_program_reads_its_row(tmp_path: Path, written: str) -> None:
    """Connection and generations of its stack; the table may have the organization too."""
    row = declared_stack(write_table(tmp_path, TABLE.replace("stack: live", f"stack: {written}")))
    assert (row.connection, row.generation, row.passive) == ("production", "2028-11", "2028-11")


@pytest.mark.usefixtures("stack")
def test_missing_row_is_named(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(pulumi.RunError, match=r"lacks the stack 'live'.\n.*\nAdd a row"):
        declared_stack(write_table(tmp_path, TABLE.replace("stack: live", "stack: other")))


@pytest.mark.usefixtures("stack")
def test_row_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that changed since, or another checkout on a worker, would pass by waves, soaks and approvals."""
    row = declared_stack(write_table(tmp_path))
    monkeypatch.setenv(ROW_VARIABLE, row.text)
    assert declared_stack(tmp_path / "fleet.yaml") == row
    write_table(tmp_path, TABLE.replace('generation: "2028-11"', 'generation: "2030-11"'))
    with pytest.raises(pulumi.RunError, match=r"The row of 'live' .* differs from the one"):
        declared_stack(tmp_path / "fleet.yaml")


def test_unusable_table_ends_the_program(tmp_path: Path) -> None:
    """With the message alone, as Pulumi shows a RunError."""
    with pytest.raises(pulumi.RunError, match="line 1: the file is unusable"):
        declared_stack(write_table(tmp_path, ""))


def test_program_loads_nothing_of_fleet() -> None:
    """Neither the command line nor its libraries."""
    probe = "import json, sys, btp_trust_fleet.program; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    packages = {name.partition(".")[0] for name in loaded}
    assert packages & {"typer", "rich", "httpx", "cryptography", "distributed", "btp_trust_cli"} == set()
    own = {name.split(".")[1] for name in loaded if name.startswith("btp_trust_fleet.")}
    assert own == {"program", "table"}
