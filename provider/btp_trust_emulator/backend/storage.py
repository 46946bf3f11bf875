"""The state file: all of the emulator's state as JSON, replaced as a whole by every write.

Use one file for one emulator: a second emulator would overwrite what the first has saved.
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

_WARNING = (
    "This file holds PRIVATE KEYS and client secrets of an emulator. Keep it to yourself, and out of version control."
)
_VERSION = 1


@dataclass(frozen=True, slots=True)
class _File:
    warning: str
    version: int
    state: State


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the state is kept: in the file at `path`, or in memory alone (None)."""

    path: Path | None = None

    def load(self) -> State | None:
        """Return the state that was saved last, if any.

        Raises:
            Invalid: the file was written by something else, or by another version.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_File)
        except msgspec.DecodeError as exc:
            raise self._invalid(str(exc)) from exc
        if content.version != _VERSION:
            raise self._invalid(f"its version is {content.version} instead of {_VERSION}")
        return content.state

    def save(self, state: State) -> None:
        """Write the state to the disk; a reader sees the whole old file or the whole new one (mode 0600).

        Raises:
            OSError: writing failed; the old file is still there.
        """
        if self.path is None:
            return
        octets = msgspec.json.format(msgspec.json.encode(_File(_WARNING, _VERSION, state)), indent=1)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())  # so that the replacement is complete even if the machine stops now
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise

    def _invalid(self, why: str) -> Invalid:
        return Invalid(
            f"The state file {self.path} was not read.",
            f"This emulator cannot read it: {why}.",
            "Name another file, or move this one away to start with an empty state.",
        )
