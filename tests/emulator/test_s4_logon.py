"""The communication user of a tenant logs on, and is locked after failed logons."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import Edition, Emulator, S4Switches
from support.s4 import SERVICE, S4Scenario, error_of
from support.saml import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def s4(emulator_at_assertion_time: Emulator, http: httpx.Client) -> S4Scenario:
    """Provide a tenant that locks its user after three failed logons."""
    return S4Scenario(emulator_at_assertion_time, http, S4Switches(lock_after=3))


def test_wrong_password_is_401(s4: S4Scenario) -> None:
    """A wrong password, and a missing one, are 401 with a challenge for basic authentication and a page."""
    answers = [s4.call("GET", password="wrong"), s4.http.get(f"{s4.user['url']}{SERVICE}/")]
    for response in answers:
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic realm=")
        assert "Logon failed" in response.text


def test_failed_logons_lock_the_user(s4: S4Scenario) -> None:
    """After a burst of failed logons the correct password fails as well, until somebody unlocks the user."""
    statuses = [s4.call("GET", password=word).status_code for word in ("a", "b", None, "a", "b", "c", None)]
    assert statuses == [401, 401, 200, 401, 401, 401, 401]
    assert s4.emulator.is_user_locked(s4.tenant)
    s4.emulator.set_communication_user(s4.tenant)
    assert s4.call("GET").status_code == 200


def test_other_users_lock_nobody(s4: S4Scenario) -> None:
    """Logons as an unknown user, or without a user, are failures of their own."""
    url = f"{s4.user['url']}{SERVICE}/"
    assert [s4.http.get(url, auth=("other", "a")).status_code for _ in range(4)] == [401] * 4
    assert not s4.emulator.is_user_locked(s4.tenant)


def test_other_client_is_401(s4: S4Scenario) -> None:
    """The tenant has one client: `sap-client` names it or is left out."""
    statuses = [s4.call("GET", params={"sap-client": client}).status_code for client in ("100", "200")]
    assert statuses == [200, 401]


def test_user_needs_the_scenario(s4: S4Scenario) -> None:
    """A user whose arrangement is missing is 403, with an error that says so."""
    s4.emulator.set_communication_user(s4.tenant, has_scenario=False)
    response = s4.call("GET")
    assert error_of(response)[0] == 403
    assert "No authorization" in response.json()["error"]["message"]


def test_private_edition_answers_500(s4: S4Scenario) -> None:
    """The Private Edition answers 500 to a user who is logged on."""
    s4.emulator.set_s4_switches(s4.tenant, S4Switches(edition=Edition.PRIVATE))
    assert [error_of(s4.call("GET", path))[0] for path in ("", "CommunicationSystems")] == [500, 500]


@pytest.fixture
def listening() -> Iterator[Emulator]:
    """Provide the emulator over sockets, which include TLS."""
    with Emulator(socket=True, key_size=1024) as running:
        running.set_clock(NOW)
        yield running


def certificate_client(emulator: Emulator, user: dict[str, str], folder: Path) -> httpx.Client:
    """Return a client that presents the certificate of a connection."""
    file = folder / "client.pem"
    file.write_text(user["key"] + user["certificate"])
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    context.load_cert_chain(file)
    return httpx.Client(verify=context, base_url=f"{user['url']}{SERVICE}")


def test_certificate_logs_on(listening: Emulator, tmp_path: Path) -> None:
    """A client certificate logs on without a password, reads, and writes in a session with a secure cookie."""
    listening.create_s4("s4")
    listening.create_communication_system("s4", "BTP")
    user = listening.communication_user("s4", "x509")
    with certificate_client(listening, user, tmp_path) as client:
        fetched = client.get("/CommunicationSystems", headers={"X-CSRF-Token": "Fetch"})
        (entity,) = fetched.json()["value"]
        assert entity["OAuth2TokenEndpoint"].startswith("https://")
        assert "; Secure" in fetched.headers["set-cookie"]
        headers = {"x-csrf-token": fetched.headers["x-csrf-token"], "if-match": entity["@odata.etag"]}
        path = f"/CommunicationSystems({entity['UUID']})"
        assert client.patch(path, json={"Name": "new"}, headers=headers).status_code == 200


def test_certificate_is_of_one_user(listening: Emulator, tmp_path: Path) -> None:
    """A certificate of another tenant's user, or an expired one, is 401, and locks nobody."""
    for tenant in ("s4", "other"):
        listening.create_s4(tenant, switches=S4Switches(lock_after=1))
    own, other = (listening.communication_user(tenant, "x509", 60) for tenant in ("s4", "other"))
    with certificate_client(listening, {**other, "url": own["url"]}, tmp_path) as client:
        assert client.get("/").status_code == 401
    listening.advance(61)
    with certificate_client(listening, own, tmp_path) as client:
        assert client.get("/").status_code == 401
    assert not listening.is_user_locked("s4")
