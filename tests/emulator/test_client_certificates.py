"""The TLS host hands out tokens to the holders of client certificates, and to nobody else."""

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
    """Provide the emulator over sockets; in process there is no TLS."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture
def ask(listening: Emulator, tmp_path: Path) -> Ask:
    """Ask for a token with the certificate of a service key (or without), as the client of a service key."""

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


def test_a_certificate_of_the_client_gives_a_token_that_works(listening: Emulator, ask: Ask) -> None:
    """No secret is needed; the token is as good as any other."""
    key = listening.service_key(listening.create_subaccount(generate=True).guid, "x509")
    token = ask(key).json()["access_token"]
    url = f"{key['uri']}/destination-configuration/v1/saml2Metadata/certificate"
    with httpx.Client(transport=listening.transport) as client:
        assert client.get(url, headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_no_certificate_gives_no_token(listening: Emulator, ask: Ask) -> None:
    """401, as for every bad client."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")
    response = ask(key, present=False)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_a_certificate_is_good_for_its_own_client_alone(listening: Emulator, ask: Ask) -> None:
    """Neither for another client's name, nor at another subaccount's token server."""
    mine, yours = (listening.service_key(listening.create_subaccount().guid, "x509") for _ in range(2))
    assert ask(mine, client_id=yours["clientid"]).status_code == 401
    assert ask(mine | {"certurl": yours["certurl"]}).status_code == 401
    assert ask(mine | {"certurl": yours["certurl"]}, client_id=yours["clientid"]).status_code == 401


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param(-3600, 401, id="not yet valid"),
        pytest.param(1800, 200, id="in its time"),
        pytest.param(7200, 401, id="expired"),
        pytest.param(50 * 365 * 24 * 3600, 401, id="expired long ago"),
    ],
)
def test_its_dates_are_judged_by_the_clock(listening: Emulator, ask: Ask, seconds: int, status: int) -> None:
    """Valid for an hour of the emulator's time, whatever the real time is."""
    listening.set_clock(datetime(2040, 1, 1, tzinfo=UTC))
    key = listening.service_key(listening.create_subaccount().guid, "x509", valid_seconds=3600)
    listening.set_clock(datetime(2040, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    assert ask(key).status_code == status


def test_a_certificate_of_another_authority_ends_the_connection(listening: Emulator, ask: Ask) -> None:
    """Already TLS refuses it."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")
    with Emulator(key_size=1024) as other:
        stranger = other.service_key(other.create_subaccount().guid, "x509")
    with pytest.raises(httpx.TransportError):
        ask(key | {"certificate": stranger["certificate"], "key": stranger["key"]})


def test_a_certificate_of_the_authority_that_names_no_client_gives_no_token() -> None:
    """The server's own certificate is none of a client."""
    certificate, _ = client_ca.issue_server(client_ca.create(), "127.0.0.1")
    assert client_ca.client_id_of(certificate, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_an_authority_with_another_kind_of_key_is_refused(listening: Emulator) -> None:
    """A state file that somebody edited is not made sense of."""
    key = listening.service_key(listening.create_subaccount().guid, "x509")["key"]
    private = serialization.load_pem_private_key(key.encode(), None)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with pytest.raises(TypeError, match="elliptic"):
        client_ca.issue_server(replace(client_ca.create(), private_key=pem), "127.0.0.1")


def test_the_transport_trusts_the_host(listening: Emulator) -> None:
    """A client without a certificate of its own gets an answer over TLS, too."""
    certurl = listening.service_key(listening.create_subaccount().guid, "x509")["certurl"]
    with contextlib.closing(httpx.Client(transport=listening.transport)) as client:
        assert client.post(f"{certurl}/oauth/token").status_code == 401
