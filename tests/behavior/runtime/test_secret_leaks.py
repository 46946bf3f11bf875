"""Secrets stay on the wire: with every fault, in every command, with all loggers at debug level."""

from __future__ import annotations

import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from msgspec import structs
from pulumi.dynamic import dynamic

from btp_trust.errors import TrustError
from btp_trust.runtime import process_session
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust_emulator import Action, Credential, Emulator, FaultKind
from btp_trust_emulator.faults.fault import FAULT_SPECS
from support.error_text import error_text
from support.fake_engine import HOUR, PROVIDERS, CheckFailedError, FakeEngine, FaultyTransport, program, request_label

STORY: dict[str, Callable[[FakeEngine], Any]] = {
    "adopt": lambda engine: engine.up(program()),
    "prepare": lambda engine: engine.up(program("b", "a")),
    "rotate": lambda engine: engine.up(program("b", "b")),
    "look": lambda engine: engine.preview(program("b", "a")),
    "refresh": lambda engine: engine.refresh(),
    "renew": lambda engine: engine.up(
        program("b", active={"renew_fingerprint": engine.slots[0], "accept_outage": True})
    ),
    "retire": lambda engine: engine.up(program(None, "b")),
    "destroy": lambda engine: engine.destroy(),
}
SKIPPED = (0, 1, 3)
"""After how many requests a fault begins: at the first one, after the token, after both slots were read."""
LOUD = (
    None,
    FaultKind.FAIL,
    FaultKind.DO_THEN_RESET,
    FaultKind.CLOSE,
    FaultKind.TRUNCATED_JSON,
    FaultKind.FOREIGN_TOKEN,
)
"""No fault, and some that show different things to httpcore and keep nobody waiting."""


class RecordingTransport(FaultyTransport):
    """A transport that records the tokens."""

    def __init__(self, transport: httpx.BaseTransport, secrets: set[str]) -> None:
        super().__init__(transport)
        self._secrets = secrets

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on; of what goes by, remember what is secret."""
        if "Authorization" in request.headers:
            self._secrets.add(request.headers["Authorization"].removeprefix("Bearer "))
        response = super().handle_request(request)
        if request_label(request.method, request.url.path) == "POST token" and response.status_code == 200:
            content = response.read()
            self._secrets.update(part for part in content.decode().split('"') if part.startswith("eyJ"))
            return httpx.Response(200, headers=response.headers, content=content, request=request)
        return response


class NetworkedEngine(FakeEngine):
    """A fake engine that reaches its emulator as a user's process does: by the network."""

    def host(self, stderr: Any) -> Host:
        """Leave the transport to the session."""
        return structs.replace(super().host(stderr), transport=None)


@dataclass
class OutputRecorder:
    """Everything that a command may have shown."""

    engine: FakeEngine
    logged: pytest.LogCaptureFixture
    printed: pytest.CaptureFixture[str]
    secrets: set[str] = field(default_factory=set)
    failures: int = 0
    loggers: set[str] = field(default_factory=set)

    def record(self, command: Callable[[FakeEngine], Any]) -> None:
        """Run a command, and assert that nothing of it holds a secret."""
        shown = []
        try:
            command(self.engine)
        except (TrustError, CheckFailedError) as error:
            self.failures += 1
            shown.append(error_text(error))
        shown += [
            self.engine.last_report.messages,
            self.engine.last_preview.messages,
            self.logged.text,
            *self.printed.readouterr(),
        ]
        shown += [json.dumps([vars(stored) for stored in self.engine.state.values()], default=str)]
        shown += [repr(each) for each in _within(process_session.current())]
        shown += [str(self.engine.emulator.journal()), str(self.engine.last_report)]
        shown += [str(pickle.dumps(kind())) + dynamic.serialize_provider(kind()) for kind in PROVIDERS.values()]
        everything = "\n".join(shown)
        assert [secret for secret in self.secrets if secret in everything] == []
        self.loggers |= {record.name for record in self.logged.records}
        self.logged.clear()


def _within(shared: Session) -> Iterator[object]:
    """Yield what a session holds, at every depth."""
    todo: list[object] = [shared]
    seen: set[int] = set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if type(each).__module__.startswith("btp_trust."):
            names = [*getattr(each, "__dict__", {}), *getattr(type(each), "__slots__", ())]
            todo += [getattr(each, name) for name in names if name not in HOLDERS]
        elif isinstance(each, httpx.Client):
            todo.append(each.auth)
        elif isinstance(each, dict) and all(isinstance(name, str) for name in each):
            todo += [*each.values()]


HOLDERS = {
    "_token",
    "clientsecret",
    "key",
    "certificate",
    "_config",
    "environ",
    "_environ",
    "text",
    "_credentials",
    "secrets",
}
"""Where secrets are, and may be: fields that only code reads."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An emulator in process: timeouts of its faults pass at once."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount(generate=True)
        yield running


@pytest.fixture(scope="module")
def network() -> Iterator[Emulator]:
    """An emulator over sockets."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


def fields_of(kind: FaultKind) -> dict[str, Any]:
    """The fields that this kind of fault needs."""
    more: dict[str, Any] = {"action": Action.GENERATE_PASSIVE} if "action" in FAULT_SPECS[kind].fields else {}
    if kind is FaultKind.SLOW:
        more["seconds"] = 0
    return more


def inject_fault(emulator: Emulator, kind: FaultKind | None, skip: int) -> None:
    """Let every request after so many meet a fault."""
    emulator.clear_faults()
    if kind is not None:
        emulator.fault(kind, skip=skip, count=99, **fields_of(kind))


