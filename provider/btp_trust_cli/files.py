"""Files that commands write: replaced as a whole."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from btp_trust.errors import ConfigurationError


def write_atomically(path: Path, text: str) -> None:
    """Replace a file, so that a reader finds the whole old content or the whole new one, after a crash as well.

    Raises:
        ConfigurationError: The folder is missing, or writing is refused.
    """
    # Its name is short, as a file system limits it, and the name beside it may be as long as allowed.
    unfinished = path.parent / f".btp-trust-{uuid.uuid4().hex}"
    try:
        _write_durably(unfinished, text.encode())
        unfinished.replace(path)
    except OSError as error:
        # What forbids the file may forbid its removal: a part of the path that is no folder.
        with suppress(OSError):
            unfinished.unlink()
        raise ConfigurationError(
            f"The file {path} cannot be written.",
            f"{type(error).__name__}: {error.strerror}.",
            "Give the path of a file in an existing folder in which this user may write.",
        ) from None


def _write_durably(path: Path, content: bytes) -> None:
    # In the user's mode, by umask: a collector of metrics reads the file as another user.
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
