"""The user's cache holds things whole or not at all, whoever else builds and however a build ends."""

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
    """Call a folder whole that has its one file."""
    return (folder / "thing").is_file()


def make(place: Path, text: str) -> None:
    """Make a thing in the cache."""
    with cache.fill_atomically(place, is_whole) as folder:
        (folder / "thing").write_text(text)


def make_half(place: Path) -> None:
    """Begin a thing and be interrupted."""
    with cache.fill_atomically(place, is_whole) as folder:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt


def test_the_cache_is_where_the_user_keeps_caches(fake_machine: FakeMachine) -> None:
    """XDG_CACHE_HOME counts when it is absolute, else it is ~/.cache."""
    home = fake_machine.machine.env["HOME"]
    places = {"/elsewhere": Path("/elsewhere"), "relative": Path(home, ".cache"), "": Path(home, ".cache")}
    for named, place in places.items():
        machine = Machine(fake_machine.machine.root, {"HOME": home, "XDG_CACHE_HOME": named})
        assert machine.cache == place / "btp-trust"


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    """Neither half a thing in its place nor the folder it was made in."""
    with pytest.raises(KeyboardInterrupt):
        make_half(tmp_path / "place")
    assert list(tmp_path.iterdir()) == []


def test_of_two_builds_at_once_the_first_to_end_is_kept(tmp_path: Path) -> None:
    """The second does not disturb who may already run it."""
    with cache.fill_atomically(tmp_path / "place", is_whole) as second:
        (second / "thing").write_text("second")
        make(tmp_path / "place", "first")
    assert (tmp_path / "place/thing").read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["place"]


def test_a_damaged_thing_makes_room(tmp_path: Path) -> None:
    """A folder that is not whole is replaced, and not left beside."""
    (tmp_path / "place/rest").mkdir(parents=True)
    make(tmp_path / "place", "new")
    assert (tmp_path / "place/thing").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["place"]


def test_leftovers_are_swept_after_a_day_and_not_before(tmp_path: Path) -> None:
    """A killed build cannot tidy up; one that is still going must not be disturbed."""
    old, young = (tmp_path / f"{cache.UNFINISHED}{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir()
    long_ago = time.time() - cache.STALE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    make(tmp_path / "place", "new")
    assert sorted(file.name for file in tmp_path.iterdir()) == [young.name, "place"]
