"""A twin of Pulumi's engine: it calls the providers in process, in the order that the real engine calls them.

What it does was measured on the real one (docs/design): a preview calls check and diff; an update runs them
again, in another process, before create or update; inputs of unchanged resources are stored; outputs of anything
that changes are unknown in a preview; resources that left the program are deleted last, in reverse order.
The end-to-end tests show that the real engine agrees.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust.certificate import Certificate
from btp_trust.errors import TrustError
from btp_trust.providers import (
    ActiveTrustCertificateProvider,
    PassiveTrustCertificateProvider,
    RotationTriggerProvider,
    TrustedIdentityProviderProvider,
)
from btp_trust.resources.trusted_by import serialize_statements
from btp_trust.runtime import session
from btp_trust.runtime.host import Host
from btp_trust.snapshot import Snapshot
from btp_trust_emulator import Emulator
from btp_trust_emulator.journal import JournalEntry

Bag = dict[str, Any]
HOUR: Final = 60 * 60
YEAR: Final = 365 * 24 * HOUR
PROVIDERS = {
    "active": ActiveTrustCertificateProvider,
    "passive": PassiveTrustCertificateProvider,
    "trigger": RotationTriggerProvider,
    "trusted": TrustedIdentityProviderProvider,
}


class CheckFailedError(Exception):
    """A check refused: the preview names the property and shows the reason."""

    def __init__(self, name: str, prop: str, reason: str) -> None:
        super().__init__(f"{name}.{prop}: {reason}")
        self.prop = prop
        self.reason = reason


@dataclass(frozen=True)
class StoredResource:
    """A resource in the state."""

    kind: str
    id: str
    inputs: Bag
    outputs: Bag


@dataclass
class CommandReport:
    """What a command did: operations by resource, the keys a preview names, the lines under Diagnostics."""

    operations: dict[str, str] = field(default_factory=dict)
    changed: dict[str, set[str]] = field(default_factory=dict)
    inputs: dict[str, Bag] = field(default_factory=dict)
    deletes: dict[str, Bag] = field(default_factory=dict)
    """What the preview of a delete shows: the stored inputs."""
    messages: str = ""
    requests: list[str] = field(default_factory=list)
    """What reached the service, such as `POST rotateCertificate`, in this order."""

    @property
    def has_no_changes(self) -> bool:
        """Whether `--expect-no-changes` would pass."""
        return set(self.operations.values()) <= {"same"}

    @property
    def writes(self) -> list[str]:
        """The requests that change slots."""
        return [request for request in self.requests if not is_read(request)]


class ResourceHandle:
    """A resource in a program: its outputs, unknown where a preview does not know them."""

    def __init__(self, outputs: Bag, *, known: bool) -> None:
        self.outputs = outputs
        self.known = known

    def __getitem__(self, name: str) -> Any:
        """Return an output."""
        missing = None if self.known else UNKNOWN
        return self.outputs.get(name, missing)


@dataclass(frozen=True)
class ProviderCall:
    """One operation that the engine asked of a provider, such as `update` of `rotation`, and its requests."""

    name: str
    kind: str
    method: str
    sent: list[str]
    """What was sent, such as `GET certificate`, also what never arrived."""
    entries: list[JournalEntry]
    """What arrived."""
    error: BaseException | None = None
    """What it ended with."""


Program = Callable[["Deployment"], None]


class Deployment:
    """One pass over a program."""

    def __init__(
        self,
        engine: FakeEngine,
        *,
        dry_run: bool,
        targets: frozenset[str] | None = None,
        replace: frozenset[str] = frozenset(),
    ) -> None:
        self.engine = engine
        self.dry_run = dry_run
        self.targets = targets
        self.replace = replace
        self.replaced: list[tuple[str, StoredResource]] = []
        self.report = CommandReport()
        self.declared_names: list[str] = []

    def active(self, name: str = "signing", *, rotation: ResourceHandle | None = None, **args: Any) -> ResourceHandle:
        """Declare ActiveTrustCertificate."""
        return self._register("active", name, {**args, "rotation": rotation and rotation["generation"]})

    def passive(self, name: str = "next", *, retained: bool = False, **args: Any) -> ResourceHandle:
        """Declare PassiveTrustCertificate; `retained` is the option `retain_on_delete`."""
        (self.engine.retained.add if retained else self.engine.retained.discard)(name)
        return self._register("passive", name, args)

    def trigger(
        self,
        name: str = "rotation",
        *,
        candidate: ResourceHandle | None = None,
        trusted_by: Bag | None = None,
        **args: Any,
    ) -> ResourceHandle:
        """Declare RotationTrigger; a target may be UNKNOWN in a preview."""
        passive_generation = candidate and {
            key: candidate[key] for key in ("generation", "generations", "subaccount_id", "adopt")
        }
        if isinstance(passive_generation, dict) and "next" in self.engine.retained:
            passive_generation["retain_on_delete"] = True
        asked = trusted_by and {target: serialize_trusted(trusts) for target, trusts in trusted_by.items()}
        return self._register("trigger", name, {**args, "candidate": passive_generation, "trusted_by": asked})

    def trusted(
        self, resource_name: str = "billing", *, passive: ResourceHandle | None = None, **args: Any
    ) -> ResourceHandle:
        """Declare TrustedIdentityProvider."""
        return self._register("trusted", resource_name, {**args, "passive": passive and passive["fingerprint"]})

    def _register(self, kind: str, name: str, args: Bag) -> ResourceHandle:
        ignored: list[str] = args.pop("ignore_changes", [])
        self.declared_names.append(name)
        old = self.engine.state.get(name)
        if self.targets is not None and name not in self.targets:
            return ResourceHandle(old.outputs if old else {}, known=True)
        if old is not None and name in self.replace:
            self.replaced.append((name, old))
            old = None
        news = {key: value for key, value in args.items() if value is not None}
        if old is not None:
            news = apply_ignore_changes(ignored, old.inputs, news)
        result = self.engine.call(
            kind, name, "check", round_trip(old.inputs) if old else {}, {**news, "__provider": kind}
        )
        for failure in result.failures:
            raise CheckFailedError(name, failure.property, failure.reason)
        inputs = result.inputs
        self.report.inputs[name] = inputs
        return self._apply(kind, name, old, inputs)

    def _apply(self, kind: str, name: str, old: StoredResource | None, inputs: Bag) -> ResourceHandle:
        call = functools.partial(self.engine.call, kind, name)
        if old is None:
            self.report.operations[name] = "create"
            if self.dry_run:
                return ResourceHandle(inputs, known=False)
            created = self.engine.call_with_error_hook(lambda: call("create", round_trip(inputs)))
            self.engine.state[name] = StoredResource(kind, created.id, inputs, round_trip(created.outs))
            return ResourceHandle(self.engine.state[name].outputs, known=True)
        if not call("diff", old.id, round_trip(old.outputs), round_trip(inputs)).changes:
            self.report.operations[name] = "same"
            if not self.dry_run:
                self.engine.state[name] = StoredResource(kind, old.id, inputs, old.outputs)
            return ResourceHandle(old.outputs, known=True)
        self.report.operations[name] = "update"
        self.report.changed[name] = {key for key in {*inputs, *old.inputs} if inputs.get(key) != old.inputs.get(key)}
        if self.dry_run:
            return ResourceHandle(inputs, known=False)
        updated = self.engine.call_with_error_hook(
            lambda: call("update", old.id, round_trip(old.outputs), round_trip(inputs))
        )
        self.engine.state[name] = StoredResource(kind, old.id, inputs, round_trip(updated.outs))
        return ResourceHandle(self.engine.state[name].outputs, known=True)

    def delete_removed(self) -> None:
        """Delete what was replaced, then resources that the program no longer declares, the last first."""
        for name, stored in self.replaced:
            self.report.operations[name] = "replace"
            if not self.dry_run:
                self._delete(name, stored)
        for name in [name for name in reversed(self.engine.state) if name not in self.declared_names]:
            if self.targets is not None and name not in self.targets:
                continue
            self.report.operations[name] = "delete"
            stored = self.engine.state[name]
            self.report.deletes[name] = stored.inputs
            if not self.dry_run:
                if name not in self.engine.retained:
                    self._delete(name, stored)
                del self.engine.state[name]

    def _delete(self, name: str, stored: StoredResource) -> None:
        self.engine.call_with_error_hook(
            lambda: self.engine.call(stored.kind, name, "delete", stored.id, round_trip(stored.outputs))
        )


SendRequest = Callable[[httpx.Request], httpx.Response]
TransportFault = Callable[[httpx.Request, SendRequest], httpx.Response]


class FaultyTransport(httpx.BaseTransport):
    """The way to the service: faultless, or with the faults that a test plans."""

    def __init__(self, transport: httpx.BaseTransport, wait: Callable[[float], None] = lambda _: None) -> None:
        self._transport = transport
        self._wait = wait
        self.sent: list[str] = []
        """All that was sent."""
        self._once: list[tuple[str, TransportFault]] = []
        self._always: dict[str, TransportFault] = {}

    def inject_once(self, request: str, fault: TransportFault, *, after: int = 0) -> None:
        """Let one such request, such as `POST rotateCertificate` ("": any), meet a fault, after so many that do not."""
        self._once += [*[(request, pass_through)] * after, (request, fault)]

    def inject_always(self, fault: TransportFault, *requests: str) -> None:
        """Let every such request meet a fault from now on, every one at all if none is named."""
        self._always.update(dict.fromkeys(requests or ("",), fault))

    def repair(self) -> None:
        """Be faultless again."""
        self._once.clear()
        self._always.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, or let its fault decide."""
        called = request_label(request.method, request.url.path)
        self.sent.append(called)
        return self._next_fault(called)(request, self._send)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Hand on to the service; its silence takes as long as the client waits."""
        try:
            return self._transport.handle_request(request)
        except httpx.ReadTimeout:
            self._wait(request.extensions["timeout"]["read"])
            raise

    def _next_fault(self, called: str) -> TransportFault:
        for number, (planned, fault) in enumerate(self._once):
            if planned in ("", called):
                del self._once[number]
                return fault
        return self._always.get(called) or self._always.get("") or pass_through


def pass_through(request: httpx.Request, send: SendRequest) -> httpx.Response:
    """Send."""
    return send(request)


def request_label(method: str, path: str) -> str:
    """Name a request briefly: `POST token`, `GET certificate/passive`, `POST rotateCertificate`."""
    if path.endswith("/oauth/token"):
        return f"{method} token"
    if "/identity-providers" in path:
        return f"{method} identity-providers"
    if "/saml2Metadata" not in path:
        return f"{method} {path.partition('/v1/')[2]}"
    return f"{method} {path.partition('/saml2Metadata')[2].lstrip('/') or 'metadata'}"


def is_read(request: str) -> bool:
    """Whether such a request changes no slot."""
    return request.startswith("GET ") or request == "POST token"


@dataclass
class FakeEngine:
    """A stack on one subaccount of an emulator, and perhaps a target of it.

    It asserts itself that no preview and no refresh writes.
    """

    emulator: Emulator
    guid: str
    config: dict[str, str] = field(default_factory=dict, repr=False)
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    state: dict[str, StoredResource] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    """The pauses, in seconds; nobody really waits."""
    elapsed: float = 0.0
    """The clock of the process, in seconds: it goes on with the pauses and with the time-outs only."""
    last_preview: CommandReport = field(default_factory=CommandReport)
    """What the preview of the last `up` showed."""
    last: CommandReport = field(default_factory=CommandReport)
    """What the last command did, also one that failed."""
    target: str = ""
    """Another subaccount, whose XSUAA the connection `billing` is for."""
    engine_exited: bool = False
    """Whether the engine has been killed, and its plugins live on."""
    retries: int = 0
    """How often an `ErrorHook` of every resource lets the engine call create, update or delete again."""
    calls: list[ProviderCall] = field(default_factory=list)
    """All operations so far."""
    retained: set[str] = field(default_factory=set)
    """Resources that are not deleted when they leave the program."""

    def __post_init__(self) -> None:
        """Give the stack the service key of its subaccount, and a faultless line to the service."""
        self.config.setdefault("btp-trust:serviceKey", json.dumps(self.emulator.service_key(self.guid)))
        if self.target:
            keys = {"billing": self.emulator.api_access_key(self.target)}
            self.config.setdefault("btp-trust:connections", json.dumps(keys))
        self.transport = FaultyTransport(self.emulator.transport, self._advance)

    @property
    def slots(self) -> tuple[str | None, str | None]:
        """What the active and the passive slot hold."""
        slots = self.emulator.slots(self.guid)
        return slots.active, slots.passive

    def outputs(self, name: str) -> Bag:
        """Return the outputs of a resource in the state."""
        return self.state[name].outputs

    def preview(
        self, program: Program, targets: Iterable[str] | None = None, replace: Iterable[str] = frozenset()
    ) -> CommandReport:
        """Run `pulumi preview`."""
        return self._run(program, targets, replace, dry_run=True)

    def up(
        self,
        program: Program,
        targets: Iterable[str] | None = None,
        replace: Iterable[str] = frozenset(),
        *,
        skip_preview: bool = False,
    ) -> CommandReport:
        """Run `pulumi up --yes`."""
        if not skip_preview:
            self.last_preview = self.preview(program, targets, replace)
        return self._run(program, targets, replace, dry_run=False)

    def refresh(self) -> CommandReport:
        """Run `pulumi refresh --yes`."""
        report = self.last = CommandReport()
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        try:
            for name, stored in self.state.items():
                call = functools.partial(self.call, stored.kind, name)
                outputs = round_trip(call("read", stored.id, round_trip(stored.outputs)).outs)
                call("diff", stored.id, outputs, round_trip(stored.inputs))
                report.operations[name] = "same" if outputs == stored.outputs else "update"
                report.changed[name] = {
                    key for key in {*outputs, *stored.outputs} if outputs.get(key) != stored.outputs.get(key)
                }
                self.state[name] = StoredResource(stored.kind, stored.id, stored.inputs, outputs)
        finally:
            report.messages = stderr.getvalue()
            report.requests = self._requests_since(journal)
        assert report.writes == [], "a refresh must not write"
        return report

    def diff_with_unknowns(
        self, name: str, arguments: Iterable[str], unknown: Any = UNKNOWN
    ) -> tuple[bool, CommandReport]:
        """Ask diff what the engine asks before it deletes a resource to replace it, on which these arguments depend.

        It does so before the dependent is checked, in a real update too: the old inputs, some of them unknown.
        """
        report, stored = CommandReport(), self.state[name]
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        news = {**round_trip(stored.inputs), **dict.fromkeys(arguments, unknown)}
        changes = self.call(stored.kind, name, "diff", stored.id, round_trip(stored.outputs), news).changes
        report.messages, report.requests = stderr.getvalue(), self._requests_since(journal)
        return changes, report

    def destroy(self) -> CommandReport:
        """Run `pulumi destroy --yes`: no program runs, so nothing is checked."""
        return self._run(lambda _: None, None, (), dry_run=False)

    def deploy(self, *programs: Program) -> None:
        """Run `pulumi up` for one program after another, an hour apart, and assert that each leaves all quiet."""
        for each in programs:
            self.up(each)
            self.assert_stable(each)
            self.emulator.advance(HOUR)

    def assert_refused(self, wanted: Program, *named: str | None) -> str:
        """Assert that the preview refuses a program in three parts; return what it says."""
        try:
            self.preview(wanted)
        except CheckFailedError as failure:
            message = failure.reason
        except TrustError as error:
            message = str(error)
        else:
            raise AssertionError("the preview was not refused")
        assert_three_part_message(message, *named)
        return message

    def assert_stable(self, program: Program) -> None:
        """Assert what holds after every successful `up`: at once and a year later, refreshed or not, all is quiet.

        No checked input changes with the clock either, for a saved plan compares them.
        """
        state, planned = dict(self.state), []
        for seconds in (0, YEAR):
            self.emulator.advance(seconds)
            quiet = self.preview(program)
            assert quiet.has_no_changes
            planned.append(quiet.inputs)
            refreshed = self.refresh()
            assert set().union(*refreshed.changed.values()) <= {"role"}
            assert self.preview(program).has_no_changes
        assert planned[0] == planned[1]
        self.emulator.advance(-YEAR)
        self.state = state

    def _run(
        self, program: Program, targets: Iterable[str] | None, replace: Iterable[str], *, dry_run: bool
    ) -> CommandReport:
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        deployment = Deployment(
            self, dry_run=dry_run, targets=None if targets is None else frozenset(targets), replace=frozenset(replace)
        )
        self.last = deployment.report
        try:
            program(deployment)
            deployment.delete_removed()
        finally:
            deployment.report.messages = stderr.getvalue()
            deployment.report.requests = self._requests_since(journal)
            assert not dry_run or deployment.report.writes == [], "a preview must not write"
        return deployment.report

    def _requests_since(self, journal: int) -> list[str]:
        entries = self.emulator.journal()[journal:]
        return [
            request_label(entry.method, entry.path) for entry in entries if entry.subaccount in (self.guid, self.target)
        ]

    def _start_plugin_process(self) -> io.StringIO:
        """Start a plugin process: nothing of an earlier one is left."""
        stderr = io.StringIO()
        session.set_current(session.Session(self.config.get, self.host(stderr)))
        return stderr

    def call(self, kind: str, name: str, method: str, *args: Any) -> Any:
        """Ask a provider for an operation, and take it down."""
        sent, journal = len(self.transport.sent), len(self.emulator.journal())
        ended_with: BaseException | None = None
        try:
            return getattr(PROVIDERS[kind](), method)(*args)
        except BaseException as error:
            ended_with = error
            raise
        finally:
            entries = self.emulator.journal()[journal:]
            self.calls.append(ProviderCall(name, kind, method, self.transport.sent[sent:], entries, ended_with))

    def call_with_error_hook(self, diff_with_unknowns: Callable[[], Any]) -> Any:
        """Let the resource's `ErrorHook` retry what fails; all in this process, with the same inputs and state."""
        for _ in range(self.retries):
            with contextlib.suppress(TrustError):
                return diff_with_unknowns()
        return diff_with_unknowns()

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        """Let time go by, for the process and for the service."""
        self.elapsed += seconds
        self.emulator.advance(seconds)

    def host(self, stderr: io.StringIO) -> Host:
        """Return what is outside of a process."""
        return Host(
            environ=self.environ,
            transport=self.transport,
            clock=lambda: self.emulator.now,
            sleep=self._sleep,
            monotonic=lambda: self.elapsed,
            stderr=stderr,
            engine_exited=lambda: self.engine_exited,
        )


