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
from btp_trust.resources.trusted_by import told
from btp_trust.runtime import session
from btp_trust.runtime.host import World
from btp_trust.snapshot import Snapshot
from btp_trust_emulator import Emulator
from btp_trust_emulator.journal import Entry

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
class Stored:
    """A resource in the state."""

    kind: str
    id: str
    inputs: Bag
    outputs: Bag


@dataclass
class Report:
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
    def is_quiet(self) -> bool:
        """Whether `--expect-no-changes` would pass."""
        return set(self.operations.values()) <= {"same"}

    @property
    def writes(self) -> list[str]:
        """The requests that change slots."""
        return [request for request in self.requests if not is_read(request)]


class Handle:
    """A resource in a program: its outputs, unknown where a preview does not know them."""

    def __init__(self, outputs: Bag, *, known: bool) -> None:
        self.outputs = outputs
        self.known = known

    def __getitem__(self, name: str) -> Any:
        """Return an output."""
        missing = None if self.known else UNKNOWN
        return self.outputs.get(name, missing)


@dataclass(frozen=True)
class Call:
    """One operation that the engine asked of a provider, such as `update` of `rotation`, and its requests."""

    name: str
    kind: str
    method: str
    sent: list[str]
    """What was sent, such as `GET certificate`, also what never arrived."""
    entries: list[Entry]
    """What arrived."""
    error: BaseException | None = None
    """What it ended with."""


Program = Callable[["Deployment"], None]


class Deployment:
    """One pass over a program."""

    def __init__(
        self, twin: Twin, *, dry: bool, targets: frozenset[str] | None = None, replace: frozenset[str] = frozenset()
    ) -> None:
        self.twin = twin
        self.dry = dry
        self.targets = targets
        self.replace = replace
        self.replaced: list[tuple[str, Stored]] = []
        self.report = Report()
        self.seen: list[str] = []

    def active(self, name: str = "signing", *, rotation: Handle | None = None, **args: Any) -> Handle:
        """Declare ActiveTrustCertificate."""
        return self._register("active", name, {**args, "rotation": rotation and rotation["generation"]})

    def passive(self, name: str = "next", *, retained: bool = False, **args: Any) -> Handle:
        """Declare PassiveTrustCertificate; `retained` is the option `retain_on_delete`."""
        (self.twin.retained.add if retained else self.twin.retained.discard)(name)
        return self._register("passive", name, args)

    def trigger(
        self, name: str = "rotation", *, candidate: Handle | None = None, trusted_by: Bag | None = None, **args: Any
    ) -> Handle:
        """Declare RotationTrigger; a target may be UNKNOWN in a preview."""
        prepared = candidate and {
            key: candidate[key] for key in ("generation", "generations", "subaccount_id", "adopt")
        }
        if isinstance(prepared, dict) and "next" in self.twin.retained:
            prepared["retain_on_delete"] = True
        asked = trusted_by and {target: said(trusts) for target, trusts in trusted_by.items()}
        return self._register("trigger", name, {**args, "candidate": prepared, "trusted_by": asked})

    def trusted(self, resource_name: str = "billing", *, passive: Handle | None = None, **args: Any) -> Handle:
        """Declare TrustedIdentityProvider."""
        return self._register("trusted", resource_name, {**args, "passive": passive and passive["fingerprint"]})

    def _register(self, kind: str, name: str, args: Bag) -> Handle:
        ignored: list[str] = args.pop("ignore_changes", [])
        self.seen.append(name)
        old = self.twin.state.get(name)
        if self.targets is not None and name not in self.targets:
            return Handle(old.outputs if old else {}, known=True)
        if old is not None and name in self.replace:
            self.replaced.append((name, old))
            old = None
        news = {key: value for key, value in args.items() if value is not None}
        if old is not None:
            news = ignore(ignored, old.inputs, news)
        result = self.twin.call(kind, name, "check", wire(old.inputs) if old else {}, {**news, "__provider": kind})
        for failure in result.failures:
            raise CheckFailedError(name, failure.property, failure.reason)
        inputs = result.inputs
        self.report.inputs[name] = inputs
        return self._step(kind, name, old, inputs)

    def _step(self, kind: str, name: str, old: Stored | None, inputs: Bag) -> Handle:
        call = functools.partial(self.twin.call, kind, name)
        if old is None:
            self.report.operations[name] = "create"
            if self.dry:
                return Handle(inputs, known=False)
            created = self.twin.hooked(lambda: call("create", wire(inputs)))
            self.twin.state[name] = Stored(kind, created.id, inputs, wire(created.outs))
            return Handle(self.twin.state[name].outputs, known=True)
        if not call("diff", old.id, wire(old.outputs), wire(inputs)).changes:
            self.report.operations[name] = "same"
            if not self.dry:
                self.twin.state[name] = Stored(kind, old.id, inputs, old.outputs)
            return Handle(old.outputs, known=True)
        self.report.operations[name] = "update"
        self.report.changed[name] = {key for key in {*inputs, *old.inputs} if inputs.get(key) != old.inputs.get(key)}
        if self.dry:
            return Handle(inputs, known=False)
        updated = self.twin.hooked(lambda: call("update", old.id, wire(old.outputs), wire(inputs)))
        self.twin.state[name] = Stored(kind, old.id, inputs, wire(updated.outs))
        return Handle(self.twin.state[name].outputs, known=True)

    def delete_what_left(self) -> None:
        """Delete what was replaced, then resources that the program no longer declares, the last first."""
        for name, stored in self.replaced:
            self.report.operations[name] = "replace"
            if not self.dry:
                self._delete(name, stored)
        for name in [name for name in reversed(self.twin.state) if name not in self.seen]:
            if self.targets is not None and name not in self.targets:
                continue
            self.report.operations[name] = "delete"
            stored = self.twin.state[name]
            self.report.deletes[name] = stored.inputs
            if not self.dry:
                if name not in self.twin.retained:
                    self._delete(name, stored)
                del self.twin.state[name]

    def _delete(self, name: str, stored: Stored) -> None:
        self.twin.hooked(lambda: self.twin.call(stored.kind, name, "delete", stored.id, wire(stored.outputs)))


