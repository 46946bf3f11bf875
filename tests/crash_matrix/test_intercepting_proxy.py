"""The way to the service stops a request where it is told to, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.intercepting_proxy import Moment, Side, crossing

PATH = "/destination-configuration/v1/saml2Metadata/certificate"


@pytest.fixture
def served() -> Iterator[Emulator]:
    """An emulator over a socket."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.mark.parametrize(
    ("side", "loses", "reached", "is_answered"),
    [
        (Side.BEFORE, True, 0, False),
        (Side.DONE, True, 1, False),
        (Side.ANSWERED, True, 1, True),
        (Side.BEFORE, False, 1, True),
        (Side.DONE, False, 1, True),
    ],
)
def test_a_request_is_interrupted_at_its_side(
    served: Emulator, side: Side, *, loses: bool, reached: int, is_answered: bool
) -> None:
    """Before, the service never hears of it; after, its sender never does. The requests around it pass."""
    with crossing(served.url, Moment(2, side)) as way, httpx.Client(base_url=way.url) as client:
        way.loses = loses
        way.go_on.set()
        assert client.get(PATH).status_code == 401
        assert not way.arrived.is_set()
        try:
            answered = client.get(PATH).status_code == 401
        except httpx.RemoteProtocolError:
            answered = False
        assert client.get(PATH).status_code == 401

    assert answered == is_answered
    assert way.arrived.is_set()
    assert way.delivered.is_set() == (side is Side.ANSWERED)
    assert len(served.journal()) == 2 + reached
    assert way.passed == ["GET certificate"] * 3
    assert way.is_silent(0)
