"""The errors: three lines each, the remedy last, and a tree that its module draws truly."""

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
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, TrustError) and each.__module__ == errors.__name__
]
BLOCK_ONLY_WHAT_IS_DUE = {
    "CredentialsMissing",
    "CredentialsRejected",
    "NotAuthorized",
    "StaleRead",
    "ServiceUnavailable",
    "UnexpectedResponse",
}


def drawn() -> dict[str, str]:
    """Each class in the module's docstring, with the one that it hangs from (by indentation)."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<indent>[ │├└─]*)(?P<name>[A-Z][A-Za-z]+)(\s|$)", line)
        if found is None or not line.startswith("    "):
            continue
        depth, name = len(found["indent"]), found["name"]
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            parents[name] = path[-1][1]
        path.append((depth, name))
    return parents


def test_the_tree_is_as_drawn() -> None:
    """The docstring draws each class once, under its base class."""
    real = {each.__name__: each.__bases__[0].__name__ for each in ALL if each is not TrustError}
    assert drawn() == real


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_message_is_three_lines_with_the_remedy_last(kind: type[TrustError]) -> None:
    """What happened, why it matters, what to do: Pulumi prints the last line last."""
    error = kind("It broke.", "Evidence: 42.", "Repair it.")
    assert str(error).splitlines() == ["It broke.", "Evidence: 42.", "Repair it."]
    assert (error.what, error.why, error.remedy) == ("It broke.", "Evidence: 42.", "Repair it.")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_survives_a_pickle(kind: type[TrustError]) -> None:
    """It keeps its parts, so a test runner or a worker may hand it on."""
    assert str(pickle.loads(pickle.dumps(kind("a", "b", "c")))) == "a\nb\nc"  # noqa: S301 - made one line above


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_only_what_could_not_be_read_blocks_nothing_that_is_not_due(kind: type[TrustError]) -> None:
    """A service out of reach is a warning when nothing is to be done; a mistake of the user never is."""
    assert kind.is_tolerated_without_changes == (kind.__name__ in BLOCK_ONLY_WHAT_IS_DUE)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_class_says_what_it_is_for(kind: type[TrustError]) -> None:
    """One class a remedy, and a docstring that tells it."""
    assert kind.__doc__


@given(odd=st.text())
def test_what_is_quoted_does_not_break_a_message(odd: str) -> None:
    """A state may hold anything: no line gets lost or empty, and nothing of it commands the terminal."""
    message = str(TrustError(f"The {odd} broke.", f"Evidence: {odd}.", f"Repair {odd} it."))
    lines = message.splitlines()
    assert lines[0].startswith("The")
    assert lines[-1].endswith("it.")
    assert all(line.strip() and line.isprintable() for line in lines)
    assert to_printable(message) == message


def test_a_text_of_several_lines_keeps_them() -> None:
    """A list in a message stays a list; an escape sequence is shown as what it is."""
    assert to_printable("known:\n  a: 1\n\n  b: \x1b[31m2") == "known:\n  a: 1\n  b: \\x1b[31m2"


def test_a_refusal_names_the_property_to_blame() -> None:
    """`generation` unless told otherwise, and `subaccount_id` where the subaccount is wrong."""
    assert Refused("a", "b", "c").prop == "generation"
    assert Refused("a", "b", "c", prop="replace").prop == "replace"
    assert WrongSubaccount("a", "b", "c").prop == "subaccount_id"


def test_a_failure_may_not_be_repeated_unless_it_says_so() -> None:
    """Silence about a request's fate means that it may have arrived."""
    assert not ServiceUnavailable("a", "b", "c").not_sent
    assert ServiceUnavailable("a", "b", "c").retry_after is None
    assert not ServiceUnavailable("a", "b", "c").is_final
    told = ServiceUnavailable("a", "b", "c", not_sent=True, retry_after=3.0)
    assert told.not_sent
    assert told.retry_after == 3.0
