"""`Emulator`: the emulator as a context manager, in process or over sockets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.landscape import WEEK_SECONDS, Landscape, perform_action
from btp_trust_emulator.backend.service_keys import Credential
from btp_trust_emulator.backend.storage import Storage
from btp_trust_emulator.emulator_propagation import Propagation
from btp_trust_emulator.emulator_s4 import S4Tenants
from btp_trust_emulator.faults.fault import Fault
from btp_trust_emulator.pki.keys import KeyPool
from btp_trust_emulator.server import mounts
from btp_trust_emulator.slots import Action, Slot
from btp_trust_emulator.switches import Switches

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Literal, Self, Unpack

    import httpx

    from btp_trust_emulator.backend.account import Subaccount
    from btp_trust_emulator.backend.service_keys import Addresses
    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.faults.fault import FaultFields, FaultKind
    from btp_trust_emulator.faults.queue import QueuedFault
    from btp_trust_emulator.journal import JournalEntry
    from btp_trust_emulator.server.mounts import Mount
    from btp_trust_emulator.slots import Slots

DEFAULT_KEY_SIZE = 4096


class Emulator(Propagation, S4Tenants):
    """Run the emulator while the `with` block runs; use each object once.

    Args:
        socket: listen on two free ports (http and https) instead of answering in process.
        key_size: bits of the RSA keys of trust certificates; real ones have 4096, tests are quicker with 1024.
        state: the file that keeps the state across restarts; None keeps the state in memory.
        switches: what the emulator does where the real service is unknown.
        host: the loopback address to listen on.
        port: the port for http; 0 picks one.
        tls_port: the port for https; 0 picks one.

    All methods may be called from any thread. They raise subclasses of `Refused` for what cannot be done, and
    `RuntimeError` outside the `with` block. The journal leaves them out.
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
        self._running: Mount | None = None

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._running = self._mount(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = None
        self._stack.close()

    def _mount(self, stack: contextlib.ExitStack) -> Mount:
        pool = KeyPool(self._key_size)
        stack.callback(pool.close)

        def create_landscape(addresses: Addresses) -> Landscape:
            return Landscape(addresses, pool, self._storage, self._switches)

        if self._socket:
            return mounts.over_sockets(stack, create_landscape, self._host, self._ports)
        return mounts.in_process(stack, create_landscape)

    @property
    def _running_mount(self) -> Mount:
        if self._running is None:
            raise RuntimeError("The emulator is stopped. It runs inside its with block only.")
        return self._running

    @property
    def _emulation(self) -> Emulation:
        return self._running_mount.emulation

    @property
    def _landscape(self) -> Landscape:
        return self._emulation.landscape

    @property
    def url(self) -> str:
        """The base URL, which is also `uri` in service keys; in process it is a name only."""
        return self._landscape.addresses.base

    @property
    def transport(self) -> httpx.BaseTransport:
        """The transport for a synchronous httpx client; over sockets it trusts the TLS host."""
        return self._running_mount.transport

    @property
    def ca_file(self) -> Path:
        """The PEM file of the CA certificate behind the TLS host.

        Raises:
            RuntimeError: the emulator runs in process, where TLS is missing.
        """
        if self._running_mount.ca_file is None:
            raise RuntimeError("In process, there is no TLS host. Use Emulator(socket=True).")
        return self._running_mount.ca_file

    def create_subaccount(
        self,
        guid: str | None = None,
        subdomain: str | None = None,
        active: str | None = None,
        passive: str | None = None,
        *,
        generate: bool = False,
    ) -> Subaccount:
        """Create a subaccount; `active` and `passive` (PEM) are served as given.

        With `generate`, an active certificate is generated if the argument is missing.

        Raises:
            Invalid: the GUID, the subdomain or a certificate is malformed.
            Conflict: the GUID or the subdomain is taken.
        """
        return self._landscape.create(guid, subdomain, active, passive, generate=generate).public

    def subaccounts(self) -> list[Subaccount]:
        """Return all subaccounts, oldest first."""
        return [account.public for account in self._landscape.accounts()]

    def service_key(
        self,
        guid: str,
        credential: Credential | Literal["secret", "x509"] = Credential.SECRET,
        valid_seconds: int = WEEK_SECONDS,
    ) -> dict[str, str]:
        """Return a service key; with `x509`, a new client certificate is valid from now (by the clock)."""
        return self._landscape.service_key(guid, Credential(credential), valid_seconds)

    def slots(self, guid: str) -> Slots:
        """Return the fingerprints in the two slots."""
        return self._landscape.account(guid).slots

    def certificates(self, guid: str) -> tuple[str | None, str | None]:
        """Return the PEM in the active and in the passive slot."""
        account = self._landscape.account(guid)
        return account.certificate(Slot.ACTIVE), account.certificate(Slot.PASSIVE)

    def generate_active(self, guid: str) -> None:
        """Generate or renew the active certificate, as a colleague in the cockpit."""
        perform_action(self._landscape, guid, Action.GENERATE_ACTIVE)

    def generate_passive(self, guid: str) -> None:
        """Generate or renew the passive certificate, as a colleague in the cockpit."""
        perform_action(self._landscape, guid, Action.GENERATE_PASSIVE)

    def rotate(self, guid: str) -> None:
        """Swap the two certificates, as a colleague in the cockpit."""
        perform_action(self._landscape, guid, Action.ROTATE)

    def delete_passive(self, guid: str) -> None:
        """Delete the passive certificate, as a colleague in the cockpit."""
        perform_action(self._landscape, guid, Action.DELETE_PASSIVE)

    def journal(self) -> list[JournalEntry]:
        """Return every request to the emulated services since the start or `clear_journal`."""
        return self._emulation.journal.entries()

    def clear_journal(self) -> None:
        """Clear the journal."""
        self._emulation.journal.clear()

    def fault(self, kind: FaultKind, **fields: Unpack[FaultFields]) -> Fault:
        """Queue a fault; `FAULT_SPECS` is the table of the kinds and their fields.

        Raises:
            Invalid: a field has no meaning for the kind, or is out of its range.
            Unknown: the subaccount does not exist.
        """
        fault = Fault(kind, **fields)
        self._emulation.queue(fault)
        return fault

    def faults(self) -> list[QueuedFault]:
        """Return the faults that still wait for requests, and how many requests each has disturbed."""
        return self._emulation.faults.queued()

    def clear_faults(self) -> None:
        """Clear the faults that still wait."""
        self._emulation.faults.clear()

    def refuse_connections(self) -> AbstractContextManager[None]:
        """Refuse new connections and close open ones while the returned context is entered; use one at a time."""
        return self._running_mount.refuse_connections()

    @property
    def now(self) -> datetime:
        """The time of the emulator's clock (UTC), which runs."""
        return self._landscape.clock.now()

    def set_clock(self, now: datetime) -> None:
        """Set the clock; it runs on from there. The time needs a time zone, and a year from 1970 to 2199."""
        self._landscape.set_clock(now)

    def advance(self, seconds: float) -> None:
        """Move the clock forward (negative: backward)."""
        self._landscape.advance(seconds)
