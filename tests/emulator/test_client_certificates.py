"""The TLS host issues tokens to the holders of client certificates only."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from btp_trust_emulator import Emulator
from btp_trust_emulator.pki import client_ca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[..., httpx.Response]


@pytest.fixture
def listening() -> Iterator[Emulator]:
    """Provide the emulator over sockets, which include TLS."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture
def ask(listening: Emulator, tmp_path: Path) -> Ask:
    """Ask for a token as the client of a service key, with its certificate or an anonymous connection."""

    def post(key: dict[str, str], *, present: bool = True, client_id: str | None = None) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(listening.ca_file))
        if present:
            file = tmp_path / "client.pem"
            file.write_text(key["key"] + key["certificate"])
            context.load_cert_chain(file)
        form = {"grant_type": "client_credentials", "client_id": client_id or key["clientid"]}
        with httpx.Client(verify=context) as client:
            return client.post(f"{key['certurl']}/oauth/token", data=form)

    return post


def test_certificate_gets_working_token(listening: Emulator, ask: Ask) -> None:
    """A client certificate gets a token that works; a secret is unnecessary."""
    key = listening.service_key(listening.create_subaccount(generate=True).guid, "x509")
    token = ask(key).json()["access_token"]
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata/certificate"
    with httpx.Client(transport=listening.transport) as client:
        assert client.get(url, headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_missing_certificate_gets_no_token(listening: Emulator, ask: Ask) -> None:
    """A request that lacks a certificate is 401, as for every wrong client."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")
    response = ask(key, present=False)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_certificate_serves_its_own_client(listening: Emulator, ask: Ask) -> None:
    """A certificate is refused for another client's name, and at another subaccount's token server."""
    mine, yours = (listening.service_key(listening.create_subaccount().guid, "x509") for _ in range(2))
    assert ask(mine, client_id=yours["clientid"]).status_code == 401
    assert ask(mine | {"certurl": yours["certurl"]}).status_code == 401
    assert ask(mine | {"certurl": yours["certurl"]}, client_id=yours["clientid"]).status_code == 401


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param(-3600, 401, id="before its beginning"),
        pytest.param(1800, 200, id="in its time"),
        pytest.param(7200, 401, id="expired"),
        pytest.param(50 * 365 * 24 * 3600, 401, id="expired long ago"),
    ],
)
def test_clock_decides_certificate_dates(listening: Emulator, ask: Ask, seconds: int, status: int) -> None:
    """A certificate is valid for an hour of the emulator's time, independent of the real time."""
    listening.set_clock(datetime(2040, 1, 1, tzinfo=UTC))
    key = listening.service_key(listening.create_subaccount().guid, "x509", valid_seconds=3600)
    listening.set_clock(datetime(2040, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    assert ask(key).status_code == status


def test_foreign_authority_ends_connection(listening: Emulator, ask: Ask) -> None:
    """TLS refuses a certificate of another authority."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")
    with Emulator(key_size=1024) as other:
        foreign_key = other.service_key(other.create_subaccount().guid, "x509")
    with pytest.raises(httpx.TransportError):
        ask(key | {"certificate": foreign_key["certificate"], "key": foreign_key["key"]})


def test_certificate_without_client_is_refused() -> None:
    """The server's own certificate, which names only hosts, is 401."""
    certificate, _ = client_ca.issue_server(client_ca.create(), "127.0.0.1")
    assert client_ca.client_id_of(certificate, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_authority_needs_elliptic_curve_key(listening: Emulator) -> None:
    """A state file with another type of authority key is refused."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")["key"]
    private = serialization.load_pem_private_key(key.encode(), None)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(TypeError, match="elliptic"):
        client_ca.issue_server(replace(client_ca.create(), private_key=pem), "127.0.0.1")


def test_transport_trusts_tls_host(listening: Emulator) -> None:
    """A client with an anonymous connection gets a response over TLS."""
    certurl = listening.service_key(listening.create_subaccount().guid, "x509")["certurl"]
    with contextlib.closing(httpx.Client(transport=listening.transport)) as client:
        assert client.post(f"{certurl}/oauth/token").status_code == 401