@pytest.mark.parametrize("kind", [None, *FaultKind], ids=lambda kind: kind.value if kind else "no fault")
def test_no_fault_reveals_secrets(
    emulator: Emulator, kind: FaultKind | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every fault, secrets stay out of errors, logs, state, pickles, reprs, journal and output."""
    caplog.set_level(logging.DEBUG)
    emulator.clear_journal()
    recorder = OutputRecorder(FakeEngine(emulator, emulator.subaccounts()[0].guid), caplog, capfd)
    for skip in SKIPPED:
        engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
        emulator.advance(HOUR)
        recorder = replace(recorder, engine=engine)
        secret = emulator.service_key(engine.guid)["clientsecret"]
        recorder.secrets.update((secret, quote_plus(secret)))
        engine.transport = RecordingTransport(emulator.transport, recorder.secrets)
        for command in STORY.values():
            inject_fault(emulator, kind, skip)
            recorder.record(command)
            inject_fault(emulator, None, 0)
            emulator.advance(HOUR)
    assert any(secret.startswith("eyJ") for secret in recorder.secrets)
    assert recorder.loggers - {"asyncio"} == {"httpx"}  # the event loop of the emulator has a logger, too
    assert {met for entry in emulator.journal() for met in entry.faults} == {kind} - {None}


@pytest.mark.usefixtures("closed_clients")
@pytest.mark.parametrize("credential", list(Credential), ids=lambda credential: credential.value)
def test_network_logs_reveal_no_secrets(
    network: Emulator,
    credential: Credential,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over the network, the debug logs of httpx and httpcore are free of secrets, for both kinds of keys."""
    caplog.set_level(logging.DEBUG)
    guid = network.create_subaccount(generate=True).guid
    network.advance(HOUR)
    key = network.service_key(guid, credential)
    config = {"btp-trust:serviceKey": json.dumps(key), "btp-trust:caBundle": str(network.ca_file)}
    recorder = OutputRecorder(NetworkedEngine(network, guid, config), caplog, capfd)
    recorder.secrets |= {key["clientsecret"]} if "clientsecret" in key else set(key["key"].splitlines()[1:-1])
    fetch = ClientCredentials._request_token

    def recorded_request(self: ClientCredentials) -> tuple[str, float]:
        token, lifetime = fetch(self)
        recorder.secrets.add(token)
        return token, lifetime

    monkeypatch.setattr(ClientCredentials, "_request_token", recorded_request)
    for kind in LOUD:
        for command in ("prepare", "rotate", "refresh"):
            inject_fault(network, kind, 1)
            recorder.record(STORY[command])
            inject_fault(network, None, 0)
            network.advance(HOUR)
    assert len(recorder.secrets) > len(LOUD)
    assert recorder.failures > 0
    assert recorder.loggers >= {"httpx", "httpcore.http11", "httpcore.connection"}


KEY_COMMANDS = {
    "succeeds": 'cat "$0"; cat "$0" >&2',
    "shows the key": 'cat "$0" >&2; exit 1',
    "traces the key": 'set -x; key=$(cat "$0"); echo "$key"; exit 1',
    "fails in the middle": 'head -c 200 "$0"; tail -c 100 "$0" >&2; kill -9 $$',
    "prints two keys": 'cat "$0" "$0"',
    "asks for a password": 'printf "Password: "; cat "$0" | tr "{}" "[]"',
}
"""{what a command does with the key in the file $0: its script}"""


@pytest.mark.parametrize("script", KEY_COMMANDS.values(), ids=KEY_COMMANDS)
def test_key_command_reveals_no_secrets(
    emulator: Emulator,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    script: str,
) -> None:
    """Each way to print a key where it does not belong, in pieces as well: it stays out of all that a user sees."""
    caplog.set_level(logging.DEBUG)
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    key = emulator.service_key(engine.guid)
    (tmp_path / "key").write_text(json.dumps(key))
    words = ["sh", "-c", script, str(tmp_path / "key")]
    engine.config = {"btp-trust:serviceKeyCommand": json.dumps(words)}
    engine.environ = {"PATH": os.environ["PATH"]}
    recorder = OutputRecorder(engine, caplog, capfd, {key["clientsecret"], quote_plus(key["clientsecret"])})
    recorder.record(STORY["adopt"])
    assert recorder.failures == (script != KEY_COMMANDS["succeeds"])


def test_key_file_reveals_no_secrets(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A good file, one that is cut off, one with two keys, and one of all connections that is malformed."""
    caplog.set_level(logging.DEBUG)
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    key = emulator.service_key(engine.guid)
    recorder = OutputRecorder(engine, caplog, capfd, {key["clientsecret"], quote_plus(key["clientsecret"])})
    file, text = tmp_path / "keys/default.json", json.dumps(key)
    file.parent.mkdir()
    engine.config = {"btp-trust:connectionsFile": str(file.parent)}
    for content in (text, text[:-20], text + text):
        file.write_text(content)
        recorder.record(STORY["look"])
    engine.config = {"btp-trust:connectionsFile": str(file)}
    recorder.record(STORY["look"])
    assert recorder.failures == 3
    file.write_text(json.dumps({"default": key}))
    recorder.record(STORY["look"])
    assert recorder.failures == 3


@pytest.mark.parametrize("kind", PROVIDERS)
def test_secret_argument_is_refused(kind: str) -> None:
    """Check refuses a private key as an argument before it needs a session, and gives no input back to the engine."""
    process_session.set_current(None)
    key = "-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7\n-----END PRIVATE KEY-----"
    result = PROVIDERS[kind]().check({}, {"generation": key})
    (failure,) = result.failures
    assert result.inputs == {}
    assert "`generation` holds" in failure.reason
    assert "MIIB" not in failure.reason
