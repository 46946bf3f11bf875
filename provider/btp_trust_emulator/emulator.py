"""`Emulator`: the emulator as a context manager, in process or over sockets."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from anyio.from_thread import start_blocking_portal

from btp_trust_emulator import server
from btp_trust_emulator.application import application
from btp_trust_emulator.control import Action, act
from btp_trust_emulator.keys import KeyPool
from btp_trust_emulator.service_keys import Addresses, Credential
from btp_trust_emulator.slots import Slot
from btp_trust_emulator.storage import Storage
from btp_trust_emulator.switches import Switches
from btp_trust_emulator.transport import PortalTransport
from btp_trust_emulator.world import WEEK_SECONDS, World

if TYPE_CHECKING:
    from datetime import datetime
    from socket import socket
    from types import TracebackType
    from typing import Literal, Self

    from btp_trust_emulator.journal import Entry
    from btp_trust_emulator.slots import Slots
    from btp_trust_emulator.state import Subaccount

DEFAULT_KEY_SIZE = 4096
_IN_PROCESS = Addresses("http://127.0.0.1", "https://127.0.0.1")


@dataclass(frozen=True, slots=True)
class _Running:
    world: World
    transport: httpx.BaseTransport
    ca_file: Path | None


class Emulator:
    """The emulator while its `with` block runs; use each object once.

    Args:
        socket: listen on two free ports (http and https) instead of answering in process.
        key_size: bits of the RSA keys of trust certificates; real ones have 4096, tests are quicker with 1024.
        state: the file that holds the state over a restart; None keeps it in memory.
        switches: what the emulator does where the real service is not known.
        host: the loopback address to listen on.
        port: the port for http; 0 picks one.
        tls_port: the port for https; 0 picks one.

    All methods may be called from any thread. They raise subclasses of `Refused` for what cannot be done, and
    `RuntimeError` outside the `with` block. What they do is not in the journal.
    """

    def __init__(
        self,
        *,
        socket: bool = False,
        key_size: int = DEFAULT_KEY_SIZE,
        state: Path | None = None,
        switches: Switches | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
    ) -> None:
        self._socket = socket
        self._key_size = key_size
        self._storage = Storage(state)
        self._switches = switches or Switches()
        self._host = host
        self._ports = (port, tls_port)
        self._stack = contextlib.ExitStack()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._running = self._over_sockets(stack) if self._socket else self._in_process(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = None
        self._stack.close()

    def _in_process(self, stack: contextlib.ExitStack) -> _Running:
        world = self._world(stack, _IN_PROCESS)
        portal = stack.enter_context(start_blocking_portal())
        return _Running(world, PortalTransport(application(world), portal), None)

    def _over_sockets(self, stack: contextlib.ExitStack) -> _Running:
        listener, tls_listener = (stack.enter_context(server.listen(self._host, port)) for port in self._ports)
        addresses = Addresses(f"http://{_place(listener)}", f"https://{_place(tls_listener)}")
        world = self._world(stack, addresses)
        portal = stack.enter_context(start_blocking_portal())
        app = application(world)
        tls = server.tls_context(world.authority, self._host)
        stack.enter_context(server.serving(app, portal, [(listener, None), (tls_listener, tls)]))
        ca_file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem"
        ca_file.write_text(world.authority.certificate)
        trusting = ssl.create_default_context(cafile=str(ca_file))
        return _Running(world, stack.enter_context(httpx.HTTPTransport(verify=trusting)), ca_file)

    def _world(self, stack: contextlib.ExitStack, addresses: Addresses) -> World:
        pool = KeyPool(self._key_size)
        stack.callback(pool.close)
        return World(addresses, pool, self._storage, self._switches)

    @property
    def _now_running(self) -> _Running:
        if self._running is None:
            raise RuntimeError("The emulator is not running. It runs inside its with block only.")
        return self._running

    @property
    def _world_now(self) -> World:
        return self._now_running.world

    @property
    def url(self) -> str:
        """The base URL, which is also `uri` in service keys; in process there is no port behind it."""
        return self._world_now.addresses.base

    @property
    def transport(self) -> httpx.BaseTransport:
        """What a synchronous httpx client reaches the emulator by; over sockets it trusts the TLS host."""
        return self._now_running.transport

    @property
    def ca_file(self) -> Path:
        """The PEM file of the CA certificate behind the TLS host.

        Raises:
            RuntimeError: the emulator is in process: there is no TLS.
        """
        if self._now_running.ca_file is None:
            raise RuntimeError("There is no TLS host in process. Use Emulator(socket=True).")
        return self._now_running.ca_file

    def create_subaccount(
        self,
        guid: str | None = None,
        subdomain: str | None = None,
        active: str | None = None,
        passive: str | None = None,
        *,
        generate: bool = False,
    ) -> Subaccount:
        """A new subaccount; `active`, `passive` (PEM) are served as given, `generate` mints an active one if none is.

        Raises:
            Invalid: the GUID, the subdomain or a certificate is malformed.
            Conflict: the GUID or the subdomain is taken.
        """
        return self._world_now.create(guid, subdomain, active, passive, generate=generate).public

    def subaccounts(self) -> list[Subaccount]:
        """All subaccounts, oldest first."""
        return [account.public for account in self._world_now.accounts()]

    def service_key(
        self,
        guid: str,
        credential: Credential | Literal["secret", "x509"] = Credential.SECRET,
        valid_seconds: int = WEEK_SECONDS,
    ) -> dict[str, str]:
        """A service key; with `x509`, a new client certificate valid from now (by the clock) for `valid_seconds`."""
        return self._world_now.service_key(guid, Credential(credential), valid_seconds)

    def slots(self, guid: str) -> Slots:
        """The fingerprints of what the slots hold."""
        return self._world_now.account(guid).slots

    def certificates(self, guid: str) -> tuple[str | None, str | None]:
        """The PEM of what the active and the passive slot hold."""
        account = self._world_now.account(guid)
        return account.certificate(Slot.ACTIVE), account.certificate(Slot.PASSIVE)

    def generate_active(self, guid: str) -> None:
        """A colleague generates or renews the active certificate in the cockpit."""
        act(self._world_now, guid, Action.GENERATE_ACTIVE)

    def generate_passive(self, guid: str) -> None:
        """A colleague generates or renews the passive certificate in the cockpit."""
        act(self._world_now, guid, Action.GENERATE_PASSIVE)

    def rotate(self, guid: str) -> None:
        """A colleague swaps the two certificates in the cockpit."""
        act(self._world_now, guid, Action.ROTATE)

    def delete_passive(self, guid: str) -> None:
        """A colleague deletes the passive certificate in the cockpit."""
        act(self._world_now, guid, Action.DELETE_PASSIVE)

    def journal(self) -> list[Entry]:
        """Every request to the emulated services since the start or `clear_journal`."""
        return self._world_now.journal.entries()

    def clear_journal(self) -> None:
        """Forget the requests so far."""
        self._world_now.journal.clear()

    @property
    def now(self) -> datetime:
        """What the emulator's clock shows (UTC); it runs."""
        return self._world_now.clock.now()

    def set_clock(self, now: datetime) -> None:
        """Set the clock; it runs on from there. The moment must have a time zone, in the years 1970 to 2199."""
        self._world_now.set_clock(now)

    def advance(self, seconds: float) -> None:
        """Move the clock forward (negative: back)."""
        self._world_now.advance(seconds)


def _place(listener: socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"
