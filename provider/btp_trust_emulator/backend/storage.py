"""The state file: all of the emulator's state as JSON, replaced as a whole by every write.

One emulator writes one file: nothing keeps a second one from overwriting what the first has saved.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from btp_trust_emulator.backend.account import State
from btp_trust_emulator.errors import Invalid

_WARNING = "This file holds PRIVATE KEYS and client secrets of an emulator. Keep it to yourself; do not commit it."
_VERSION = 1


@dataclass(frozen=True, slots=True)
class _File:
    warning: str
    version: int
    state: State


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the state is kept: in the file at `path`, or nowhere (None)."""

    path: Path | None = None

    def load(self) -> State | None:
        """The state that was saved last; None if there is none.

        Raises:
            Invalid: there is a file, but not one that this version wrote.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_File)
        except msgspec.DecodeError as exc:
            raise self._invalid(str(exc)) from exc
        if content.version != _VERSION:
            raise self._invalid(f"its version is {content.version}, not {_VERSION}")
        return content.state

    def save(self, state: State) -> None:
        """Put the state on the disk; a reader sees the whole old file or the whole new one (mode 0600).

        Raises:
            OSError: it could not be written; the old file is still there.
        """
        if self.path is None:
            return
        octets = msgspec.json.format(msgspec.json.encode(_File(_WARNING, _VERSION, state)), indent=1)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise

    def _invalid(self, why: str) -> Invalid:
        return Invalid(
            f"The state file {self.path} was not read.",
            f"It is not a state file of this emulator: {why}.",
            "Name another file, or move this one away to start with an empty state.",
        )
