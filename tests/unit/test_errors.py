"""The errors: three lines each, the remedy last, and the tree that the docstring of the module draws."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust import errors
from btp_trust.errors import Refused, ServiceUnavailable, TrustError, WrongSubaccount, to_printable

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TrustError) and kind.__module__ == errors.__name__
]
TOLERATED = {
    "CredentialsMissing",
    "CredentialsRejected",
    "NotAuthorized",
    "StaleRead",
    "ServiceUnavailable",
    "UnexpectedResponse",
}


def drawn() -> dict[str, str]:
    """Return {class of the module's docstring: its base class by the indentation}."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"(?P<indent>[ │├└─]*)(?P<name>[A-Z][A-Za-z]+)(\s|$)", line)
        if match is None or not line.startswith("    "):
            continue
        depth, name = len(match["indent"]), match["name"]
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            parents[name] = path[-1][1]
        path.append((depth, name))
    return parents


def test_the_tree_is_as_drawn() -> None:
    """The docstring draws each class once, under its base class."""
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in ALL if kind is not TrustError}
    assert drawn() == real


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_message_has_three_lines(kind: type[TrustError]) -> None:
    """What happened, why it matters, what to do: Pulumi prints the last line last."""
    error = kind("It broke.", "Evidence: 42.", "Repair it.")
    assert str(error).splitlines() == ["It broke.", "Evidence: 42.", "Repair it."]
    assert (error.what, error.why, error.remedy) == ("It broke.", "Evidence: 42.", "Repair it.")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_survives_a_pickle(kind: type[TrustError]) -> None:
    """It keeps its parts, so that a test runner or a worker may pass it on."""
    assert str(pickle.loads(pickle.dumps(kind("a", "b", "c")))) == "a\nb\nc"  # noqa: S301 - made one line above


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_failed_readings_are_tolerated_without_changes(kind: type[TrustError]) -> None:
    """A service out of reach is a warning while no change is due; a mistake of the user is always an error."""
    assert kind.is_tolerated_without_changes == (kind.__name__ in TOLERATED)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_class_has_a_docstring(kind: type[TrustError]) -> None:
    """One class for each remedy, and a docstring that says which."""
    assert kind.__doc__


@given(odd=st.text())
def test_quoted_text_keeps_the_parts(odd: str) -> None:
    """A state may hold anything: every line stays, and control characters are escaped."""
    message = str(TrustError(f"The {odd} broke.", f"Evidence: {odd}.", f"Repair {odd} it."))
    lines = message.splitlines()
    assert lines[0].startswith("The")
    assert lines[-1].endswith("it.")
    assert all(line.strip() and line.isprintable() for line in lines)
    assert to_printable(message) == message


def test_a_list_keeps_its_lines() -> None:
    """A list in a message stays a list; an escape sequence is shown as what it is."""
    assert to_printable("known:\n  a: 1\n\n  b: \x1b[31m2") == "known:\n  a: 1\n  b: \\x1b[31m2"


def test_a_refusal_names_the_property() -> None:
    """`generation` by default, and `subaccount_id` where the subaccount is wrong."""
    assert Refused("a", "b", "c").prop == "generation"
    assert Refused("a", "b", "c", prop="replace").prop == "replace"
    assert WrongSubaccount("a", "b", "c").prop == "subaccount_id"


def test_a_failure_is_final_by_default() -> None:
    """A request of unknown fate may have arrived."""
    assert not ServiceUnavailable("a", "b", "c").not_sent
    assert ServiceUnavailable("a", "b", "c").retry_after is None
    assert not ServiceUnavailable("a", "b", "c").is_permanent
    failure = ServiceUnavailable("a", "b", "c", not_sent=True, retry_after=3.0)
    assert failure.not_sent
    assert failure.retry_after == 3.0
