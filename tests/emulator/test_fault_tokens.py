"""Tokens that are no good, and faults of the token endpoint alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from btp_trust_emulator import TOKEN, Emulator, Kind

if TYPE_CHECKING:
    import httpx


def claims_of(response: httpx.Response) -> dict[str, Any]:
    """The claims of the token in an answer."""
    return dict(jwt.decode(response.json()["access_token"], options={"verify_signature": False}))


def test_a_token_may_expire_at_once(holder: Any) -> None:
    """It says so itself, and the service refuses it; the next one is good."""
    holder.caller.emulator.fault(Kind.SHORT_TOKEN)
    response = holder.caller.ask_token()
    content, claims = response.json(), claims_of(response)
    assert content["expires_in"] == claims["exp"] - claims["iat"] == 0
    assert holder.caller.call("GET", authorization=f"Bearer {content['access_token']}").status_code == 401
    assert holder.caller.call("GET").status_code == 200
    assert [entry.faults for entry in holder.caller.emulator.journal()] == [(Kind.SHORT_TOKEN,), (), (), ()]


def test_a_token_may_expire_soon(holder: Any) -> None:
    """By the clock."""
    holder.caller.emulator.fault(Kind.SHORT_TOKEN, seconds=60)
    authorization = f"Bearer {holder.caller.token()}"
    assert holder.caller.call("GET", authorization=authorization).status_code == 200
    holder.caller.emulator.advance(60)
    assert holder.caller.call("GET", authorization=authorization).status_code == 401


def test_a_token_may_speak_for_another_subaccount(in_process: Emulator, caller_of: Any) -> None:
    """Whoever writes with it changes the other one's slots: the oldest of the others."""
    other, caller = (caller_of(in_process, generate=True) for _ in range(2))
    before = [in_process.slots(each.subaccount.guid) for each in (caller, other)]
    in_process.fault(Kind.FOREIGN_TOKEN)
    response = caller.ask_token()
    assert claims_of(response)["zid"] == other.subaccount.guid
    caller.call("POST", "/certificate", authorization=f"Bearer {response.json()['access_token']}")
    assert in_process.slots(caller.subaccount.guid) == before[0]
    assert in_process.slots(other.subaccount.guid) != before[1]
    assert [entry.subaccount for entry in in_process.journal()] == [caller.subaccount.guid, other.subaccount.guid]


def test_a_token_of_nobody_opens_nothing(in_process: Emulator, caller_of: Any) -> None:
    """Where there is no other subaccount, it speaks for one that does not exist."""
    caller = caller_of(in_process, generate=True)
    in_process.fault(Kind.FOREIGN_TOKEN)
    response = caller.ask_token()
    assert claims_of(response)["zid"] != caller.subaccount.guid
    authorization = f"Bearer {response.json()['access_token']}"
    assert caller.call("GET", authorization=authorization).status_code == 401


def test_the_token_endpoint_has_a_name(holder: Any) -> None:
    """A fault may be for it alone, whatever the subdomain."""
    holder.caller.emulator.fault(Kind.FAIL, path=TOKEN, status=429, seconds=1)
    assert holder.call("GET", "/certificate").status_code == 200
    assert holder.caller.ask_token().status_code == 429


def test_token_faults_wait_for_a_request_for_a_token(holder: Any) -> None:
    """A trust operation does not meet them."""
    holder.caller.emulator.fault(Kind.SHORT_TOKEN)
    holder.call("GET", "/certificate")
    assert holder.entry().faults == ()
