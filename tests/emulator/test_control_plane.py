"""The control plane does over HTTP what `Emulator` does in Python, and its errors have three parts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Conflict, Emulator, Invalid, NoKeyPair, Unknown
from btp_trust_emulator.pki import trust_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

GUID = "00000000-1111-4222-8333-000000005cdd"
PEM = trust_certificate.to_pem(b"\x30\x82\x01\x00" + bytes(256))


@pytest.fixture
def control(emulator: Emulator) -> Iterator[httpx.Client]:
    """Provide a client of the control plane."""
    with httpx.Client(transport=emulator.transport, base_url=f"{emulator.url}/_emulator/") as client:
        yield client


def test_subaccount_is_created_as_given(emulator: Emulator, control: httpx.Client) -> None:
    """GUID, subdomain and certificates may be given, and the response shows them."""
    fields = {"guid": GUID, "subdomain": "mine", "active": PEM, "passive": PEM}
    response = control.post("subaccounts", json=fields)
    fingerprint = trust_certificate.fingerprint(PEM)
    assert response.status_code == 201
    content = response.json()
    assert (content["guid"], content["subdomain"]) == (GUID, "mine")
    assert content["slots"] == {"active": fingerprint, "passive": fingerprint}
    assert content["certificates"] == {"active": PEM, "passive": PEM}
    assert [subaccount.guid for subaccount in emulator.subaccounts()] == [GUID]


def test_subaccount_has_defaults(emulator: Emulator, control: httpx.Client) -> None:
    """An empty body gives a subaccount with empty slots; `generate` generates an active certificate."""
    bare = control.post("subaccounts").json()
    assert bare["slots"] == {"active": None, "passive": None}
    generated = control.post("subaccounts", json={"generate": True}).json()
    assert emulator.slots(generated["guid"]).active == generated["slots"]["active"] is not None
    assert control.get("subaccounts").json() == {"subaccounts": [bare, generated]}


def test_list_shows_no_secret(emulator: Emulator, control: httpx.Client) -> None:
    """Secrets and private keys are in service keys and in the state file only."""
    guid = emulator.create_subaccount(generate=True).guid
    text = control.get("subaccounts").text
    assert emulator.service_key(guid)["clientsecret"] not in text
    assert "PRIVATE" not in text


def test_service_key_has_real_fields(emulator: Emulator, control: httpx.Client) -> None:
    """A service key with a secret has the fields of a real one, over HTTP as in Python."""
    guid = emulator.create_subaccount(subdomain="mine").guid
    key = control.get(f"subaccounts/{guid}/service-key").json()
    assert key == emulator.service_key(guid)
    assert set(key) == {
        *("clientid", "clientsecret", "credential-type", "identityzone", "instanceid", "tenantid", "tenantmode"),
        *("uaadomain", "uri", "url", "verificationkey", "xsappname"),
    }
    assert (key["credential-type"], key["identityzone"], key["tenantid"]) == ("binding-secret", "mine", guid)
    assert {"|", "!"} <= set(key["clientid"])
    assert {"$", "="} <= set(key["clientsecret"])
    assert key["uri"] == emulator.url


def test_certificate_key_has_no_secret(emulator: Emulator, control: httpx.Client) -> None:
    """A service key with a certificate has certificate, key and address of the TLS host; every one is new."""
    guid = emulator.create_subaccount().guid
    keys = [control.get(f"subaccounts/{guid}/service-key?credential=x509").json() for _ in range(2)]
    assert set(keys[0]) - set(emulator.service_key(guid)) == {"certificate", "certurl", "key"}
    assert "clientsecret" not in keys[0]
    assert keys[0]["credential-type"] == "x509"
    assert keys[0]["certificate"].count("BEGIN CERTIFICATE") == 2
    assert keys[0]["certurl"].startswith("https://127.0.0.1")
    assert keys[0]["certificate"] != keys[1]["certificate"]


def test_cockpit_changes_slots(emulator: Emulator, control: httpx.Client) -> None:
    """A colleague generates both, rotates and deletes over HTTP; the journal stays empty."""
    guid = emulator.create_subaccount().guid
    shown = []
    for action in ("generate_active", "generate_passive", "rotate", "delete_passive"):
        response = control.post(f"subaccounts/{guid}/cockpit", json={"action": action})
        assert response.status_code == 200
        shown.append(response.json()["slots"])
    first, both, swapped, last = shown
    assert first["passive"] is None
    assert swapped == {"active": both["passive"], "passive": both["active"]}
    assert last == {"active": both["passive"], "passive": None}
    assert emulator.journal() == []


def test_cockpit_methods_change_slots(emulator: Emulator) -> None:
    """Each of the four methods in Python acts on the slots."""
    guid = emulator.create_subaccount().guid
    emulator.generate_active(guid)
    emulator.generate_passive(guid)
    before = emulator.slots(guid)
    emulator.rotate(guid)
    assert (emulator.slots(guid).active, emulator.slots(guid).passive) == (before.passive, before.active)
    emulator.delete_passive(guid)
    assert emulator.slots(guid).passive is None


def test_clock_is_read_and_set(emulator: Emulator, control: httpx.Client) -> None:
    """The clock is set to a time, or moved by seconds, and runs on from there."""
    control.put("clock", json={"now": "2027-11-24T08:34:27Z"})
    answer = control.put("clock", json={"advance_seconds": 3600.5})
    read = datetime.fromisoformat(control.get("clock").json()["now"])
    expected = datetime.fromisoformat("2027-11-24T09:34:27.5+00:00")
    for moment in (datetime.fromisoformat(answer.json()["now"]), read, emulator.now):
        assert timedelta(0) <= moment - expected < timedelta(seconds=20)


def test_tls_authority_is_served(control: httpx.Client) -> None:
    """The certificate of the TLS host's authority is served as PEM."""
    response = control.get("ca")
    assert response.headers["content-type"] == "application/x-pem-file"
    assert response.text.startswith("-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("POST", "subaccounts", b"{", 400, id="JSON cut short"),
        pytest.param("POST", "subaccounts", b'{"gid": ""}', 400, id="an unknown field"),
        pytest.param("POST", "subaccounts", b'{"guid": "X"}', 400, id="a malformed GUID"),
        pytest.param("POST", "subaccounts", b'{"subdomain": "a_b"}', 400, id="a malformed subdomain"),
        pytest.param("POST", "subaccounts", b'{"active": "PEM"}', 400, id="a malformed certificate"),
        pytest.param("POST", "subaccounts", f'{{"guid": "{GUID}"}}'.encode(), 409, id="a GUID that is taken"),
        pytest.param("POST", "subaccounts", b'{"subdomain": "taken"}', 409, id="a subdomain that is taken"),
        pytest.param("GET", "subaccounts/nobody/service-key", b"", 404, id="the key of an unknown subaccount"),
        pytest.param("GET", f"subaccounts/{GUID}/service-key?credential=x", b"", 400, id="an unknown credential"),
        pytest.param(
            "GET",
            f"subaccounts/{GUID}/service-key?credential=x509&valid_seconds=0",
            b"",
            400,
            id="a certificate of zero seconds",
        ),
        pytest.param(
            "POST",
            "subaccounts/nobody/cockpit",
            b'{"action": "rotate"}',
            404,
            id="the cockpit of an unknown subaccount",
        ),
        pytest.param("POST", f"subaccounts/{GUID}/cockpit", b'{"action": "rotate"}', 409, id="rotating empty slots"),
        pytest.param("POST", f"subaccounts/{GUID}/cockpit", b'{"action": "x"}', 400, id="an unknown action"),
        pytest.param("PUT", "clock", b'{"now": "2027-11-24T08:34:27"}', 400, id="a time zone missing"),
        pytest.param("PUT", "clock", b'{"now": "2200-01-01T00:00:00Z"}', 400, id="a moment too late"),
        pytest.param("PUT", "clock", b'{"advance_seconds": 1e300}', 400, id="a step too large"),
        pytest.param("PUT", "clock", b'{"advance_seconds": 1e10}', 400, id="a step too far"),
        pytest.param("PUT", "clock", b"{}", 400, id="both fields missing"),
        pytest.param(
            "PUT", "clock", b'{"now": "2027-11-24T08:34:27Z", "advance_seconds": 1}', 400, id="both moment and step"
        ),
        pytest.param("GET", "elsewhere", b"", 404, id="an unknown path"),
        pytest.param("PATCH", "clock", b"", 405, id="an unknown method"),
    ],
)
def test_error_has_three_parts(in_process_emulator: Emulator, method: str, path: str, body: bytes, status: int) -> None:
    """An error has three texts in JSON, and the status of its class."""
    in_process_emulator.create_subaccount(guid=GUID, subdomain="taken")
    with httpx.Client(
        transport=in_process_emulator.transport, base_url=f"{in_process_emulator.url}/_emulator/"
    ) as control:
        response = control.request(method, path, content=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"what", "why", "remedy"}
    assert all((text and text[-1] in ".;") or "is empty" in text for text in error.values())


@pytest.mark.parametrize(
    ("kind", "deed"),
    [
        pytest.param(Invalid, lambda emulator: emulator.create_subaccount(guid="X"), id="a malformed GUID"),
        pytest.param(Conflict, lambda emulator: emulator.create_subaccount(guid=GUID), id="a GUID that is taken"),
        pytest.param(Unknown, lambda emulator: emulator.slots("nobody"), id="the slots of an unknown subaccount"),
        pytest.param(NoKeyPair, lambda emulator: emulator.delete_passive(GUID), id="deleting an empty slot"),
        pytest.param(Invalid, lambda emulator: emulator.set_clock(datetime(2027, 1, 1)), id="a time zone missing"),  # noqa: DTZ001
        pytest.param(Invalid, lambda emulator: emulator.advance(float("nan")), id="an infinite step"),
    ],
)
def test_python_raises_one_class_per_remedy(in_process_emulator: Emulator, kind: type[Exception], deed: Any) -> None:
    """In Python, each error is an exception of the class for its remedy."""
    in_process_emulator.create_subaccount(guid=GUID)
    with pytest.raises(kind):
        deed(in_process_emulator)
