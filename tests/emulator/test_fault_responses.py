"""What faults make of a response: what the client sees, what the slots hold afterwards, and what the journal says."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import anyio
import httpx
import pytest

from btp_trust_emulator import Emulator, FaultKind
from btp_trust_emulator.messages import ConnectionFailure
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.server.sockets import SocketConnection

TIMEOUT_SECONDS = 0.3
ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        pytest.param(FaultKind.FAIL, {}, 503, id="503 by default"),
        pytest.param(FaultKind.FAIL, {"status": 500}, 500, id="500"),
        pytest.param(FaultKind.FAIL, {"status": 401}, 401, id="401"),
        pytest.param(FaultKind.FAIL, {"status": 403}, 403, id="403"),
        pytest.param(FaultKind.FAIL, {"status": 599}, 599, id="an unnamed status"),
        pytest.param(FaultKind.HTML, {}, 502, id="a proxy's page"),
        pytest.param(FaultKind.HTML, {"status": 200}, 200, id="a page that says it is well"),
        pytest.param(FaultKind.ROUTER, {}, 404, id="a router with an unknown route"),
        pytest.param(FaultKind.ROUTER, {"status": 502}, 502, id="a router with a silent app"),
        pytest.param(FaultKind.ROUTER, {"status": 503}, 503, id="a router that lacks instances"),
    ],
)
def test_fault_prevents_action(authorized_caller: Any, kind: FaultKind, fields: Any, status: int) -> None:
    """The slots stay as they were, and the next request is answered normally."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("POST", ROTATE)
    entry = authorized_caller.entry()
    assert response.status_code == status
    assert (entry.status, entry.faults, entry.before, entry.after) == (status, (kind,), before, before)
    assert authorized_caller.call("POST", ROTATE).status_code == 200
    assert authorized_caller.entry().faults == ()


def test_limit_has_retry_after(authorized_caller: Any) -> None:
    """A 429 has Retry-After, in whole seconds."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, status=429, seconds=1.5)
    response = authorized_caller.call("GET", ACTIVE)
    assert (response.status_code, response.text) == (429, "Too Many Requests")
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        pytest.param(FaultKind.DO_THEN_FAIL, {}, 500, id="500 by default"),
        pytest.param(FaultKind.DO_THEN_FAIL, {"status": 503}, 503, id="503"),
        pytest.param(FaultKind.DO_THEN_HTML, {}, 502, id="a proxy's page"),
        pytest.param(FaultKind.DO_THEN_ROUTER, {}, 502, id="a router that lost the answer"),
    ],
)
def test_fault_replaces_response(authorized_caller: Any, kind: FaultKind, fields: Any, status: int) -> None:
    """The slots have changed, although the response denies it."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("POST", PASSIVE)
    entry = authorized_caller.entry()
    assert response.status_code == entry.status == status
    assert authorized_caller.slots.passive != before.passive
    assert (entry.faults, entry.before, entry.after) == ((kind,), before, authorized_caller.slots)


def test_proxy_page_is_html(authorized_caller: Any) -> None:
    """A proxy's page has a media type that no client accepts from the service."""
    authorized_caller.caller.emulator.fault(FaultKind.HTML)
    response = authorized_caller.call("GET", ACTIVE)
    assert response.headers["content-type"] == "text/html"
    assert "<h1>502 Bad Gateway</h1>" in response.text


@pytest.mark.parametrize(
    ("kind", "fields", "error", "text"),
    [
        (FaultKind.ROUTER, {}, "unknown_route", "404 Not Found: Requested route ('{host}') does not exist.\n"),
        (
            FaultKind.ROUTER,
            {"status": 503},
            "no_endpoints",
            "503 Service Unavailable: Requested route ('{host}') has no available endpoints.\n",
        ),
        (
            FaultKind.DO_THEN_ROUTER,
            {},
            "endpoint_failure",
            "502 Bad Gateway: Registered endpoint failed to handle the request.\n",
        ),
    ],
)
def test_router_names_the_cause(authorized_caller: Any, kind: FaultKind, fields: Any, error: str, text: str) -> None:
    """The router answers in plain text, and its header distinguishes its responses from the app's."""
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("GET", ACTIVE)
    assert response.headers["X-Cf-Routererror"] == error
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == text.format(host=response.request.headers["host"])


