"""Behavior of resources and of the runtime, driven through the fake engine or against the emulator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from btp_trust.runtime import open_connections
from btp_trust.service.transport import http_client
from support import hypothesis_profiles

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")

hypothesis_profiles.load("unit")


@pytest.fixture
def closed_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the connections of the sessions of a test; those of a plugin end with its process."""
    with contextlib.ExitStack() as stack:

        def opened(*arguments: Any) -> httpx.Client:
            return stack.enter_context(contextlib.closing(http_client.open_client(*arguments)))

        monkeypatch.setattr(open_connections, "open_client", opened)
        yield


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no authority of the machine that runs the tests."""
    for name in (*PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
