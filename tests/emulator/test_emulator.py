"""The emulator as a context manager, and the clock in its answers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator, Switches


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/_emulator/clock", id="the control plane"),
        pytest.param("/destination-configuration/v1/saml2Metadata", id="a refusal of the service"),
        pytest.param("/elsewhere", id="an unknown path"),
    ],
)
def test_every_answer_has_the_date_of_the_clock(emulator: Emulator, path: str) -> None:
    """One Date header, by the clock that can be moved."""
    moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    emulator.set_clock(moment)
    with httpx.Client(transport=emulator.transport) as client:
        dates = client.get(emulator.url + path).headers.get_list("date")
    assert len(dates) == 1
    assert timedelta(0) <= parsedate_to_datetime(dates[0]) - moment < timedelta(seconds=20)


def test_the_clock_shows_the_real_time_until_it_is_moved() -> None:
    """And runs."""
    with Emulator(key_size=1024) as emulator:
        assert abs(emulator.now - datetime.now(UTC)) < timedelta(seconds=5)
        assert emulator.now <= emulator.now


def test_the_url_is_a_loopback_address(emulator: Emulator) -> None:
    """A client may send credentials over plain http there."""
    assert httpx.URL(emulator.url).host == "127.0.0.1"


def test_several_threads_may_use_it_at_once(caller: Any) -> None:
    """Eight threads renew; each got a certificate of its own, the journal has them one after the other."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.clear_journal()
    minted: list[str] = []

    def renew() -> None:
        minted.append(caller.call("POST", "/certificate", authorization=authorization).json()["certificate"])

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = caller.emulator.journal()
    assert len(set(minted)) == len(entries) == 8
    assert [entry.after for entry in entries[:-1]] == [entry.before for entry in entries[1:]]


@pytest.mark.parametrize("socket", [pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def test_no_thread_is_left_behind(*, socket: bool) -> None:
    """Neither the one that makes keys in advance nor the one of the event loop."""
    before = set(threading.enumerate())
    with Emulator(socket=socket, key_size=2056):
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before


def test_nothing_works_outside_its_block() -> None:
    """Before it and after it: an error that says so."""
    emulator = Emulator(key_size=1024, switches=Switches())
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    with emulator:
        assert emulator.url
    with pytest.raises(RuntimeError, match="not running"):
        emulator.journal()


def test_there_is_no_tls_host_in_process(in_process_emulator: Emulator) -> None:
    """Whoever asks for its authority's file is told what to do."""
    with pytest.raises(RuntimeError, match="socket=True"):
        _ = in_process_emulator.ca_file