Send = Callable[[httpx.Request], httpx.Response]
Fault = Callable[[httpx.Request, Send], httpx.Response]


class Line(httpx.BaseTransport):
    """The way to the service: faultless, or with the faults that a test plans."""

    def __init__(self, transport: httpx.BaseTransport, wait: Callable[[float], None] = lambda _: None) -> None:
        self._transport = transport
        self._wait = wait
        self.sent: list[str] = []
        """All that was sent."""
        self._once: list[tuple[str, Fault]] = []
        self._always: dict[str, Fault] = {}

    def once(self, request: str, fault: Fault, *, after: int = 0) -> None:
        """Let one such request, such as `POST rotateCertificate` ("": any), meet a fault, after so many that do not."""
        self._once += [*[(request, faultless)] * after, (request, fault)]

    def always(self, fault: Fault, *requests: str) -> None:
        """Let every such request meet a fault from now on, every one at all if none is named."""
        self._always.update(dict.fromkeys(requests or ("",), fault))

    def repair(self) -> None:
        """Be faultless again."""
        self._once.clear()
        self._always.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, or let its fault decide."""
        called = operation(request.method, request.url.path)
        self.sent.append(called)
        return self._fault(called)(request, self._send)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Hand on to the service; its silence takes as long as the client waits."""
        try:
            return self._transport.handle_request(request)
        except httpx.ReadTimeout:
            self._wait(request.extensions["timeout"]["read"])
            raise

    def _fault(self, called: str) -> Fault:
        for number, (planned, fault) in enumerate(self._once):
            if planned in ("", called):
                del self._once[number]
                return fault
        return self._always.get(called) or self._always.get("") or faultless


def faultless(request: httpx.Request, send: Send) -> httpx.Response:
    """Send."""
    return send(request)