def round_trip(bag: Bag | None) -> Bag:
    """Send a bag over the wire: numbers become floats, None vanishes, what is marked as unknown is unknown."""
    return decode_unknowns(json.loads(json.dumps(bag), parse_int=float))  # type: ignore[no-any-return]


def apply_ignore_changes(ignored: Iterable[str], old: Bag, news: Bag) -> Bag:
    """Put what the last deployment checked in the place of arguments, "*" for all, as `ignore_changes` does."""
    kept = {*old, *news} if "*" in ignored else set(ignored)
    return {name: value for name, value in news.items() if name not in kept} | {
        name: round_trip(old)[name] for name in kept if name in old
    }


def decode_unknowns(value: Any) -> Any:
    """Read Pulumi's mark of what a preview does not know."""
    if isinstance(value, dict):
        return {name: decode_unknowns(content) for name, content in value.items()}
    if isinstance(value, list):
        return [decode_unknowns(content) for content in value]
    return UNKNOWN if value == rpc.UNKNOWN else value


def serialize_trusted(trusts: Any) -> Any:
    """Write down what a target trusts as a program does; an unknown value is one already."""
    return trusts if trusts is UNKNOWN else serialize_statements({"target": trusts}, None)["target"]  # type: ignore[index]


class ProcessKilledError(BaseException):
    """The process was killed: no code of ours runs after it."""


