"""The repository is free of secrets, private keys and paths of the machine on which it was written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI

from support.paths import ROOT

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}")
TOKEN = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+")
MACHINE = re.compile(r"(?<![\w.])/(?:root|home|Users|work)/\w")
HOSTS = {PyPI.netloc, PyPI.file_storage_domain}
"""The public index, as pip knows it: no file but the lock file names it."""


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """All tracked files that are text, by path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if (ROOT / name).is_file()]
    return {name: (ROOT / name).read_text(errors="replace") for name in files}


@pytest.mark.parametrize("pattern", [PRIVATE_KEY, TOKEN], ids=["private key", "token"])
def test_tracked_files_have_no_secrets(texts: dict[str, str], pattern: re.Pattern[str]) -> None:
    """Keys and tokens are generated while tests run."""
    assert [name for name, text in texts.items() if pattern.search(text)] == []


def test_tracked_files_have_no_local_paths(texts: dict[str, str]) -> None:
    """Paths are relative, or made while a command runs."""
    own = Path(__file__).relative_to(ROOT).as_posix()
    found = {name: match[0] for name, text in texts.items() if name != own and (match := MACHINE.search(text))}

    assert found == {}


def test_the_lock_file_names_one_index(texts: dict[str, str]) -> None:
    """The lock file names the public index only, so that every clone can install it."""
    assert set(re.findall(r"https?://([^/\"]+)", texts["uv.lock"])) <= HOSTS


def test_other_files_name_no_index(texts: dict[str, str]) -> None:
    """The index is a setting of each machine."""
    assert [name for name, text in texts.items() if name != "uv.lock" and any(host in text for host in HOSTS)] == []
