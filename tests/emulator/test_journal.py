"""The journal has every request, and the request's effect on the slots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from btp_trust_emulator import Emulator

TRUST = "/destination-configuration/v1/saml2Metadata"


def test_entry_has_slots_around_request(caller: Any) -> None:
    """Token, generation and swap have method, path, status, subaccount, before and after."""
    guid = caller.subaccount.guid
    start = caller.emulator.slots(guid)
    caller.call("POST", "/certificate/passive")
    generated = caller.emulator.slots(guid)
    caller.call("POST", "/rotateCertificate")
    swapped = caller.emulator.slots(guid)
    token, generation, _, swap = caller.emulator.journal()
    assert (token.method, token.path) == ("POST", f"/uaa/{caller.subaccount.subdomain}/oauth/token")
    assert (token.status, token.subaccount, token.before, token.after) == (200, guid, start, start)
    assert (generation.method, generation.path) == ("POST", f"{TRUST}/certificate/passive")
    assert (generation.status, generation.subaccount, generation.before, generation.after) == (
        200,
        guid,
        start,
        generated,
    )
    assert (swap.path, swap.before, swap.after) == (f"{TRUST}/rotateCertificate", generated, swapped)


def test_refused_request_is_recorded(caller: Any) -> None:
    """A refused request has a subaccount if a token names one, expired or not."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.advance(50000)
    caller.emulator.clear_journal()
    caller.call("GET", authorization="Bearer nonsense")
    caller.call("GET", authorization=authorization)
    unknown, expired = caller.emulator.journal()
    assert (unknown.status, unknown.subaccount, unknown.before, unknown.after) == (401, None, None, None)
    assert (expired.status, expired.subaccount) == (401, caller.subaccount.guid)


def test_entry_has_clock_time(caller: Any) -> None:
    """The time is that of the emulator's clock at the action."""
    moment = datetime(2031, 5, 6, tzinfo=UTC)
    caller.emulator.set_clock(moment)
    caller.ask_token()
    assert timedelta(0) <= caller.emulator.journal()[-1].time - moment < timedelta(seconds=20)


def test_control_plane_shows_journal(caller: Any) -> None:
    """The control plane shows and clears the journal, and is left out of it."""
    url = f"{caller.emulator.url}/_emulator/journal"
    caller.ask_token()
    (entry,) = caller.http.get(url).json()["entries"]
    assert set(entry) == {"time", "method", "path", "status", "subaccount", "before", "after", "faults", "note"}
    assert set(entry["before"]) == {"active", "passive"}
    assert caller.http.delete(url).json() == {"entries": []}
    assert caller.emulator.journal() == []


def test_internal_error_is_recorded(
    in_process_emulator: Emulator, make_caller: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that fails in the emulator is a 500 in the journal and in the log."""
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
