"""The file of the ledger: locked for a run, replaced as a whole before and after each message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import filelock
import msgspec

from btp_trust.errors import ConfigurationError
from btp_trust.parsing import structs
from btp_trust_cli.files import write_atomically
from btp_trust_cli.notify.ledger import EMPTY, FORMAT, Ledger

LOCK_SECONDS: Final = 60.0
"""How long a run waits for another one with the same file."""
_UNUSABLE: Final = Ledger(0, ())


class LedgerFile:
    """The ledger on disk, for one run.

    Args:
        path: The file; a missing one is an empty ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.ledger = read_ledger(path)

    def save(self, ledger: Ledger) -> None:
        """Replace the ledger."""
        if ledger != self.ledger or not self._path.exists():
            write_atomically(self._path, f"{msgspec.json.format(msgspec.json.encode(ledger)).decode()}\n")
            self.ledger = ledger


@contextmanager
def locked_ledger(path: Path, lock_seconds: float = LOCK_SECONDS) -> Iterator[LedgerFile]:
    """Give the ledger to one run at a time, across processes; the lock ends with the process, even a killed one.

    Raises:
        ConfigurationError: Another run has it for long, or the file is unusable.
    """
    lock = filelock.FileLock(f"{path}.lock", timeout=lock_seconds)
    _acquire(lock, path)
    try:
        yield LedgerFile(path)
    finally:
        lock.release()


def _acquire(lock: filelock.BaseFileLock, path: Path) -> None:
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ConfigurationError(
            f"Another run has the state file {path}.",
            f"It kept its lock for {lock.timeout:g} s. Two runs at once would notify people twice.",
            "Wait until the other run has ended, or give this one a state file of its own.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The state file {path} cannot be locked.",
            f"{type(error).__name__}: {error.strerror}.",
            "Give the path of a file in a folder in which this user may write.",
        ) from None


def read_ledger(path: Path) -> Ledger:
    """Read the ledger of a file; of a missing one, an empty ledger.

    Raises:
        ConfigurationError: The file is unreadable, or something else.
    """
    try:
        ledger = structs.decode(path.read_bytes(), Ledger)
    except FileNotFoundError:
        return EMPTY
    except (OSError, ValueError):
        ledger = _UNUSABLE
    if ledger.format == FORMAT:
        return ledger.after_restart()
    # Raised after the handler: the decoder's error quotes the file.
    raise ConfigurationError(
        f"The state file {path} cannot be read.",
        "It is damaged, something else, or written by a newer version; it says which notifications were sent.",
        "Restore it from a copy, or remove it: everything that is due is then sent once more.",
    )
