"""The plugin process that Pulumi starts for dynamic resources, called over gRPC as the engine does.

`golden/<version>/` has what each release wrote: a pickle of each provider, and the inputs and outputs of each resource
after a rotation. The code generates the files of its own version again, before the release:

    PYTHONPATH=tests .venv/bin/python -m support.golden_states

From the release on they stay, for every later version reads them. `golden/before-v0.1.0/` is a state of a development
version, which is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.dynamic import dynamic
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from btp_trust import providers
from btp_trust_emulator import Emulator

Bag = dict[str, Any]
_SECONDS_TO_END = 10


@dataclass
class Plugin:
    """One process of `python -m pulumi.dynamic`."""

    stub: Any
    stderr: Path
    pickles: dict[str, str] = field(default_factory=dict)

    def check(self, kind: str, news: Bag, olds: Bag | None = None) -> tuple[Bag, list[tuple[str, str]]]:
        """Return the checked inputs and the failures: (property, reason)."""
        answer = self.stub.Check(
            provider_pb2.CheckRequest(olds=to_struct(olds or {}), news=to_struct({**news, **self.pickle(kind)}))
        )
        return to_bag(answer.inputs), [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, kind: str, olds: Bag, news: Bag) -> bool:
        """Return True if an update is due."""
        request = provider_pb2.DiffRequest(id="id", olds=to_struct(olds), news=to_struct({**news, **self.pickle(kind)}))
        answer = self.stub.Diff(request)
        return bool(answer.changes == provider_pb2.DiffResponse.DIFF_SOME)

    def create(self, kind: str, inputs: Bag) -> tuple[str, Bag]:
        """Return the id and the outputs."""
        answer = self.stub.Create(provider_pb2.CreateRequest(properties=to_struct({**inputs, **self.pickle(kind)})))
        return answer.id, to_bag(answer.properties)

    def update(self, kind: str, olds: Bag, news: Bag) -> Bag:
        """Return the outputs."""
        request = provider_pb2.UpdateRequest(
            id="id", olds=to_struct(olds), news=to_struct({**news, **self.pickle(kind)})
        )
        return to_bag(self.stub.Update(request).properties)

    def read(self, kind: str, outputs: Bag) -> Bag:
        """Return the outputs as they are now."""
        request = provider_pb2.ReadRequest(id="id", properties=to_struct({**outputs, **self.pickle(kind)}))
        return to_bag(self.stub.Read(request).properties)

    def delete(self, kind: str, outputs: Bag) -> None:
        """Delete."""
        self.stub.Delete(provider_pb2.DeleteRequest(id="id", properties=to_struct({**outputs, **self.pickle(kind)})))

    def pickle(self, kind: str) -> Bag:
        """Return the provider of a kind, as the program sends it: the golden one, if one was chosen."""
        provider = getattr(providers, f"{kind}Provider")()
        return {"__provider": self.pickles.get(kind) or dynamic.serialize_provider(provider)}


def to_struct(bag: Bag) -> struct_pb2.Struct:
    """Make a Protobuf struct of a property bag."""
    built = struct_pb2.Struct()
    built.update(bag)
    return built


def to_bag(properties: struct_pb2.Struct) -> Bag:
    """Make a property bag of a Protobuf struct, without the provider."""
    bag: Bag = json_format.MessageToDict(properties)
    return {name: value for name, value in bag.items() if name != "__provider"}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Return an emulator with small keys."""
    with Emulator(socket=True, key_size=1024) as run_plugin:
        yield run_plugin


@pytest.fixture
def guid(emulator: Emulator) -> str:
    """Return the GUID of a subaccount with an active certificate."""
    return emulator.create_subaccount(generate=True).guid


@pytest.fixture
def start_plugin(tmp_path: Path) -> Iterator[Callable[[Bag], Plugin]]:
    """Start a process with this configuration, as each command of Pulumi does; they end with the test."""
    with ExitStack() as stack:

        def start(config: Bag) -> Plugin:
            plugin = stack.enter_context(run_plugin(tmp_path / "stderr.txt"))
            plugin.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct(config), acceptSecrets=True))
            return plugin

        yield start


@contextmanager
def run_plugin(stderr: Path) -> Iterator[Plugin]:
    """Run a process before its Configure call; it must outlive the test."""
    command = [sys.executable, "-u", "-m", "pulumi.dynamic", "127.0.0.1:1"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BTP_TRUST_")}
    with (
        stderr.open("a") as errors,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), stderr)
            assert process.poll() is None
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process as Pulumi does: it is asked first, and killed after a while.

    Coverage saves its data in a handler of the signal, which waits for ever if the signal meets its own lock.
    """
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


@pytest.fixture
def config(emulator: Emulator, guid: str) -> Bag:
    """Return the settings of a stack that has a key of the subaccount, one of its XSUAA, and a user of S/4HANA."""
    emulator.create_s4("erp")
    keys = {"target": emulator.api_access_key(guid), "s4": emulator.communication_user("erp")}
    return {
        "btp-trust:serviceKey": json.dumps(emulator.service_key(guid)),
        "btp-trust:connections": json.dumps(keys),
    }


@pytest.fixture
def configured_plugin(start_plugin: Callable[[Bag], Plugin], config: Bag) -> Plugin:
    """Return a process that has the service key of the subaccount."""
    return start_plugin(config)
