"""What is in the repository holds no secret, no private key and nothing of the machine that it was written on."""

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
def test_no_tracked_file_holds_a_secret(texts: dict[str, str], pattern: re.Pattern[str]) -> None:
    """Keys and tokens are made while tests run."""
    assert [name for name, text in texts.items() if pattern.search(text)] == []


def test_no_tracked_file_names_a_place_on_somebody_s_machine(texts: dict[str, str]) -> None:
    """Paths are relative, or made while a command runs."""
    own = Path(__file__).relative_to(ROOT).as_posix()
    found = {name: match[0] for name, text in texts.items() if name != own and (match := MACHINE.search(text))}

    assert found == {}


def test_the_lock_file_names_the_public_index_alone(texts: dict[str, str]) -> None:
    """Whoever clones the project can install it."""
    assert set(re.findall(r"https?://([^/\"]+)", texts["uv.lock"])) <= HOSTS


def test_no_other_file_names_a_host_of_the_index(texts: dict[str, str]) -> None:
    """Which index a machine uses is its own matter."""
    assert [name for name, text in texts.items() if name != "uv.lock" and any(host in text for host in HOSTS)] == []
