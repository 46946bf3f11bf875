"""The ledger on disk: locked for a run, and appended to, each record durable before anything else happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import msgspec

from btp_trust.errors import ConfigurationError
from btp_trust.formatting import format_rfc3339
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.records import FORMAT, Record, RunStarted


class _Head(msgspec.Struct):
    """What a line says of its format."""

    format: int = FORMAT


class LedgerFile:
    """The ledger, for one run.

    Args:
        path: The file; a missing one is an empty ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failure: ConfigurationError | None = None
        records, self._is_torn = read_records(path)
        self.history = History(records)

    def append(self, record: Record) -> None:
        """Write a record; it is on the disk when this returns.

        Raises:
            ConfigurationError: Writing fails, or has failed: behind a torn line only the start of a run is readable.
        """
        if self._failure is not None:
            raise self._failure
        line = msgspec.json.encode(record) + b"\n"
        try:
            _append(self._path, b"\n" + line if self._is_torn else line)
        except OSError as error:
            self._failure = _unwritable(self._path, error)
            raise self._failure from None
        self._is_torn = False
        self.history.add(record)


@contextmanager
def locked_ledger(path: Path) -> Iterator[LedgerFile]:
    """Give the ledger to one command at a time, across processes; the lock ends with the process, even a killed one.

    Raises:
        ConfigurationError: Another command has it, or the file is unusable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{path}.lock", timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise _in_use(path) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        yield LedgerFile(path)
    finally:
        lock.release()


def read_history(path: Path) -> History:
    """Read the ledger of a file; of a missing one, an empty ledger. Raises as `read_records`."""
    return History(read_records(path)[0])


def require_project(path: Path, history: History, project: str | None) -> None:
    """Refuse the ledger of another project: what is done there would count for stacks of the same names here.

    Raises:
        ConfigurationError: It is that of another one.
    """
    if None in {history.project, project} or history.project == project:
        return
    raise ConfigurationError(
        f"The ledger {path} is that of the project {history.project!r}.",
        f"This table belongs to the project {project!r}. Stacks of both may have the same names, and what is done in "
        "one would count for the other.",
        "Leave out --ledger, or name another file. If the project was renamed, move the ledger away: every stack is "
        "then brought to what its program says once more.",
    )


def read_records(path: Path) -> tuple[list[Record], bool]:
    """Return the records, and whether the last line is torn: a killed command wrote only its beginning.

    A torn line stays in the file, and the next command begins a line of its own; its first record starts a run.

    Raises:
        ConfigurationError: The file is unreadable, or a line is something else.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], False
    except OSError as error:
        raise _unreadable(path, f"{type(error).__name__}: {error.strerror}.") from None
    lines = content.split(b"\n")
    records = [_decode(line) for line in lines]
    for index, line in enumerate(lines):
        if records[index] is None and line and not (_is_torn(line) and _starts_run(records, index + 1)):
            _refuse_format(path, index + 1, line)
            raise _unreadable(path, f"Line {index + 1} is something else than a record.")
    return [record for record in records if record is not None], bool(lines[-1])


def _decode(line: bytes) -> Record | None:
    try:
        record = msgspec.json.decode(line, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if isinstance(record, RunStarted) and record.format != FORMAT else record


def _refuse_format(path: Path, number: int, line: bytes) -> None:
    """Refuse a line of another format by its reason: the ledger is whole, and to move it away would lose rejections."""
    try:
        found = msgspec.json.decode(line, type=_Head).format
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if found != FORMAT:
        raise ConfigurationError(
            f"The ledger {path} has another format.",
            f"Line {number} is of format {found}, and this btp-trust reads format {FORMAT}.",
            "Run the version of btp-trust that has written it, or a newer one. Leave the ledger where it is: it says "
            "which stacks are done, and which a target rejected.",
        )


def _is_torn(line: bytes) -> bool:
    """Return True for the beginning of a record, with zeros behind it where the power failed; an edited line is other.

    Such a line would be a rejection, for example, that a person has to see.
    """
    try:
        msgspec.json.decode(line.rstrip(b"\0"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    return False


def _starts_run(records: list[Record | None], start: int) -> bool:
    """Return True if the next record is the first one of a command, or missing."""
    return isinstance(next((record for record in records[start:] if record is not None), None), RunStarted | None)


def _append(path: Path, content: bytes) -> None:
    is_new = not path.exists()
    with path.open("ab") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the entry of a new file durable too; Windows opens no folder."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _in_use(path: Path) -> ConfigurationError:
    holder = read_history(path).last_run
    who = f"Process {holder.pid} on {holder.host} has it since {format_rfc3339(holder.at)}. " if holder else ""
    return ConfigurationError(
        f"Another command works with the ledger {path}.",
        f"{who}Two drivers at once would run a stack twice.",
        "Wait until it ends, or interrupt it there (ctrl-C): this command then goes on where it stopped.",
    )


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger {path} cannot be written.",
        f"{type(error).__name__}: {error.strerror}. Each start of a stack is recorded before it happens.",
        "Give a path in a folder in which this user may write: --ledger PATH. A stack that ran is interrupted, and the "
        "next command runs it again.",
    )


def _unreadable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger {path} cannot be read.",
        f"{why} It says which stacks are done, and which a target rejected.",
        "Restore it from a copy. Or move it away: every stack is then brought to what its program says once more.",
    )
