"""A program may have dynamic resources of its own beside many of ours."""

from __future__ import annotations

import pickle
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from btp_trust import ActiveTrustCertificate
from btp_trust.resources.pickling import pickler_kept

pytestmark = [
    pytest.mark.usefixtures("program_loop"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Engine(Mocks):
    """Registers every resource."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Return the inputs as outputs."""
        return args.name, dict(args.inputs)

    def call(self, args: MockCallArgs) -> Any:
        """Fail: the program calls no function."""
        raise NotImplementedError(args.token)


def test_python_pickler_stays_as_it_was() -> None:
    """However many resources of ours come before it, a provider of the program's own is pickled at the same depth."""
    pulumi.runtime.set_mocks(Engine())
    before = dict(vars(pickle._Pickler))
    for number in range(3):
        ActiveTrustCertificate(f"c{number}", connection=f"c{number}")

    assert vars(pickle._Pickler) == before


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
