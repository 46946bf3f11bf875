"""Connections of one process: TLS settings that they share, and their end."""

from __future__ import annotations

import contextlib
import json
import ssl
from typing import Any

import httpx
import pytest

from btp_trust.errors import CredentialsMissing, CredentialsRejected
from btp_trust.runtime import open_connections
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.transport.http_client import open_client
from btp_trust_emulator import Emulator


def make_session(emulator: Emulator, **keys: dict[str, str]) -> Session:
    """Return a session with these connections, and the emulator as every service."""
    environ = {f"BTP_TRUST_SERVICE_KEY_{name}": json.dumps(key) for name, key in keys.items()}
    return Session(lambda _: None, Host(environ=environ, transport=emulator.transport, clock=lambda: emulator.now))


def test_keys_with_secrets_share_authorities(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading them takes 60 ms; a key with a client certificate needs settings of its own."""
    contexts: list[ssl.SSLContext] = []

    def open_plain(tls: ssl.SSLContext, *arguments: Any) -> httpx.Client:
        contexts.append(tls)
        return open_client(tls, *arguments)

    monkeypatch.setattr(open_connections, "open_client", open_plain)
    guid = emulator.create_subaccount(generate=True).guid
    secure = {**emulator.service_key(guid), "uri": "https://service.example"}
    with_certificate = {**emulator.service_key(guid, "x509", 86_400), "uri": "https://service.example"}
    session = make_session(emulator, A=secure, B=secure, C=with_certificate, D=emulator.service_key(guid))
    for name in "abcd":
        # In process, the token service sees no client certificate.
        with contextlib.suppress(CredentialsRejected):
            session.open_connection(name)
        session.close_connection(name)
    of_tokens = contexts[::2]
    assert of_tokens[0] is of_tokens[1]
    assert len({id(context) for context in of_tokens}) == 3


def test_failed_connection_is_closed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand refused keys would otherwise leave a thousand sockets open."""
    clients: list[httpx.Client] = []

    def open_noted(*arguments: Any) -> httpx.Client:
        clients.append(open_client(*arguments))
        return clients[-1]

    monkeypatch.setattr(open_connections, "open_client", open_noted)
    key = emulator.service_key(emulator.create_subaccount(generate=True).guid)
    with pytest.raises(CredentialsRejected):
        make_session(emulator, A={**key, "clientsecret": "another"}).open_connection("a")
    assert [client.is_closed for client in clients] == [True, True]


def test_closed_connection_sends_nothing(emulator: Emulator) -> None:
    """Both clients are closed; one that never opened is left alone."""
    session = make_session(emulator, A=emulator.service_key(emulator.create_subaccount(generate=True).guid))
    opened = session.open_connection("a")
    session.close_connection("a")
    assert opened.api_client.is_closed
    assert opened.token_client.is_closed
    with pytest.raises(CredentialsMissing):
        session.open_connection("other")
    session.close_connection("other")
    session.close_connection("third")
