"""The user's cache contains only complete builds, also after interrupted and simultaneous ones."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bootstrap import cache
from bootstrap.machine import Machine

if TYPE_CHECKING:
    from project.conftest import FakeMachine


def is_whole(folder: Path) -> bool:
    """Return True if the folder has its only file."""
    return (folder / "thing").is_file()


def make(place: Path, text: str) -> None:
    """Build a folder in the cache."""
    with cache.fill_atomically(place, is_whole) as folder:
        (folder / "thing").write_text(text)


def make_half(place: Path) -> None:
    """Start a build and interrupt it."""
    with cache.fill_atomically(place, is_whole) as folder:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt


def test_the_cache_follows_xdg(fake_machine: FakeMachine) -> None:
    """XDG_CACHE_HOME counts if it is absolute; otherwise the cache is in ~/.cache."""
    home = fake_machine.machine.env["HOME"]
    places = {"/elsewhere": Path("/elsewhere"), "relative": Path(home, ".cache"), "": Path(home, ".cache")}
    for named, place in places.items():
        machine = Machine(fake_machine.machine.root, {"HOME": home, "XDG_CACHE_HOME": named})
        assert machine.cache == place / "btp-trust"


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    """Both the place of the build and its temporary folder are empty afterwards."""
    with pytest.raises(KeyboardInterrupt):
        make_half(tmp_path / "place")
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_builds_stays(tmp_path: Path) -> None:
    """The second build leaves the first one alone, which may be in use already."""
    with cache.fill_atomically(tmp_path / "place", is_whole) as second:
        (second / "thing").write_text("second")
        make(tmp_path / "place", "first")
    assert (tmp_path / "place/thing").read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["place"]


def test_a_damaged_build_is_replaced(tmp_path: Path) -> None:
    """An incomplete folder is replaced and removed."""
    (tmp_path / "place/rest").mkdir(parents=True)
    make(tmp_path / "place", "new")
    assert (tmp_path / "place/thing").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["place"]


def test_leftovers_are_removed_after_a_day(tmp_path: Path) -> None:
    """Folders of killed builds are removed after a day; younger ones may be in use."""
    old, young = (tmp_path / f"{cache.UNFINISHED}{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir()
    long_ago = time.time() - cache.STALE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    make(tmp_path / "place", "new")
    assert sorted(file.name for file in tmp_path.iterdir()) == [young.name, "place"]
