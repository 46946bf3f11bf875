"""Short and foreign tokens, and faults of the token endpoint alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from btp_trust_emulator import TOKEN_ENDPOINT, Emulator, FaultKind

if TYPE_CHECKING:
    import httpx


def claims_of(response: httpx.Response) -> dict[str, Any]:
    """Return the claims of the token in an answer."""
    return dict(jwt.decode(response.json()["access_token"], options={"verify_signature": False}))


def test_token_can_expire_at_once(authorized_caller: Any) -> None:
    """The token says that it has expired, and the service refuses it; the next one is valid."""
    authorized_caller.caller.emulator.fault(FaultKind.SHORT_TOKEN)
    response = authorized_caller.caller.ask_token()
    content, claims = response.json(), claims_of(response)
    assert content["expires_in"] == claims["exp"] - claims["iat"] == 0
    assert authorized_caller.caller.call("GET", authorization=f"Bearer {content['access_token']}").status_code == 401
    assert authorized_caller.caller.call("GET").status_code == 200
    assert [entry.faults for entry in authorized_caller.caller.emulator.journal()] == [
        (FaultKind.SHORT_TOKEN,),
        (),
        (),
        (),
    ]


def test_token_can_expire_soon(authorized_caller: Any) -> None:
    """A short token expires by the clock."""
    authorized_caller.caller.emulator.fault(FaultKind.SHORT_TOKEN, seconds=60)
    authorization = f"Bearer {authorized_caller.caller.token()}"
    assert authorized_caller.caller.call("GET", authorization=authorization).status_code == 200
    authorized_caller.caller.emulator.advance(60)
    assert authorized_caller.caller.call("GET", authorization=authorization).status_code == 401


def test_token_can_be_foreign(in_process_emulator: Emulator, make_caller: Any) -> None:
    """A write with the token changes the oldest other subaccount."""
    other, caller = (make_caller(in_process_emulator, generate=True) for _ in range(2))
    before = [in_process_emulator.slots(client.subaccount.guid) for client in (caller, other)]
    in_process_emulator.fault(FaultKind.FOREIGN_TOKEN)
    response = caller.ask_token()
    assert claims_of(response)["zid"] == other.subaccount.guid
    caller.call("POST", "/certificate", authorization=f"Bearer {response.json()['access_token']}")
    assert in_process_emulator.slots(caller.subaccount.guid) == before[0]
    assert in_process_emulator.slots(other.subaccount.guid) != before[1]
    assert [entry.subaccount for entry in in_process_emulator.journal()] == [
        caller.subaccount.guid,
        other.subaccount.guid,
    ]


def test_foreign_token_alone_is_refused(in_process_emulator: Emulator, make_caller: Any) -> None:
    """If there is only one subaccount, the token is for one that does not exist."""
    caller = make_caller(in_process_emulator, generate=True)
    in_process_emulator.fault(FaultKind.FOREIGN_TOKEN)
    response = caller.ask_token()
    assert claims_of(response)["zid"] != caller.subaccount.guid
    authorization = f"Bearer {response.json()['access_token']}"
    assert caller.call("GET", authorization=authorization).status_code == 401


def test_token_endpoint_has_a_name(authorized_caller: Any) -> None:
    """A fault can be for the token endpoints of all subdomains."""
    authorized_caller.caller.emulator.fault(FaultKind.FAIL, path=TOKEN_ENDPOINT, status=429, seconds=1)
    assert authorized_caller.call("GET", "/certificate").status_code == 200
    assert authorized_caller.caller.ask_token().status_code == 429


def test_token_faults_need_token_requests(authorized_caller: Any) -> None:
    """A trust operation leaves a token fault waiting."""
    authorized_caller.caller.emulator.fault(FaultKind.SHORT_TOKEN)
    authorized_caller.call("GET", "/certificate")
    assert authorized_caller.entry().faults == ()
