"""Credentials in files: a folder with one file for each connection, or one file for all. Read when they are used.

As ssh does with a private key: a file of this user that others may read is reported. A link that leaves the folder is
refused; those of a mounted Kubernetes Secret stay inside.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

from btp_trust.errors import ConfigurationError, CredentialsMissing
from btp_trust.parsing.text_decoding import decode
from btp_trust.service.credentials.credentials_by_name import (
    CONNECTIONS_FILE,
    FoundCredentials,
    parse_credentials,
    refuse_misplaced_key,
)

_SUFFIX: Final = ".json"
_MAX_KEY_BYTES: Final = 1 << 20
_MAX_FILE_BYTES: Final = 16 << 20
"""Bytes of a file for all connections: a thousand keys with certificates are half of it."""
_SEPARATORS: Final = frozenset("/\\:\0")
"""Characters that begin another folder, a drive or a stream on one of the systems, or that no path may have."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NO_SUCH_FILE: Final = (errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""It is missing, or no file of this system can have such a name."""


class KeyFiles:
    """The credentials below one path.

    Args:
        path: The path as it is set: of a folder, or of a file.
        base: The folder from which a relative path counts.
        warn: Warns of a file that others can read: what, why, remedy; raises in strict mode.
    """

    def __init__(self, path: str, base: Path, warn: Callable[[str, str, str], None]) -> None:
        self._label = path
        self._path = base / path
        self._warn = warn
        self._has_warned = False
        # Of one thread at a time: many ask for their first key at once.
        self._lock = threading.RLock()

    def find(self, name: str) -> FoundCredentials | None:
        """Return the credentials of a connection; None if no file has them.

        Raises:
            ConfigurationError: The path or the file is unusable, or the name is unusable for a file.
            Refused: Others can read the file, in strict mode.
        """
        if not self._is_folder:
            with self._lock:
                text = self._credentials.get(name)
            return None if text is None else FoundCredentials(text, f"{self._label}, {name!r}")
        where = f"{self._label.rstrip('/')}/{_file_name(name, self._label)}"
        path = self._path / _file_name(name, self._label)
        if not _exists(path, where):
            return None
        return FoundCredentials(self._read(self._inside(path, where), where, _MAX_KEY_BYTES), where)

    def names(self) -> list[str]:
        """List the connections: by the names of the files, or those in the file. Raises as `find`."""
        if not self._is_folder:
            return list(self._credentials)
        reason, names = "", list[str]()
        try:
            names = [path.name for path in self._path.iterdir()]
        except OSError as error:
            reason = type(error).__name__
        if reason:
            raise ConfigurationError(
                f"The folder {self._label} of {CONNECTIONS_FILE} cannot be listed.",
                f"{reason} for {str(self._path)!r}.",
                "Correct its owner and its rights: chmod u+rx.",
            )
        return sorted(name.removesuffix(_SUFFIX) for name in names if _is_key_file(name))

    @cached_property
    def _is_folder(self) -> bool:
        reason = ""
        try:
            return stat.S_ISDIR(self._path.stat().st_mode)
        except (OSError, ValueError) as error:
            reason = type(error).__name__
        refuse_misplaced_key(CONNECTIONS_FILE, self._label)
        raise CredentialsMissing(
            f"The path of {CONNECTIONS_FILE} cannot be read: {self._label!r}.",
            f"{reason} for {str(self._path)!r}; a relative path counts from the folder of Pulumi.yaml.",
            f"Correct the path (pulumi config set {CONNECTIONS_FILE} PATH), or put the file or the folder there.",
        )

    @cached_property
    def _credentials(self) -> dict[str, str]:
        text = self._read(self._path, self._label, _MAX_FILE_BYTES)
        return parse_credentials(text, f"file {self._label}", f"Correct {self._label}.")

    def _inside(self, path: Path, where: str) -> Path:
        """Resolve the links of a path, and require that it stays in the folder."""
        reason = ""
        try:
            resolved = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # a link in a circle, or to nothing
            reason = type(error).__name__
        if reason:
            raise _unreadable(where, f"{reason}.", "Remove the link, or create the file to which it leads.")
        if not resolved.is_relative_to(self._path.resolve()):
            raise _unreadable(
                where,
                f"It is a link that leaves the folder of {CONNECTIONS_FILE}, and might bring the content of any file.",
                "Put the key itself into the folder.",
            )
        return resolved

    def _read(self, path: Path, where: str, max_bytes: int) -> str:
        mode, octets = _read_regular(path, where, max_bytes)
        if mode & _OTHERS:
            self._report_readers(where, mode)
        try:
            return decode(octets)
        except ValueError:
            pass
        raise _unreadable(where, "It is binary; JSON is needed.", "Replace it by the JSON of the service key.")

    def _report_readers(self, where: str, mode: int) -> None:
        with self._lock:
            if self._has_warned:
                return
            self._warn(
                f"The file {where} can be read by others on this machine: its mode is {stat.S_IMODE(mode):04o}.",
                "The holder of a service key controls all destinations of its subaccount.",
                f"Take these rights away, of the other files in {self._label} as well: chmod go= {where}",
            )
            self._has_warned = True  # only here: in strict mode each connection fails alike


def _file_name(name: str, label: str) -> str:
    if not name or name.startswith(".") or _SEPARATORS & set(name) or not _is_encodable(name):
        raise ConfigurationError(
            f"The connection name {name!r} is unusable for a file.",
            f"The key of a connection is NAME{_SUFFIX} in the folder {label} of {CONNECTIONS_FILE}, so a name has no "
            "slash, backslash, colon or NUL, and begins with another character than a dot.",
            "Rename the connection.",
        )
    return f"{name}{_SUFFIX}"


def _is_key_file(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(".")


def _exists(path: Path, where: str) -> bool:
    """Whether a file is there. A folder that hides this is an error: the next place may have another key."""
    reason = ""
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return False
        reason = type(error).__name__
    if reason:
        raise _unreadable(where, f"{reason} for its folder.", "Correct the folder's owner and its rights: chmod u+rx.")
    return True


def _is_encodable(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeError:
        return False
    return True


def _read_regular(path: Path, where: str, max_bytes: int) -> tuple[int, bytes]:
    """Read a file without waiting for a writer of a pipe; return the mode too, or 0 if another user owns the file."""
    reason = ""
    try:
        # Asked before it is opened: opening a device has effects.
        if stat.S_ISREG(path.stat().st_mode):
            with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
                status, octets = os.fstat(file.fileno()), file.read(max_bytes + 1)
        else:
            status, octets = None, b""
    except OSError as error:
        reason = type(error).__name__
    if reason:
        raise _unreadable(where, f"{reason}.", "Correct its owner and its rights: chmod u+r.")
    if status is None or not stat.S_ISREG(status.st_mode):
        raise _unreadable(where, "It is no regular file: a folder, a pipe or a device.", "Replace it by a file.")
    if len(octets) > max_bytes:
        raise _unreadable(where, f"It has more than {max_bytes >> 20} MiB.", "Replace it by keys: each has 1 to 8 KiB.")
    return (status.st_mode if status.st_uid == _user_id() else 0), octets


def _user_id() -> int | None:
    """Return the user's number; None on Windows, whose files have no such rights."""
    return os.getuid() if hasattr(os, "getuid") else None


def _unreadable(where: str, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"The key file {where} cannot be used.", why, remedy)
