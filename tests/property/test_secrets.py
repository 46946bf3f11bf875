"""A secret that a user passes by mistake is hidden: in any argument, any encoding and any depth."""

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
from btp_trust.communication_system.schema import SystemTrustArgs
from btp_trust.errors import SecretGiven
from btp_trust.identity_provider.schema import IdentityProviderArgs
from btp_trust.passive.schema import PassiveArgs
from btp_trust.rotation.schema import RotationArgs
from btp_trust.runtime import process_session
from support.fake_engine import PROVIDERS
from support.secret_samples import CONTAINERS, contains_secret, secrets

ARGUMENTS: Final = {
    "active": ActiveArgs,
    "passive": PassiveArgs,
    "trigger": RotationArgs,
    "trusted": IdentityProviderArgs,
    "system": SystemTrustArgs,
}
"""The arguments that check reads; `candidate` and an unknown property are checked too."""
PLACES: Final = [
    (kind, name) for kind in PROVIDERS for name in (*ARGUMENTS[kind].__struct_fields__, "candidate", "unknown_property")
]
CALLED: Final[dict[str, Callable[..., Any]]] = {
    **{name: getattr(btp_trust, name) for name in btp_trust.__all__ if callable(getattr(btp_trust, name))},
    "Attested.from_file": btp_trust.Attested.from_file,
    "HandOver.of": btp_trust.HandOver.of,
    "HandOver.from_dict": btp_trust.HandOver.from_dict,
}
"""All public callables: resources, their values, hand-over."""
del CALLED["HandOver"]  # `HandOver.of` constructs it, of checked values
MADE_BY_PYTHON: Final = {"Attested", "SwitchesAtRotation", "Target"}
"""Classes with generated constructors, whose errors show only the name of the argument."""
PARAMETERS: Final = [
    (name, parameter.name)
    for name, called in CALLED.items()
    for parameter in inspect.signature(called).parameters.values()
]


@pytest.fixture(autouse=True)
def _no_session() -> None:
    """Remove the session, so that any step of check after the guard fails."""
    process_session.set_current(None)


@given(
    place=st.sampled_from(PLACES),
    shape=st.sampled_from(sorted(CONTAINERS)),
    secret=secrets,
    olds=st.sampled_from([{}, {"connection": "default"}]),
)
def test_check_refuses_secret_first(place: tuple[str, str], shape: str, secret: str, olds: dict[str, str]) -> None:
    """Check refuses a secret before it runs anything, and returns neither property nor inputs to Pulumi."""
    kind, name = place

    result = PROVIDERS[kind]().check(olds, {"generation": "2028-11", name: CONTAINERS[shape](secret)})

    (failure,) = result.failures
    assert result.inputs == {}
    assert failure.property == ""
    assert f"`{name}` holds" in failure.reason
    assert not contains_secret(failure.reason, secret)


@given(place=st.sampled_from(PARAMETERS), shape=st.sampled_from(sorted(CONTAINERS)), secret=secrets)
def test_program_with_secret_is_stopped(place: tuple[str, str], shape: str, secret: str) -> None:
    """A program that passes a secret stops with a message that hides it, before a resource is registered."""
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
def test_misspelt_argument_is_hidden_too(called: str, secret: str) -> None:
    """A secret in a misspelt or surplus argument is hidden; Python's error would show the line of the program."""
    for args, kwargs in (((), {"conection": secret}), (("one",) * 20 + (secret,), {})):
        with pytest.raises(SecretGiven) as caught:
            CALLED[called](*args, **kwargs)
        assert not contains_secret(str(caught.value), secret)
