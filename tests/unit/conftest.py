"""Properties run on machines that are busy with other tests: how long one example takes says nothing.

They try the same examples each time, so that a change is judged by what it changes; the long search is that of
tests/property.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from btp_trust.runtime import session
from btp_trust.service.transport import http_client

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")

settings.register_profile("unit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture
def closed_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the connections of the sessions of a test; those of a plugin end with its process."""
    with contextlib.ExitStack() as stack:

        def opened(*arguments: Any) -> httpx.Client:
            return stack.enter_context(contextlib.closing(http_client.client(*arguments)))

        monkeypatch.setattr(session, "client", opened)
        yield


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no authority of the machine that runs the tests."""
    for name in (*PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