def operation(method: str, path: str) -> str:
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
class Twin:
    """A stack on one subaccount of an emulator, and perhaps a target of it.

    It asserts itself that no preview and no refresh writes.
    """

    emulator: Emulator
    guid: str
    config: dict[str, str] = field(default_factory=dict, repr=False)
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    state: dict[str, Stored] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)
    """The pauses, in seconds; nobody really waits."""
    waited: float = 0.0
    """The clock of the process, in seconds: it goes on with the pauses and with the time-outs only."""
    previewed: Report = field(default_factory=Report)
    """What the preview of the last `up` showed."""
    last: Report = field(default_factory=Report)
    """What the last command did, also one that failed."""
    target: str = ""
    """Another subaccount, whose XSUAA the connection `billing` is for."""
    orphaned: bool = False
    """Whether the engine has been killed, and its plugins live on."""
    retries: int = 0
    """How often an `ErrorHook` of every resource lets the engine call create, update or delete again."""
    calls: list[Call] = field(default_factory=list)
    """All operations so far."""
    retained: set[str] = field(default_factory=set)
    """Resources that are not deleted when they leave the program."""

    def __post_init__(self) -> None:
        """Give the stack the service key of its subaccount, and a faultless line to the service."""
        self.config.setdefault("btp-trust:serviceKey", json.dumps(self.emulator.service_key(self.guid)))
        if self.target:
            keys = {"billing": self.emulator.api_access_key(self.target)}
            self.config.setdefault("btp-trust:connections", json.dumps(keys))
        self.line = Line(self.emulator.transport, self._pass)

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
    ) -> Report:
        """Run `pulumi preview`."""
        return self._run(program, targets, replace, dry=True)

    def up(
        self,
        program: Program,
        targets: Iterable[str] | None = None,
        replace: Iterable[str] = frozenset(),
        *,
        skip_preview: bool = False,
    ) -> Report:
        """Run `pulumi up --yes`."""
        if not skip_preview:
            self.previewed = self.preview(program, targets, replace)
        return self._run(program, targets, replace, dry=False)

    def refresh(self) -> Report:
        """Run `pulumi refresh --yes`."""
        report = self.last = Report()
        stderr, journal = self._process(), len(self.emulator.journal())
        try:
            for name, stored in self.state.items():
                call = functools.partial(self.call, stored.kind, name)
                outputs = wire(call("read", stored.id, wire(stored.outputs)).outs)
                call("diff", stored.id, outputs, wire(stored.inputs))
                report.operations[name] = "same" if outputs == stored.outputs else "update"
                report.changed[name] = {
                    key for key in {*outputs, *stored.outputs} if outputs.get(key) != stored.outputs.get(key)
                }
                self.state[name] = Stored(stored.kind, stored.id, stored.inputs, outputs)
        finally:
            report.messages = stderr.getvalue()
            report.requests = self._requests_since(journal)
        assert report.writes == [], "a refresh must not write"
        return report

    def ask(self, name: str, arguments: Iterable[str], unknown: Any = UNKNOWN) -> tuple[bool, Report]:
        """Ask diff what the engine asks before it deletes a resource to replace it, on which these arguments depend.

        It does so before the dependent is checked, in a real update too: the old inputs, some of them unknown.
        """
        report, stored = Report(), self.state[name]
        stderr, journal = self._process(), len(self.emulator.journal())
        news = {**wire(stored.inputs), **dict.fromkeys(arguments, unknown)}
        changes = self.call(stored.kind, name, "diff", stored.id, wire(stored.outputs), news).changes
        report.messages, report.requests = stderr.getvalue(), self._requests_since(journal)
        return changes, report

    def destroy(self) -> Report:
        """Run `pulumi destroy --yes`: no program runs, so nothing is checked."""
        return self._run(lambda _: None, None, (), dry=False)

    def deploy(self, *programs: Program) -> None:
        """Run `pulumi up` for one program after another, an hour apart, and assert that each leaves all quiet."""
        for each in programs:
            self.up(each)
            self.assert_settled(each)
            self.emulator.advance(HOUR)

    def refuses(self, wanted: Program, *named: str | None) -> str:
        """Assert that the preview refuses a program in three parts; return what it says."""
        try:
            self.preview(wanted)
        except CheckFailedError as failure:
            message = failure.reason
        except TrustError as error:
            message = str(error)
        else:
            raise AssertionError("the preview was not refused")
        assert_three_parts(message, *named)
        return message

    def assert_settled(self, program: Program) -> None:
        """Assert what holds after every successful `up`: at once and a year later, refreshed or not, all is quiet.

        No checked input changes with the clock either, for a saved plan compares them.
        """
        state, planned = dict(self.state), []
        for seconds in (0, YEAR):
            self.emulator.advance(seconds)
            quiet = self.preview(program)
            assert quiet.is_quiet
            planned.append(quiet.inputs)
            refreshed = self.refresh()
            assert set().union(*refreshed.changed.values()) <= {"role"}
            assert self.preview(program).is_quiet
        assert planned[0] == planned[1]
        self.emulator.advance(-YEAR)
        self.state = state

    def _run(self, program: Program, targets: Iterable[str] | None, replace: Iterable[str], *, dry: bool) -> Report:
        stderr, journal = self._process(), len(self.emulator.journal())
        deployment = Deployment(
            self, dry=dry, targets=None if targets is None else frozenset(targets), replace=frozenset(replace)
        )
        self.last = deployment.report
        try:
            program(deployment)
            deployment.delete_what_left()
        finally:
            deployment.report.messages = stderr.getvalue()
            deployment.report.requests = self._requests_since(journal)
            assert not dry or deployment.report.writes == [], "a preview must not write"
        return deployment.report

    def _requests_since(self, journal: int) -> list[str]:
        entries = self.emulator.journal()[journal:]
        return [
            operation(entry.method, entry.path) for entry in entries if entry.subaccount in (self.guid, self.target)
        ]

    def _process(self) -> io.StringIO:
        """Start a plugin process: nothing of an earlier one is left."""
        stderr = io.StringIO()
        session.install(session.Session(self.config.get, self.world(stderr)))
        return stderr

    def call(self, kind: str, name: str, method: str, *args: Any) -> Any:
        """Ask a provider for an operation, and take it down."""
        sent, journal = len(self.line.sent), len(self.emulator.journal())
        ended_with: BaseException | None = None
        try:
            return getattr(PROVIDERS[kind](), method)(*args)
        except BaseException as error:
            ended_with = error
            raise
        finally:
            entries = self.emulator.journal()[journal:]
            self.calls.append(Call(name, kind, method, self.line.sent[sent:], entries, ended_with))

    def hooked(self, ask: Callable[[], Any]) -> Any:
        """Let the resource's `ErrorHook` retry what fails; all in this process, with the same inputs and state."""
        for _ in range(self.retries):
            with contextlib.suppress(TrustError):
                return ask()
        return ask()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        """Let time go by, for the process and for the service."""
        self.waited += seconds
        self.emulator.advance(seconds)

    def world(self, stderr: io.StringIO) -> World:
        """Return what is outside of a process."""
        return World(
            environ=self.environ,
            transport=self.line,
            clock=lambda: self.emulator.now,
            sleep=self._sleep,
            monotonic=lambda: self.waited,
            stderr=stderr,
            orphaned=lambda: self.orphaned,
        )


