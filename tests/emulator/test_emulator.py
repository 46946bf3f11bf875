"""The emulator as a context manager, and the clock in its responses."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator, Switches
from btp_trust_emulator.server.sockets import listen


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/_emulator/clock", id="the control plane"),
        pytest.param("/destination-configuration/v1/saml2Metadata", id="a refusal of the service"),
        pytest.param("/elsewhere", id="an unknown path"),
    ],
)
def test_responses_have_clock_date(emulator: Emulator, path: str) -> None:
    """Every response has one Date header, by the clock that can be moved."""
    moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    emulator.set_clock(moment)
    with httpx.Client(transport=emulator.transport) as client:
        dates = client.get(emulator.url + path).headers.get_list("date")
    assert len(dates) == 1
    assert timedelta(0) <= parsedate_to_datetime(dates[0]) - moment < timedelta(seconds=20)


def test_clock_starts_at_real_time() -> None:
    """The clock shows the real time until it is moved, and runs."""
    with Emulator(key_size=1024) as emulator:
        assert abs(emulator.now - datetime.now(UTC)) < timedelta(seconds=5)
        assert emulator.now <= emulator.now


def test_url_is_loopback(emulator: Emulator) -> None:
    """The URL is a loopback address, to which a client may send credentials over http."""
    assert httpx.URL(emulator.url).host == "127.0.0.1"


def test_responses_are_sent_at_once() -> None:
    """The connections that a server accepts send without Nagle's algorithm, which delays a body by 40 ms."""

    async def accepted() -> int:
        options = asyncio.Queue[int]()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            options.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listen("127.0.0.1", 0)
        async with await asyncio.start_server(accept, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await options.get()

    assert asyncio.run(accepted())


def test_threads_share_the_emulator(caller: Any) -> None:
    """Eight threads get a certificate each, and the journal has them one after the other."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.clear_journal()
    certificates: list[str] = []

    def renew() -> None:
        certificates.append(caller.call("POST", "/certificate", authorization=authorization).json()["certificate"])

    threads = [threading.Thread(target=renew) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = caller.emulator.journal()
    assert len(set(certificates)) == len(entries) == 8
    assert [entry.after for entry in entries[:-1]] == [entry.before for entry in entries[1:]]


@pytest.mark.parametrize("socket", [pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def test_threads_end_with_block(*, socket: bool) -> None:
    """The thread that generates keys and that of the event loop end with the block."""
    before = set(threading.enumerate())
    with Emulator(socket=socket, key_size=2056):
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before


def test_methods_need_running_block() -> None:
    """Before the block and after it, an error says so."""
    emulator = Emulator(key_size=1024, switches=Switches())
    with pytest.raises(RuntimeError, match="is stopped"):
        _ = emulator.url
    with emulator:
        assert emulator.url
    with pytest.raises(RuntimeError, match="is stopped"):
        emulator.journal()


def test_in_process_has_no_ca_file(in_process_emulator: Emulator) -> None:
    """The error about the missing TLS host says what to do."""
    with pytest.raises(RuntimeError, match="socket=True"):
        _ = in_process_emulator.ca_file


def test_program_with_event_loop_calls() -> None:
    """A client in a running event loop, as a Pulumi program has one, gets its response too."""

    async def status(emulator: Emulator) -> int:
        with httpx.Client(transport=emulator.transport) as client:
            return client.get(f"{emulator.url}/_emulator/clock").status_code  # noqa: ASYNC212 - it is the case

    with Emulator(key_size=1024) as emulator:
        assert asyncio.run(status(emulator)) == 200
