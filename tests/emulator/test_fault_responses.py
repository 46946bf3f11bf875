"""What faults make of an answer: what the client sees, what the slots hold afterwards, and what the journal says."""

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

PATIENCE = 0.3
ACTIVE, PASSIVE, ROTATE = "/certificate", "/certificate/passive", "/rotateCertificate"


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        pytest.param(FaultKind.FAIL, {}, 503, id="503 unless told"),
        pytest.param(FaultKind.FAIL, {"status": 500}, 500, id="500"),
        pytest.param(FaultKind.FAIL, {"status": 401}, 401, id="401"),
        pytest.param(FaultKind.FAIL, {"status": 403}, 403, id="403"),
        pytest.param(FaultKind.FAIL, {"status": 599}, 599, id="a status without a name"),
        pytest.param(FaultKind.HTML, {}, 502, id="a proxy's page"),
        pytest.param(FaultKind.HTML, {"status": 200}, 200, id="a page that says it is well"),
        pytest.param(FaultKind.ROUTER, {}, 404, id="a router that knows no route"),
        pytest.param(FaultKind.ROUTER, {"status": 502}, 502, id="a router that got no answer"),
        pytest.param(FaultKind.ROUTER, {"status": 503}, 503, id="a router that has no instance"),
    ],
)
def test_a_request_is_answered_before_it_acts(
    authorized_caller: Any, kind: FaultKind, fields: Any, status: int
) -> None:
    """Nothing happens to the slots, and the next request goes its way."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("POST", ROTATE)
    entry = authorized_caller.entry()
    assert response.status_code == status
    assert (entry.status, entry.faults, entry.before, entry.after) == (status, (kind,), before, before)
    assert authorized_caller.call("POST", ROTATE).status_code == 200
    assert authorized_caller.entry().faults == ()


def test_a_limit_tells_when_to_come_again(authorized_caller: Any) -> None:
    """429 with Retry-After, in whole seconds."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, status=429, seconds=1.5)
    response = authorized_caller.call("GET", ACTIVE)
    assert (response.status_code, response.text) == (429, "Too Many Requests")
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        pytest.param(FaultKind.DO_THEN_FAIL, {}, 500, id="500 unless told"),
        pytest.param(FaultKind.DO_THEN_FAIL, {"status": 503}, 503, id="503"),
        pytest.param(FaultKind.DO_THEN_HTML, {}, 502, id="a proxy's page"),
        pytest.param(FaultKind.DO_THEN_ROUTER, {}, 502, id="a router that lost the answer"),
    ],
)
def test_a_request_acts_and_is_answered_otherwise(
    authorized_caller: Any, kind: FaultKind, fields: Any, status: int
) -> None:
    """The slots have changed, though the answer denies it."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("POST", PASSIVE)
    entry = authorized_caller.entry()
    assert response.status_code == entry.status == status
    assert authorized_caller.slots.passive != before.passive
    assert (entry.faults, entry.before, entry.after) == ((kind,), before, authorized_caller.slots)


def test_a_page_of_a_proxy_is_html(authorized_caller: Any) -> None:
    """No client takes it for an answer of the service."""
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
def test_the_router_says_who_is_not_there(
    authorized_caller: Any, kind: FaultKind, fields: Any, error: str, text: str
) -> None:
    """In plain text, as the open-source router has it; the header tells its answers from the app's."""
    authorized_caller.caller.emulator.fault(kind, **fields)
    response = authorized_caller.call("GET", ACTIVE)
    assert response.headers["X-Cf-Routererror"] == error
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == text.format(host=response.request.headers["host"])


