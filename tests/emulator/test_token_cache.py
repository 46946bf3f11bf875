"""With the switch, finding returns an earlier token again, and hides what a target says now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import (
    Emulator,
    Switches,
    TokenCache,
)
from support.destinations import SAML, DestinationScenario

if TYPE_CHECKING:
    from collections.abc import Iterator


CACHING = Switches(token_cache=TokenCache.UNTIL_EXPIRY)


@pytest.fixture
def caching() -> Iterator[DestinationScenario]:
    """Provide a landscape whose service caches tokens."""
    with Emulator(key_size=1024, switches=CACHING) as emulator, httpx.Client(transport=emulator.transport) as http:
        yield DestinationScenario(emulator, http)


def test_cached_token_hides_rejection(caching: DestinationScenario) -> None:
    """After a rotation, the cached token hides the rejection until it expires; its `expires_in` shows its age."""
    first = caching.auth_token()
    caching.emulator.generate_passive(caching.guid)
    caching.emulator.rotate(caching.guid)
    caching.emulator.advance(600)
    again = caching.auth_token()
    assert again["value"] == first["value"]
    assert int(again["expires_in"]) <= 3000
    assert caching.emulator.journal()[-1].note == "from the cache"
    caching.emulator.advance(3000)
    assert "error" in caching.auth_token()


def test_cached_assertion_has_old_key(caching: DestinationScenario) -> None:
    """For its ten minutes, the cached assertion is one of the old key."""
    caching.create(SAML)
    first = caching.auth_token("saml")
    caching.emulator.generate_passive(caching.guid)
    caching.emulator.rotate(caching.guid)
    assert caching.auth_token("saml") == first
    caching.emulator.advance(601)
    assert caching.auth_token("saml") != first


def test_new_destination_has_new_token(caching: DestinationScenario) -> None:
    """A new destination with the name of an old one gets a token of its own."""
    first = caching.auth_token()
    caching.change(scope="A")
    assert caching.auth_token()["value"] != first["value"]


def test_failure_is_not_cached(caching: DestinationScenario) -> None:
    """After a failure, the next find asks again."""
    caching.emulator.misreport(caching.system.name, caching.fingerprint())
    assert "error" in caching.auth_token()
    caching.emulator.misreport(caching.system.name)
    assert "error" not in caching.auth_token()
