"""The journal has every request, and what it did to the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from btp_trust_emulator import Emulator

TRUST = "/destination-configuration/v1/saml2Metadata"


def test_each_request_is_there_with_what_the_slots_held_around_it(caller: Any) -> None:
    """A token, a mint, a swap: method, path, status, subaccount, before and after."""
    guid = caller.subaccount.guid
    start = caller.emulator.slots(guid)
    caller.call("POST", "/certificate/passive")
    minted = caller.emulator.slots(guid)
    caller.call("POST", "/rotateCertificate")
    swapped = caller.emulator.slots(guid)
    token, mint, _, swap = caller.emulator.journal()
    assert (token.method, token.path) == ("POST", f"/uaa/{caller.subaccount.subdomain}/oauth/token")
    assert (token.status, token.subaccount, token.before, token.after) == (200, guid, start, start)
    assert (mint.method, mint.path) == ("POST", f"{TRUST}/certificate/passive")
    assert (mint.status, mint.subaccount, mint.before, mint.after) == (200, guid, start, minted)
    assert (swap.path, swap.before, swap.after) == (f"{TRUST}/rotateCertificate", minted, swapped)


def test_a_refused_request_is_there_too(caller: Any) -> None:
    """Without a subaccount if nothing tells it, and with one if a token does, though it has expired."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.advance(50000)
    caller.emulator.clear_journal()
    caller.call("GET", authorization="Bearer nonsense")
    caller.call("GET", authorization=authorization)
    unknown, expired = caller.emulator.journal()
    assert (unknown.status, unknown.subaccount, unknown.before, unknown.after) == (401, None, None, None)
    assert (expired.status, expired.subaccount) == (401, caller.subaccount.guid)


def test_it_tells_the_time_by_the_clock(caller: Any) -> None:
    """The moment at which the request acted, in the emulator's time."""
    moment = datetime(2031, 5, 6, tzinfo=UTC)
    caller.emulator.set_clock(moment)
    caller.ask_token()
    assert timedelta(0) <= caller.emulator.journal()[-1].time - moment < timedelta(seconds=20)


def test_the_control_plane_shows_and_clears_it(caller: Any) -> None:
    """And is not in it itself."""
    url = f"{caller.emulator.url}/_emulator/journal"
    caller.ask_token()
    (entry,) = caller.http.get(url).json()["entries"]
    assert set(entry) == {"time", "method", "path", "status", "subaccount", "before", "after", "faults", "note"}
    assert set(entry["before"]) == {"active", "passive"}
    assert caller.http.delete(url).json() == {"entries": []}
    assert caller.emulator.journal() == []


def test_an_accident_inside_is_a_500_and_in_it(
    in_process_emulator: Emulator, make_caller: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that fails in the emulator itself is answered as the service would, recorded, and logged."""
    caller = make_caller(in_process_emulator, generate=True)
    authorization = f"Bearer {caller.token()}"
    before = in_process_emulator.slots(caller.subaccount.guid)

    def break_down(_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(in_process_emulator._landscape, "_commit", break_down)
    response: httpx.Response = caller.call("POST", "/certificate", authorization=authorization)
    entry = in_process_emulator.journal()[-1]
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert (entry.status, entry.before, entry.after) == (500, before, before)
    assert "no space left" in caplog.text