@pytest.mark.parametrize(
    ("kind", "acts", "error"),
    [
        pytest.param(FaultKind.SILENCE, False, httpx.ReadTimeout, id="nothing, and silence"),
        pytest.param(FaultKind.CLOSE, False, httpx.RemoteProtocolError, id="nothing, and closed"),
        pytest.param(FaultKind.RESET, False, httpx.ReadError, id="nothing, and reset"),
        pytest.param(FaultKind.DO_THEN_SILENCE, True, httpx.ReadTimeout, id="done, then silence"),
        pytest.param(FaultKind.DO_THEN_CLOSE, True, httpx.RemoteProtocolError, id="done, then closed"),
        pytest.param(FaultKind.DO_THEN_RESET, True, httpx.ReadError, id="done, then reset"),
    ],
)
def test_a_request_ends_without_an_answer(
    authorized_caller: Any, kind: FaultKind, error: type[Exception], *, acts: bool
) -> None:
    """The same error in both mounts; the slots tell whether it acted, the journal that no answer was sent."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(kind)
    with pytest.raises(error):
        authorized_caller.call("POST", PASSIVE, timeout=PATIENCE)
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
def test_connections_end_under_tls_too(kind: FaultKind, error: type[Exception] | tuple[type[Exception], ...]) -> None:
    """On the host for client certificates; Python's TLS may take a reset for an end."""
    with Emulator(socket=True, key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as client:
        key = emulator.service_key(emulator.create_subaccount().guid, "x509")
        emulator.fault(kind, path="token")
        client.timeout = httpx.Timeout(10, read=PATIENCE)
        with pytest.raises(error):
            client.post(f"{key['certurl']}/oauth/token")
        assert client.post(f"{key['certurl']}/oauth/token", timeout=10).status_code == 401


@pytest.mark.parametrize("timeout", [pytest.param(10, id="a patient one"), pytest.param(None, id="one without limit")])
def test_a_slow_answer_reaches_a_patient_client(authorized_caller: Any, timeout: float | None) -> None:
    """It comes, late."""
    authorized_caller.caller.emulator.fault(FaultKind.SLOW, seconds=PATIENCE)
    start = time.monotonic()
    assert authorized_caller.call("POST", PASSIVE, timeout=timeout).status_code == 200
    assert time.monotonic() - start >= PATIENCE
    assert (authorized_caller.entry().status, authorized_caller.entry().faults) == (200, (FaultKind.SLOW,))


def test_a_slow_answer_does_not_reach_an_impatient_client(authorized_caller: Any) -> None:
    """Its time-out comes first, and what it asked for is done."""
    before = authorized_caller.slots
    authorized_caller.caller.emulator.fault(FaultKind.SLOW)
    with pytest.raises(httpx.ReadTimeout):
        authorized_caller.call("POST", PASSIVE, timeout=PATIENCE)
    assert authorized_caller.entry().before == before != authorized_caller.entry().after == authorized_caller.slots


def test_json_can_be_cut_short(authorized_caller: Any) -> None:
    """The answer is complete as HTTP goes, and not as JSON goes; the slots have changed."""
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
    """Each in the answer; the slots hold what they should."""
    authorized_caller.caller.emulator.fault(FaultKind.EMPTY_CERTIFICATE)
    response = authorized_caller.call(method, path)
    assert response.status_code == 200
    assert set(response.json().values()) == {""}
    assert None not in {authorized_caller.slots.active, authorized_caller.slots.passive}
    assert authorized_caller.entry().faults == (FaultKind.EMPTY_CERTIFICATE,)


@pytest.mark.parametrize(("method", "path"), [("GET", ACTIVE), ("POST", PASSIVE), ("POST", ROTATE)])
def test_line_breaks_can_be_literal(authorized_caller: Any, method: str, path: str) -> None:
    """A backslash and an n instead of each; nothing else differs."""
    authorized_caller.caller.emulator.fault(FaultKind.LITERAL_NEWLINES)
    response = authorized_caller.call(method, path)
    pems = list(response.json().values())
    assert all("\n" not in pem and pem.endswith("-----END CERTIFICATE-----\\n") for pem in pems)
    fingerprints = {trust_certificate.fingerprint(pem.replace("\\n", "\n")) for pem in pems}
    assert fingerprints <= {authorized_caller.slots.active, authorized_caller.slots.passive}


def test_an_answer_without_certificates_stays_as_it_is(authorized_caller: Any) -> None:
    """There is nothing in a 404 to make empty."""
    authorized_caller.caller.emulator.delete_passive(authorized_caller.guid)
    authorized_caller.caller.emulator.fault(FaultKind.EMPTY_CERTIFICATE)
    response = authorized_caller.call("GET", PASSIVE)
    assert response.status_code == 404
    assert authorized_caller.guid in response.json()["ErrorMessage"]


def test_the_rest_of_a_request_is_of_no_interest_to_its_end() -> None:
    """Whatever still comes, the connection ends when the client has gone, and not before."""
    messages = [{"type": "http.request"}, {"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, str]:
        return messages.pop(0)

    anyio.run(SocketConnection(asyncio.Transport(), receive).fail, ConnectionFailure.SILENCE)
    assert messages == []


def test_connections_are_refused_for_a_while(authorized_caller: Any) -> None:
    """Nobody gets through, not even on a connection that was open; afterwards all is as before."""
    before = authorized_caller.slots
    assert authorized_caller.read(ACTIVE) == before.active
    with authorized_caller.caller.emulator.refuse_connections(), pytest.raises(httpx.ConnectError):
        authorized_caller.call("POST", ROTATE)
    assert authorized_caller.read(ACTIVE) == before.active
    assert [entry.method for entry in authorized_caller.caller.emulator.journal()] == ["GET", "GET"]
