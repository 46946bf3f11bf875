"""Files are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli.files import write_atomically


def test_file_is_replaced(tmp_path: Path) -> None:
    """The new content, readable by others as the umask allows; it is the one file in the folder."""
    file = tmp_path / "file"
    for text in ("one\n", "two\r\nä"):
        write_atomically(file, text)
        assert file.read_bytes() == text.encode()
    umask = os.umask(0)
    os.umask(umask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask
    assert list(tmp_path.iterdir()) == [file]


def test_failed_write_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old content alone; the error names the file."""
    file = tmp_path / "file"
    write_atomically(file, "old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        write_atomically(file, "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("words", ["", "/", "..", "file/below", "missing/file", "a" * 300, "link"])
def test_impossible_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """A folder, a file in the place of a folder, a name that is too long: each is an error with a remedy."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_atomically(Path(words), "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_long_name_is_written(tmp_path: Path) -> None:
    """The unfinished file beside it has a short name of its own."""
    file = tmp_path / ("a" * 255)
    write_atomically(file, "new")
    assert file.read_text() == "new"