def commit_then_raise(error: BaseException) -> TransportFault:
    """Let the service act and lose its answer."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        send(request)
        raise error

    return fault


def raise_before_sending(error: BaseException) -> TransportFault:
    """Lose the request before the service sees it."""

    def fault(_: httpx.Request, __: SendRequest) -> httpx.Response:
        raise error

    return fault


def commit_then_answer(status: int, **answer: Any) -> TransportFault:
    """Let the service act and answer something else."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        send(request)
        return httpx.Response(status, request=request, **answer)

    return fault


def answer_with(status: int, **answer: Any) -> TransportFault:
    """Answer in the service's place; it never sees the request."""
    return lambda request, _: httpx.Response(status, request=request, **answer)


def interleave(before: Callable[[], None] | None = None, after: Callable[[], None] | None = None) -> TransportFault:
    """Let somebody else act directly before the service does, or directly after it."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        if before is not None:
            before()
        response = send(request)
        if after is not None:
            after()
        return response

    return fault


def certificate(letter: str, *, made: int = 0, days: int = 730) -> Certificate:
    """Make up a certificate: its fingerprint is 64 times this letter, it was made that many days after 2026 began."""
    not_before = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=made)
    return Certificate(letter * 64, "Qk9EWQ==", "issuer", "01", not_before, not_before + timedelta(days=days))


def snapshot(active: Certificate | None, passive: Certificate | None = None, *, day: int = 100) -> Snapshot:
    """Make up a reading of both slots, that many days after 2026 began."""
    return Snapshot("subaccount", active, passive, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))


def assert_three_part_message(message: str, *named: str | None) -> None:
    """Assert that an error says what, why and what to do, and names what it must."""
    lines = message.splitlines()
    assert len(lines) >= 3
    assert all(line.strip() for line in lines)
    assert [name for name in named if str(name) not in message] == []


def program(
    passive_generation: str | None = None,
    active_generation: str | None = None,
    *,
    passive: Bag | None = None,
    trigger: Bag | None = None,
    active: Bag | None = None,
    trusted: Bag | None = None,
) -> Program:
    """Write the program of the story: the generation to prepare, the one that signs, and further arguments.

    A resource whose generation is None is not in the program; nor is the registration in another subaccount unless
    it has arguments, of which `passive` stands for what is prepared.
    """

    def run(deployment: Deployment) -> None:
        candidate = deployment.passive(generation=passive_generation, **(passive or {})) if passive_generation else None
        rotation = (
            deployment.trigger(generation=active_generation, **{"candidate": candidate, **(trigger or {})})
            if active_generation
            else None
        )
        deployment.active(rotation=rotation, **(active or {}))
        if trusted is not None:
            deployment.trusted(**{**trusted, "passive": candidate if "passive" in trusted else None})

    return run
