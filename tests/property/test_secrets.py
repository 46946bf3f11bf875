"""No secret that a user gives by mistake is shown: in any argument of anything public, in any form and any depth."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

import btp_trust
from btp_trust.active.schema import ActiveArgs
from btp_trust.errors import SecretGiven
from btp_trust.identity_provider.schema import IdentityProviderArgs
from btp_trust.passive.schema import PassiveArgs
from btp_trust.rotation.schema import RotationArgs
from btp_trust.runtime import session
from support.fake_engine import PROVIDERS
from support.secret_samples import CONTAINERS, contains_secret, secrets

ARGUMENTS: Final = {
    "active": ActiveArgs,
    "passive": PassiveArgs,
    "trigger": RotationArgs,
    "trusted": IdentityProviderArgs,
}
"""What check reads; `candidate` and a property of no resource are beside it."""
PLACES: Final = [
    (kind, name) for kind in PROVIDERS for name in (*ARGUMENTS[kind].__struct_fields__, "candidate", "of_nobody")
]
CALLED: Final[dict[str, Callable[..., Any]]] = {
    **{name: getattr(btp_trust, name) for name in btp_trust.__all__ if callable(getattr(btp_trust, name))},
    "Attested.from_file": btp_trust.Attested.from_file,
    "HandOver.of": btp_trust.HandOver.of,
    "HandOver.from_dict": btp_trust.HandOver.from_dict,
}
"""All that is public and is called: resources, what they are given, hand-over."""
del CALLED["HandOver"]  # it is made by `of`, and holds nothing that it has not checked
MADE_BY_PYTHON: Final = {"Attested", "SwitchesAtRotation", "Target"}
"""Classes whose constructors are not written down: they tell the name of the argument alone."""
PARAMETERS: Final = [
    (name, parameter.name)
    for name, called in CALLED.items()
    for parameter in inspect.signature(called).parameters.values()
]


@pytest.fixture(autouse=True)
def _nothing_else_runs() -> None:
    """Without a session, whatever comes after the guard in a check fails."""
    session.set_current(None)


@given(
    place=st.sampled_from(PLACES),
    shape=st.sampled_from(sorted(CONTAINERS)),
    secret=secrets,
    olds=st.sampled_from([{}, {"connection": "default"}]),
)
def test_check_refuses_an_argument_that_holds_a_secret(
    place: tuple[str, str], shape: str, secret: str, olds: dict[str, str]
) -> None:
    """Before anything else runs; Pulumi gets no property whose value it would print, and no input."""
    kind, name = place

    checked = PROVIDERS[kind]().check(olds, {"generation": "2028-11", name: CONTAINERS[shape](secret)})

    (failure,) = checked.failures
    assert checked.inputs == {}
    assert failure.property == ""
    assert f"`{name}` holds" in failure.reason
    assert not contains_secret(failure.reason, secret)


@given(place=st.sampled_from(PARAMETERS), shape=st.sampled_from(sorted(CONTAINERS)), secret=secrets)
def test_a_program_is_stopped_that_gives_a_secret(place: tuple[str, str], shape: str, secret: str) -> None:
    """Where it gives it: nothing is registered, and no trace of the program is shown, in which it may stand."""
    called, name = CALLED[place[0]], place[1]
    required = {
        parameter.name: "one"
        for parameter in inspect.signature(called).parameters.values()
        if parameter.default is inspect.Parameter.empty
    }

    with pytest.raises(SecretGiven) as caught:
        called(**{**required, name: CONTAINERS[shape](secret)})

    assert isinstance(caught.value, pulumi.RunError)
    assert not contains_secret(str(caught.value), secret)


@given(called=st.sampled_from(sorted(set(CALLED) - MADE_BY_PYTHON)), secret=secrets)
def test_a_misspelt_or_surplus_argument_shows_nothing_either(called: str, secret: str) -> None:
    """Python itself would show the line of the program."""
    for args, kwargs in (((), {"conection": secret}), (("one",) * 20 + (secret,), {})):
        with pytest.raises(SecretGiven) as caught:
            CALLED[called](*args, **kwargs)
        assert not contains_secret(str(caught.value), secret)