@pytest.mark.parametrize(
    ("kind", "acts", "error"),
    [
        pytest.param(FaultKind.SILENCE, False, httpx.ReadTimeout, id="ignored, and silence"),
        pytest.param(FaultKind.CLOSE, False, httpx.RemoteProtocolError, id="ignored, and closed"),
        pytest.param(FaultKind.RESET, False, httpx.ReadError, id="ignored, and reset"),
        pytest.param(FaultKind.DO_THEN_SILENCE, True, httpx.ReadTimeout, id="done, then silence"),
        pytest.param(FaultKind.DO_THEN_CLOSE, True, httpx.RemoteProtocolError, id="done, then closed"),
        pytest.param(FaultKind.DO_THEN_RESET, True, httpx.ReadError, id="done, then reset"),
    ],
)
def test_request_ends_without_response(
    authorized_caller: Any, kind: FaultKind, error: type[Exception], *, acts: bool
) -> None:
    """Both mounts give the same error; the slots show if the service acted, the journal has no status."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind)
    with pytest.raises(error):
        authorized_caller.call("POST", PASSIVE, timeout=TIMEOUT_SECONDS)
    entry = authorized_caller.entry()
    assert (authorized_caller.slots != before) == acts
    assert (entry.status, entry.faults, entry.before, entry.after) == (None, (kind,), before, authorized_caller.slots)
    assert authorized_caller.read(PASSIVE) == authorized_caller.slots.passive


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        pytest.param(FaultKind.SILENCE, httpx.ReadTimeout, id="silence"),
        pytest.param(FaultKind.CLOSE, httpx.RemoteProtocolError, id="closed"),
        pytest.param(FaultKind.RESET, (httpx.ReadError, httpx.RemoteProtocolError), id="reset"),
    ],
)
def test_connections_end_under_tls(kind: FaultKind, error: type[Exception] | tuple[type[Exception], ...]) -> None:
    """A connection ends on the TLS host too; Python's TLS may report a reset as an end."""
    with Emulator(socket=True, key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as client:
        key = emulator.service_key(emulator.create_subaccount().guid, "x509")
        emulator.fault(kind, path="token")
        client.timeout = httpx.Timeout(10, read=TIMEOUT_SECONDS)
        with pytest.raises(error):
            client.post(f"{key['certurl']}/oauth/token")
        assert client.post(f"{key['certurl']}/oauth/token", timeout=10).status_code == 401


@pytest.mark.parametrize("timeout", [pytest.param(10, id="a long one"), pytest.param(None, id="an infinite one")])
def test_slow_response_arrives(authorized_caller: Any, timeout: float | None) -> None:
    """A client that waits long enough gets the response."""
    authorized_caller.caller.emulator.fault(FaultKind.SLOW, seconds=TIMEOUT_SECONDS)
    start = time.monotonic()
    assert authorized_caller.call("POST", PASSIVE, timeout=timeout).status_code == 200
    assert time.monotonic() - start >= TIMEOUT_SECONDS
    assert (authorized_caller.entry().status, authorized_caller.entry().faults) == (200, (FaultKind.SLOW,))


def test_slow_response_meets_timeout(authorized_caller: Any) -> None:
    """A client with a short timeout gives up, and its request is carried out."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.SLOW)
    with pytest.raises(httpx.ReadTimeout):
        authorized_caller.call("POST", PASSIVE, timeout=TIMEOUT_SECONDS)
    assert authorized_caller.entry().before == before != authorized_caller.entry().after == authorized_caller.slots


def test_json_can_be_truncated(authorized_caller: Any) -> None:
    """The response is complete as HTTP and broken as JSON; the slots have changed."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.TRUNCATED_JSON)
    response = authorized_caller.call("POST", PASSIVE)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert response.text.startswith('{"certificate":"-----BEGIN')
    assert authorized_caller.entry().before == before != authorized_caller.entry().after == authorized_caller.slots


@pytest.mark.parametrize(("method", "path"), [("GET", ACTIVE), ("POST", PASSIVE), ("POST", ROTATE)])
def test_certificates_can_be_empty(authorized_caller: Any, method: str, path: str) -> None:
    """Each certificate in the response is empty; the slots have the real ones."""
    authorized_caller.caller.emulator.fault(FaultKind.EMPTY_CERTIFICATE)
    response = authorized_caller.call(method, path)
    assert response.status_code == 200
    assert set(response.json().values()) == {""}
    assert None not in {authorized_caller.slots.active, authorized_caller.slots.passive}
    assert authorized_caller.entry().faults == (FaultKind.EMPTY_CERTIFICATE,)


@pytest.mark.parametrize(("method", "path"), [("GET", ACTIVE), ("POST", PASSIVE), ("POST", ROTATE)])
def test_line_breaks_can_be_literal(authorized_caller: Any, method: str, path: str) -> None:
    """A backslash and an n replace each line break; all else stays."""
    authorized_caller.caller.emulator.fault(FaultKind.LITERAL_NEWLINES)
    response = authorized_caller.call(method, path)
    pems = list(response.json().values())
    assert all("\n" not in pem and pem.endswith("-----END CERTIFICATE-----\\n") for pem in pems)
    fingerprints = {trust_certificate.fingerprint(pem.replace("\\n", "\n")) for pem in pems}
    assert fingerprints <= {authorized_caller.slots.active, authorized_caller.slots.passive}


def test_response_without_certificates_is_unchanged(authorized_caller: Any) -> None:
    """A 404 has no certificates to make empty."""
    authorized_caller.caller.emulator.delete_passive(authorized_caller.guid)
    authorized_caller.caller.emulator.fault(FaultKind.EMPTY_CERTIFICATE)
    response = authorized_caller.call("GET", PASSIVE)
    assert response.status_code == 404
    assert authorized_caller.guid in response.json()["ErrorMessage"]


def test_end_ignores_rest_of_request() -> None:
    """The connection ends when the client has gone, for any messages before that."""
    messages = [{"type": "http.request"}, {"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, str]:
        return messages.pop(0)

    anyio.run(SocketConnection(asyncio.Transport(), receive).fail, ConnectionFailure.SILENCE)
    assert messages == []


def test_connections_can_be_refused(authorized_caller: Any) -> None:
    """New and open connections are refused for a while; afterwards all is as before."""
    before = authorized_caller.slots
    assert authorized_caller.read(ACTIVE) == before.active
    with authorized_caller.caller.emulator.refuse_connections(), pytest.raises(httpx.ConnectError):
        authorized_caller.call("POST", ROTATE)
    assert authorized_caller.read(ACTIVE) == before.active
    assert [entry.method for entry in authorized_caller.caller.emulator.journal()] == ["GET", "GET"]
