"""Lines to Pulumi's engine: they arrive with severity and resource."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from io import StringIO
from types import SimpleNamespace
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from btp_trust.runtime import operation_context
from btp_trust.runtime.engine_log import EngineLog, engine_address
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session

URN = "urn:pulumi:dev::project::pulumi-python:dynamic/btp-trust:RotationTrigger::rotation"
PLUGIN = "/venv/lib/python3.11/site-packages/pulumi/dynamic/__main__.py"


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """An engine that keeps the lines it gets."""

    lines: list[tuple[int, str, str]] = field(default_factory=list)

    def Log(self, request: Any, _context: Any) -> empty_pb2.Empty:  # noqa: N802 - the name of the service
        """Keep a line."""
        self.lines.append((request.severity, request.message, request.urn))
        return empty_pb2.Empty()


@pytest.fixture
def listening() -> Iterator[tuple[Engine, str]]:
    """An engine, and its address."""
    engine, server = Engine(), grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield engine, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_lines_reach_the_engine(listening: tuple[Engine, str]) -> None:
    """A line has its severity, and hangs on its resource, or on the stack."""
    engine, address = listening
    log = EngineLog(address)
    assert log.log("a warning", URN, is_warning=True)
    assert log.log("a line", "", is_warning=False)
    assert engine.lines == [(engine_pb2.WARNING, "a warning", URN), (engine_pb2.INFO, "a line", "")]


def test_session_prefers_the_engine(listening: tuple[Engine, str]) -> None:
    """A session's lines go to the engine, which shows the resource and the severity by itself."""
    engine, address = listening
    stderr, unset = StringIO(), dict[str, str]()
    session = Session(unset.get, Host(engine_address=address, stderr=stderr))
    request = SimpleNamespace(urn=URN)
    with operation_context.begin({"subaccount": "acme-prod (1a2b3c4d)"}):
        assert request.urn == URN
        session.print_once("warning: it ends")
        session.print_once("it begins")
        session.print_note("a note")
    assert engine.lines == [
        (engine_pb2.WARNING, "acme-prod (1a2b3c4d): it ends", URN),
        (engine_pb2.INFO, "acme-prod (1a2b3c4d): it begins", URN),
        (engine_pb2.INFO, "a note", ""),
    ]
    assert stderr.getvalue() == ""


def test_missing_engine_is_reported() -> None:
    """The caller learns that a line was lost: the address is missing, or closed."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        for address in (None, f"127.0.0.1:{reserved.getsockname()[1]}"):
            assert not EngineLog(address).log("a line", URN, is_warning=False)


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ([PLUGIN, "127.0.0.1:41234"], "127.0.0.1:41234"),
        ([PLUGIN], None),
        (["/venv/bin/pytest", "127.0.0.1:41234"], None),
        (["-c"], None),
    ],
)
def test_only_plugins_have_address(monkeypatch: pytest.MonkeyPatch, words: list[str], address: str | None) -> None:
    """The first argument is the engine's address in Pulumi's plugin alone."""
    monkeypatch.setattr("sys.argv", words)
    assert engine_address() == address
