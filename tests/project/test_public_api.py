"""The public names, and the documentation of their arguments and outputs."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable

import pytest

import btp_trust
import btp_trust_emulator
from support.paths import ROOT

RESOURCES = [
    btp_trust.ActiveTrustCertificate,
    btp_trust.PassiveTrustCertificate,
    btp_trust.RotationTrigger,
    btp_trust.TrustedIdentityProvider,
    btp_trust.CommunicationSystemTrust,
]
VALUES = [btp_trust.Attested, btp_trust.SwitchesAtRotation]
HAND_OVER = [btp_trust.Target, btp_trust.hand_over, btp_trust.write_hand_over, btp_trust.HandOver.of]


@pytest.mark.parametrize("package", [btp_trust, btp_trust_emulator], ids=lambda package: package.__name__)
def test_public_names_are_those_listed(package: object) -> None:
    """Each listed name exists, and each public class is listed."""
    listed = set(package.__all__)  # type: ignore[attr-defined]
    classes = {name for name, value in vars(package).items() if inspect.isclass(value)}

    assert all(hasattr(package, name) for name in listed)
    assert classes <= listed


def test_the_version_is_the_distributions() -> None:
    """The version of the package is that of its metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert btp_trust.__version__ == project["version"]


@pytest.mark.parametrize("callable_", [*RESOURCES, *VALUES, *HAND_OVER], ids=lambda callable_: callable_.__name__)
def test_arguments_are_documented_and_typed(callable_: Callable[..., object]) -> None:
    """The docstring has a line for each argument, in the order of the signature."""
    parameters = list(inspect.signature(callable_).parameters.values())
    docstring = inspect.getdoc(callable_) or ""
    described = [
        line.strip().partition(":")[0] for line in docstring.partition("Args:")[2].splitlines() if ": " in line
    ]

    assert [parameter.name for parameter in parameters] == [
        name for name in described if name in {parameter.name for parameter in parameters}
    ]
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.__name__)
def test_every_output_is_described(resource: type) -> None:
    """Each annotated output of a resource has a docstring under it."""
    for owner in resource.__mro__:
        if not owner.__module__.startswith("btp_trust."):
            continue
        source = inspect.getsource(owner)
        for name in inspect.get_annotations(owner):
            line = source.index(f"\n    {name}: ")
            assert source[line + 1 :].splitlines()[1].strip().startswith('"""'), f"{owner.__name__}.{name}"


def test_type_names_are_frozen() -> None:
    """Type names are part of every URN: a change would replace every resource of every stack."""
    tokens = [getattr(each, "_resource_type_name", "") for each in RESOURCES]

    assert tokens == [f"dynamic/btp-trust:{each.__name__}" for each in RESOURCES]