def wire(bag: Bag | None) -> Bag:
    """Send a bag over the wire: numbers become floats, None vanishes, what is marked as unknown is unknown."""
    return known_or_not(json.loads(json.dumps(bag), parse_int=float))  # type: ignore[no-any-return]


def ignore(ignored: Iterable[str], old: Bag, news: Bag) -> Bag:
    """Put what the last deployment checked in the place of arguments, "*" for all, as `ignore_changes` does."""
    kept = {*old, *news} if "*" in ignored else set(ignored)
    return {name: value for name, value in news.items() if name not in kept} | {
        name: wire(old)[name] for name in kept if name in old
    }


def known_or_not(value: Any) -> Any:
    """Read Pulumi's mark of what a preview does not know."""
    if isinstance(value, dict):
        return {name: known_or_not(content) for name, content in value.items()}
    if isinstance(value, list):
        return [known_or_not(content) for content in value]
    return UNKNOWN if value == rpc.UNKNOWN else value


def said(trusts: Any) -> Any:
    """Write down what a target trusts as a program does; an unknown value is one already."""
    return trusts if trusts is UNKNOWN else told({"target": trusts}, None)["target"]  # type: ignore[index]


class KilledError(BaseException):
    """The process was killed: no code of ours runs after it."""


def committed_then(error: BaseException) -> Fault:
    """Let the service act and lose its answer."""

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
        send(request)
        raise error

    return fault


def lost_before(error: BaseException) -> Fault:
    """Lose the request before the service sees it."""

    def fault(_: httpx.Request, __: Send) -> httpx.Response:
        raise error

    return fault


def committed_but_answered(status: int, **answer: Any) -> Fault:
    """Let the service act and answer something else."""

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
        send(request)
        return httpx.Response(status, request=request, **answer)

    return fault


def answered(status: int, **answer: Any) -> Fault:
    """Answer in the service's place; it never sees the request."""
    return lambda request, _: httpx.Response(status, request=request, **answer)


def meanwhile(before: Callable[[], None] | None = None, after: Callable[[], None] | None = None) -> Fault:
    """Let somebody else act directly before the service does, or directly after it."""

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
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


def assert_three_parts(message: str, *named: str | None) -> None:
    """Assert that an error says what, why and what to do, and names what it must."""
    lines = message.splitlines()
    assert len(lines) >= 3
    assert all(line.strip() for line in lines)
    assert [name for name in named if str(name) not in message] == []


def program(
    prepared: str | None = None,
    signs: str | None = None,
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
        candidate = deployment.passive(generation=prepared, **(passive or {})) if prepared else None
        rotation = (
            deployment.trigger(generation=signs, **{"candidate": candidate, **(trigger or {})}) if signs else None
        )
        deployment.active(rotation=rotation, **(active or {}))
        if trusted is not None:
            deployment.trusted(**{**trusted, "passive": candidate if "passive" in trusted else None})

    return run
