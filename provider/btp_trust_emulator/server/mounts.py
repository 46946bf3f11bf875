"""The two mounts of the emulator: in process, and over sockets."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from anyio.from_thread import start_blocking_portal

from btp_trust_emulator.backend.service_keys import Addresses
from btp_trust_emulator.control.emulation import Emulation
from btp_trust_emulator.server import sockets
from btp_trust_emulator.server.application import application
from btp_trust_emulator.server.in_process import InProcessTransport

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractContextManager, ExitStack

    from btp_trust_emulator.backend.landscape import Landscape

    LandscapeFactory = Callable[[Addresses], Landscape]

_IN_PROCESS = Addresses("http://127.0.0.1", "https://127.0.0.1")


@dataclass(frozen=True, slots=True)
class Mount:
    """A running emulator: its emulation, its transport, and how it refuses connections."""

    emulation: Emulation
    transport: httpx.BaseTransport
    ca_file: Path | None
    refuse_connections: Callable[[], AbstractContextManager[None]]


def in_process(stack: ExitStack, create_landscape: LandscapeFactory) -> Mount:
    """Mount the emulator behind a transport that calls it; the stack ends it."""
    emulation = Emulation.of(create_landscape(_IN_PROCESS))
    transport = stack.enter_context(InProcessTransport(application(emulation)))
    return Mount(emulation, transport, None, transport.refuse_connections)


def over_sockets(stack: ExitStack, create_landscape: LandscapeFactory, host: str, ports: tuple[int, int]) -> Mount:
    """Mount the emulator behind two sockets, for http and https; the stack ends it."""
    listener, tls_listener = (stack.enter_context(sockets.listen(host, port)) for port in ports)
    landscape = create_landscape(
        Addresses(f"http://{_host_and_port(listener)}", f"https://{_host_and_port(tls_listener)}")
    )
    emulation = Emulation.of(landscape)
    portal = stack.enter_context(start_blocking_portal())
    listeners = [(listener, None), (tls_listener, sockets.tls_context(landscape.authority, host))]
    servers = stack.enter_context(sockets.run_servers(application(emulation), portal, listeners))
    ca_file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem"
    ca_file.write_text(landscape.authority.certificate)
    context = ssl.create_default_context(cafile=str(ca_file))
    return Mount(
        emulation, stack.enter_context(httpx.HTTPTransport(verify=context)), ca_file, servers.refuse_connections
    )


def _host_and_port(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"
