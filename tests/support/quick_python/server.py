"""A Python that has imported the packages which each program and each plugin imports, and copies itself for each.

Usage: `python3 -u server.py SOCKET`. The server ends when its standard input is closed, with all that it has started.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import runpy
import selectors
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PREPARED = (
    "asyncio",
    "concurrent.futures.thread",
    "cryptography.x509",
    "dill",
    "grpc",
    "httpx",
    "importlib.metadata",
    "lxml.etree",
    "msgspec",
    "pulumi.dynamic",
    "pulumi.runtime",
    "tenacity",
    "yaml",
)
"""Packages of others."""
PREPARED_OF_OURS = (
    "btp_trust.active.lifecycle",
    "btp_trust.identity_provider.lifecycle",
    "btp_trust.passive.lifecycle",
    "btp_trust.providers",
    "btp_trust.resources.rotation",
    "btp_trust.rotation.perform",
    "btp_trust.runtime.process_session",
    "btp_trust.runtime.slot_writes",
    "btp_trust.service.trust_certificates",
)
"""What most programs and plugins import of the provider. Tests of their own hold what a process loads."""


@dataclass(frozen=True)
class Call:
    """A command: its folder, its words, its environment, its streams."""

    folder: str
    words: list[str]
    variables: dict[bytes, bytes]
    streams: list[int]

    def run(self) -> None:
        """Become the process of this command."""
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests without it
        os.chdir(self.folder)
        os.environb.clear()
        os.environb.update(self.variables)
        time.tzset()
        if "PYTHONPATH" in os.environ:  # there may be another btp_trust in it
            for name in [name for name in sys.modules if name.partition(".")[0] == "btp_trust"]:
                del sys.modules[name]
        first = [self.folder] if "-m" in self.words else [str(Path(self.words[0]).parent)]
        sys.path[:0] = first + [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        self._run_module() if "-m" in self.words else self._run_script()

    def _run_module(self) -> None:
        name = self.words.index("-m") + 1
        sys.argv[:] = self.words[name:]
        runpy.run_module(self.words[name], run_name="__main__", alter_sys=True)

    def _run_script(self) -> None:
        sys.argv[:] = self.words
        runpy.run_path(self.words[0], run_name="__main__")


def read_call(connection: socket.socket) -> Call:
    """Read what the launcher has sent."""
    size, streams, *_ = socket.recv_fds(connection, 4, 3)
    content = b""
    while len(content) < int.from_bytes(size, "big"):
        content += connection.recv(65536)
    folder, count, *rest = content.split(b"\0")
    words, variables = rest[: int(count)], rest[int(count) :]
    pairs = (variable.partition(b"=") for variable in variables)
    return Call(os.fsdecode(folder), [*map(os.fsdecode, words)], {name: value for name, _, value in pairs}, streams)


class Server:
    """Waits for calls, and for the ends of what was called."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._running: dict[int, tuple[int, socket.socket]] = {}
        """{descriptor of a process, or of its launcher: process, launcher}"""

    def next_call(self) -> Call | None:
        """Return the call of a new process in that process; None at the end of the server."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    self._end_all()
                    return None
                if key.fileobj is self._listener:
                    call = self._start()
                    if call is not None:
                        return call
                elif key.fd in self._running:
                    self._finish(key.fd)

    def _start(self) -> Call | None:
        launcher, _ = self._listener.accept()
        call = read_call(launcher)
        pid = os.fork()
        if pid == 0:
            self._close()
            launcher.close()
            return call
        for stream in call.streams:
            os.close(stream)
        with contextlib.suppress(OSError):
            launcher.sendall(pid.to_bytes(4, "big"))
        for descriptor in (os.pidfd_open(pid), launcher.fileno()):
            self._running[descriptor] = (pid, launcher)
            self._selector.register(descriptor, selectors.EVENT_READ)
        return None

    def _finish(self, descriptor: int) -> None:
        """Report the end of a process to its launcher; a launcher that was killed takes its process along."""
        pid, launcher = self._running[descriptor]
        if descriptor == launcher.fileno():
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            launcher.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
        for each in [each for each, (other, _) in self._running.items() if other == pid]:
            self._selector.unregister(each)
            del self._running[each]
            if each != launcher.fileno():
                os.close(each)
        launcher.close()

    def _end_all(self) -> None:
        for pid in {pid for pid, _ in self._running.values()}:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(Path(self._listener.getsockname()).parent)

    def _close(self) -> None:
        """Close in a new process what belongs to the server."""
        self._selector.close()
        self._listener.close()
        for descriptor in self._running:
            os.close(descriptor)


if __name__ == "__main__":
    sys.path[:] = [path for path in sys.path if Path(path) != Path(__file__).parent]
    for prepared in (*PREPARED, *PREPARED_OF_OURS):
        importlib.import_module(prepared)
    gc.freeze()
    called = Server(sys.argv[1]).next_call()
    if called:
        called.run()
