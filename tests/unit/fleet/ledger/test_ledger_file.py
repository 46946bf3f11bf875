"""The ledger on disk: durable, locked, and readable after a kill at any moment."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.ledger.ledger_file import LedgerFile, locked_ledger, read_history, read_records
from btp_trust_fleet.ledger.records import FORMAT, RunStarted, StackEnded, StackStarted
from btp_trust_fleet.stack_run.task import StackState, Verb
from support.fleet_samples import START

RUN = RunStarted(at=START, run="r1", verb=Verb.ROTATE, host="here", pid=1)
STARTED = StackStarted(at=START, run="r1", wave="canary", stack="acme-dev", verb=Verb.ROTATE, generation="2028-11")

RUN_TEXT = msgspec.json.encode(RUN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in a folder that is still to be made."""
    return tmp_path / ".btp-trust/fleet-ledger.jsonl"


def test_records_are_lines(path: Path) -> None:
    """Each is on the disk when it is needed."""
    with locked_ledger(path) as ledger:
        ledger.append(RUN)
        assert read_records(path) == ([RUN], False)
        ledger.append(STARTED)
    assert read_records(path) == ([RUN, STARTED], False)
    assert read_history(path).last("acme-dev") == STARTED


def test_file_and_folder_are_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder once, when the file is new: its entry has to survive as well."""
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    with locked_ledger(path) as ledger:
        ledger.append(RUN)
        ledger.append(STARTED)
    assert synced == [False, True, False]


def test_other_systems_sync_no_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows opens none."""
    path.parent.mkdir()
    monkeypatch.setattr("btp_trust_fleet.ledger.ledger_file.os.name", "nt")
    LedgerFile.append(LedgerFile(path), RUN)
    monkeypatch.undo()
    assert read_records(path)[0] == [RUN]


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_torn_line_is_kept(path: Path, kept: int) -> None:
    """The next run starts a line of its own, and everything whole counts."""
    with locked_ledger(path) as ledger:
        ledger.append(RUN)
        ledger.append(STARTED)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - kept])
    torn = path.read_bytes()
    records, _ = read_records(path)
    with locked_ledger(path) as ledger:
        ledger.append(RUN)
    assert path.read_bytes().startswith(torn)
    assert read_records(path) == ([*records, RUN], False)


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b"\x00\x00", b'{"event": "end"}'])
def test_damaged_line_is_refused(path: Path, line: bytes) -> None:
    """Something else in the middle may hide a rejection."""
    with locked_ledger(path) as ledger:
        ledger.append(RUN)
        ledger.append(STARTED)
    first, second = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, line, second, b""]))
    with pytest.raises(ConfigurationError, match="Line 2 is something else than a record"):
        read_records(path)


EDITED = (
    b'{"event":"end","state":"rejectd"}',
    b'{"event":"end" "state":1}',
    b"# a comment",
    RUN_TEXT.replace(b"Z", b""),
)


@pytest.mark.parametrize("line", EDITED)
def test_edited_line_is_refused(path: Path, line: bytes) -> None:
    """Before the start of a run as well, and at the end: a kill leaves the beginning of a record alone."""
    path.parent.mkdir()
    for content in (line + b"\n" + RUN_TEXT + b"\n", RUN_TEXT + b"\n" + line + b"\n", line):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="is something else than a record"):
            read_records(path)


def test_cut_may_be_anywhere(path: Path) -> None:
    """Also within a character or a word, and with zeros after a failure of the power."""
    end = StackEnded(
        **msgspec.structs.asdict(STARTED), state=StackState.REJECTED, started_at=START, lines=("„überholt“, 日本",)
    )
    whole, run = msgspec.json.encode(end), msgspec.json.encode(RUN) + b"\n"
    path.parent.mkdir()
    for length in range(1, len(whole)):
        for zeros in (b"", b"\0\0"):
            path.write_bytes(run + whole[:length] + zeros + b"\n" + run)
            assert read_records(path) == ([RUN, RUN], False), whole[:length]


def test_newer_format_is_refused(path: Path) -> None:
    """It may mean something else."""
    with locked_ledger(path) as ledger:
        ledger.append(RunStarted(format=FORMAT + 1, at=START, run="r1", verb=Verb.ROTATE, host="here", pid=1))
        ledger.append(STARTED)
    with pytest.raises(ConfigurationError, match="Line 1 is of format 2") as caught:
        read_records(path)
    assert "version of btp-trust" in caught.value.remedy


def test_unusable_paths_are_named(path: Path, tmp_path: Path) -> None:
    """A folder in place of the file, and a file in place of the folder."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"cannot be read.\nIsADirectoryError"):
        read_records(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"), locked_ledger(tmp_path / "file/ledger"):
        pass


def test_failed_write_ends_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack whose start is unrecorded stays as it is."""
    with locked_ledger(path) as ledger:
        ledger.append(RUN)

        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(ConfigurationError, match="No space left on device"):
            ledger.append(STARTED)
        monkeypatch.undo()
        written = path.read_bytes()
        with pytest.raises(ConfigurationError, match="No space left on device"):
            ledger.append(STARTED)
    assert path.read_bytes() == written


HOLDER = """
import sys
from pathlib import Path
from btp_trust_fleet.ledger.ledger_file import locked_ledger
with locked_ledger(Path(sys.argv[1])) as ledger:
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("has_run", [True, False])
def test_second_driver_is_refused(path: Path, *, has_run: bool) -> None:
    """The lock ends with its process; the message names that one and its host, once it is known."""
    if has_run:
        with locked_ledger(path) as ledger:
            ledger.append(RUN)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "locked\n"
    who = "Process 1 on here has it since 2028-11-01T08:00:00Z."
    with pytest.raises(ConfigurationError) as caught, locked_ledger(path):
        pass
    assert (who in str(caught.value)) == has_run
    holder.kill()
    holder.communicate()
    with locked_ledger(path):
        pass
