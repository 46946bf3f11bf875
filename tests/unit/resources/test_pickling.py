"""What Pulumi's SDK does to Python's pickler is undone."""

from __future__ import annotations

import pickle

import pytest

from btp_trust.resources.pickling import pickler_kept


def test_failed_pickling_leaves_pickler() -> None:
    """The pickler is restored too where Pulumi fails."""
    before = dict(vars(pickle._Pickler))

    def fail() -> None:
        with pickler_kept():
            pickle._Pickler._batch_setitems = None  # type: ignore[attr-defined]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert vars(pickle._Pickler) == before
