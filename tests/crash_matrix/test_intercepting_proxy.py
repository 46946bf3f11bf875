"""The intercepting proxy stops one request at its boundary, and passes all others."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.intercepting_proxy import Boundary, BoundarySide, intercept

PATH = "/destination-configuration/v1/saml2Metadata/certificate"


@pytest.fixture
def served() -> Iterator[Emulator]:
    """An emulator over a socket."""
    with Emulator(socket=True, key_size=1024) as emulator:
        yield emulator


@pytest.mark.parametrize(
    ("side", "closes_connection", "reached", "is_answered"),
    [
        (BoundarySide.BEFORE, True, 0, False),
        (BoundarySide.DONE, True, 1, False),
        (BoundarySide.ANSWERED, True, 1, True),
        (BoundarySide.BEFORE, False, 1, True),
        (BoundarySide.DONE, False, 1, True),
    ],
)
def test_a_request_stops_at_its_side(
    served: Emulator, side: BoundarySide, *, closes_connection: bool, reached: int, is_answered: bool
) -> None:
    """Before: the service is spared the request. After: the client loses the answer. Other requests pass."""
    with intercept(served.url, Boundary(2, side)) as proxy, httpx.Client(base_url=proxy.url) as client:
        proxy.closes_connection = closes_connection
        proxy.released.set()
        assert client.get(PATH).status_code == 401
        assert not proxy.reached.is_set()
        try:
            answered = client.get(PATH).status_code == 401
        except httpx.RemoteProtocolError:
            answered = False
        assert client.get(PATH).status_code == 401

    assert answered == is_answered
    assert proxy.reached.is_set()
    assert proxy.response_delivered.is_set() == (side is BoundarySide.ANSWERED)
    assert len(served.journal()) == 2 + reached
    assert proxy.requests_seen == ["GET certificate"] * 3
    assert proxy.stays_silent(0)
