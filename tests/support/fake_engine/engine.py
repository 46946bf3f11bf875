"""A fake of Pulumi's engine: it calls the providers in process, in the order of the real engine.

Its behavior was measured on the real one (docs/design): a preview calls check and diff; an update calls them again,
in another process, before create or update; inputs of unchanged resources are stored; outputs of a changed resource
are unknown in a preview; removed resources are deleted last, in reverse order. The end-to-end tests confirm it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from pulumi.output import UNKNOWN

from btp_trust.errors import TrustError
from btp_trust.providers import (
    ActiveTrustCertificateProvider,
    CommunicationSystemTrustProvider,
    PassiveTrustCertificateProvider,
    RotationTriggerProvider,
    TrustedIdentityProviderProvider,
)
from btp_trust.runtime import process_session
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust_emulator import Emulator
from support.fake_engine.deployment import CheckFailedError, Deployment, Program, StoredResource
from support.fake_engine.messages import assert_three_part_message
from support.fake_engine.report import Bag, CommandReport, ProviderCall, request_label
from support.fake_engine.transport import FaultyTransport
from support.fake_engine.wire import round_trip
from support.tracing import Untraced

URN: Final = "urn:pulumi:dev::project::pulumi-python:dynamic/btp-trust:{kind}::{name}"
HOUR: Final = 60 * 60
YEAR: Final = 365 * 24 * HOUR
PROVIDERS = {
    "active": ActiveTrustCertificateProvider,
    "passive": PassiveTrustCertificateProvider,
    "trigger": RotationTriggerProvider,
    "trusted": TrustedIdentityProviderProvider,
    "system": CommunicationSystemTrustProvider,
}


@dataclass
class FakeEngine:
    """A stack on one subaccount of an emulator, optionally with a target. It asserts that previews only read."""

    emulator: Emulator
    guid: str
    config: dict[str, str] = field(default_factory=dict, repr=False)
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    state: dict[str, StoredResource] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    """The pauses that were requested, in seconds; they take no real time."""
    elapsed: float = 0.0
    """The monotonic clock of the process, in seconds: pauses and timeouts advance it."""
    last_preview: CommandReport = field(default_factory=CommandReport)
    """The report of the preview of the last `up`."""
    last_report: CommandReport = field(default_factory=CommandReport)
    """The report of the last command, also of one that failed."""
    target_guid: str = ""
    """GUID of another subaccount: the connection `billing` leads to its XSUAA."""
    engine_exited: bool = False
    """True if the engine was killed while its plugins live on."""
    retries: int = 0
    """How often the `ErrorHook` of every resource requests another attempt of create, update or delete."""
    calls: list[ProviderCall] = field(default_factory=list)
    """All calls so far."""
    announced: dict[str, int] = field(default_factory=dict)
    """The connections that the program announces, which are read ahead: {connection: number of resources}."""
    retained: set[str] = field(default_factory=set)
    """Names of the resources with the option `retain_on_delete`."""

    def __post_init__(self) -> None:
        """Configure the service key of the subaccount, and a transport without faults."""
        self.config.setdefault("btp-trust:serviceKey", json.dumps(self.emulator.service_key(self.guid)))
        if self.target_guid:
            keys = {"billing": self.emulator.api_access_key(self.target_guid)}
            self.config.setdefault("btp-trust:connections", json.dumps(keys))
        self.transport = FaultyTransport(self.emulator.transport, self._advance)

    @property
    def slots(self) -> tuple[str | None, str | None]:
        """Fingerprints in the active and the passive slot."""
        slots = self.emulator.slots(self.guid)
        return slots.active, slots.passive

    @property
    def label(self) -> str:
        """The subaccount, as lines and errors name it."""
        (account,) = (each for each in self.emulator.subaccounts() if each.guid == self.guid)
        return f"{account.subdomain} ({account.guid[:8]})"

    @property
    def subject(self) -> str:
        """How the lines of the RotationTrigger begin."""
        return f"RotationTrigger rotation, {self.label}: "

    def outputs(self, name: str) -> Bag:
        """Return the outputs of a resource in the state."""
        return self.state[name].outputs

    def preview(
        self, program: Program, targets: Iterable[str] | None = None, replace: Iterable[str] = frozenset()
    ) -> CommandReport:
        """Run `pulumi preview`."""
        return self._run(program, targets, replace, dry_run=True)

    def preview_with_refresh(self, program: Program) -> CommandReport:
        """Run `pulumi preview --refresh`: what it reads is forgotten after the command."""
        state = dict(self.state)
        try:
            return self._run(program, None, (), dry_run=True, refreshes=True)
        finally:
            self.state = state

    def preview_refresh(self) -> CommandReport:
        """Run `pulumi refresh --preview-only`."""
        state = dict(self.state)
        try:
            return self.refresh()
        finally:
            self.state = state

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
        report = self.last_report = CommandReport()
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        try:
            self._read_all(report)
        finally:
            report.messages = stderr.getvalue()
            report.requests = self._requests_since(journal)
        assert report.writes == [], "a refresh wrote"
        return report

    def _read_all(self, report: CommandReport) -> None:
        for name, stored in self.state.items():
            call = functools.partial(self.call, stored.kind, name)
            outputs = round_trip(call("read", stored.id, round_trip(stored.outputs)).outs)
            call("diff", stored.id, outputs, round_trip(stored.inputs))
            report.operations[name] = "same" if outputs == stored.outputs else "update"
            report.changed[name] = {
                key for key in {*outputs, *stored.outputs} if outputs.get(key) != stored.outputs.get(key)
            }
            self.state[name] = StoredResource(stored.kind, stored.id, stored.inputs, outputs)

    def diff_with_unknowns(
        self, name: str, arguments: Iterable[str], unknown: Any = UNKNOWN
    ) -> tuple[bool, CommandReport]:
        """Call diff as the engine does before it replaces a resource on which these arguments depend.

        The dependent resource is unchecked at that moment, in an update too: diff gets its old inputs, some unknown.
        """
        report, stored = CommandReport(), self.state[name]
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        news = {**round_trip(stored.inputs), **dict.fromkeys(arguments, unknown)}
        changes = self.call(stored.kind, name, "diff", stored.id, round_trip(stored.outputs), news).changes
        report.messages, report.requests = stderr.getvalue(), self._requests_since(journal)
        return changes, report

    def destroy(self) -> CommandReport:
        """Run `pulumi destroy --yes`, which deletes everything without a check."""
        return self._run(lambda _: None, None, (), dry_run=False)

    def deploy(self, *programs: Program) -> None:
        """Run `pulumi up` for one program after another, an hour apart, and assert that each one is stable."""
        for program in programs:
            self.up(program)
            self.assert_stable(program)
            self.emulator.advance(HOUR)

    def start(self, *programs: Program) -> None:
        """Do the same for a fixture, whose tests start there: that it is stable is a test of its own, run once."""
        for program in programs:
            self.up(program)
            self.emulator.advance(HOUR)

    def assert_refused(self, program: Program, *quoted: str | None) -> str:
        """Assert that the preview refuses a program, with a message in three parts; return the message."""
        try:
            self.preview(program)
        except CheckFailedError as failure:
            message = failure.reason
        except TrustError as error:
            message = str(error)
        else:
            raise AssertionError("the preview was not refused")
        assert_three_part_message(message, *quoted)
        return message

    def assert_stable(self, program: Program) -> None:
        """Assert that previews after a successful `up` show no changes, at once and a year later, refreshed or stored.

        The clock must leave the checked inputs alone as well: a saved plan compares them. A refresh that leaves the
        state as it was needs no preview of its own: its preview would get the same state at the same time.
        A year later, `btp-trust:strict` may rightly refuse an expired certificate, so that is a matter of today alone.
        """
        state, previewed_inputs, config = dict(self.state), [], dict(self.config)
        for seconds in (0, YEAR):
            self.emulator.advance(seconds)
            if seconds:
                self.config.pop("btp-trust:strict", None)
            with Untraced():
                report = self.preview(program)
                refreshed = self.refresh()
            assert report.has_no_changes
            previewed_inputs.append(report.inputs)
            assert set().union(*refreshed.changed.values()) == set()
            assert self.state == state
        assert previewed_inputs[0] == previewed_inputs[1]
        self.emulator.advance(-YEAR)
        self.state = state
        self.config.update(config)

    def _run(
        self,
        program: Program,
        targets: Iterable[str] | None,
        replace: Iterable[str],
        *,
        dry_run: bool,
        refreshes: bool = False,
    ) -> CommandReport:
        stderr, journal = self._start_plugin_process(), len(self.emulator.journal())
        deployment = Deployment(
            self, dry_run=dry_run, targets=None if targets is None else frozenset(targets), replace=frozenset(replace)
        )
        self.last_report = deployment.report
        try:
            if refreshes:
                self._read_all(CommandReport())
            program(deployment)
            deployment.delete_removed()
        finally:
            deployment.report.messages = stderr.getvalue()
            deployment.report.requests = self._requests_since(journal)
            assert not dry_run or deployment.report.writes == [], "a preview wrote"
        return deployment.report

    def _requests_since(self, journal: int) -> list[str]:
        entries = self.emulator.journal()[journal:]
        return [
            request_label(entry.method, entry.path)
            for entry in entries
            if entry.subaccount in (self.guid, self.target_guid)
        ]

    def _start_plugin_process(self) -> io.StringIO:
        """Start a plugin process with a session of its own; return its standard error."""
        stderr = io.StringIO()
        process_session.set_current(Session(self.config.get, self.host(stderr)))
        return stderr

    def call(self, kind: str, name: str, method: str, *args: Any) -> Any:
        """Call a method of a provider, and record the call."""
        sent, journal = len(self.transport.sent), len(self.emulator.journal())
        ended_with: BaseException | None = None
        urn = URN.format(kind=PROVIDERS[kind].__name__.removesuffix("Provider"), name=name)
        request = SimpleNamespace(urn=urn)  # noqa: F841 - as in Pulumi's plugin, where the provider finds it
        try:
            return getattr(PROVIDERS[kind](), method)(*args)
        except BaseException as error:
            ended_with = error
            raise
        finally:
            entries = self.emulator.journal()[journal:]
            self.calls.append(ProviderCall(name, kind, method, self.transport.sent[sent:], entries, ended_with))

    def call_with_error_hook(self, operation: Callable[[], Any]) -> Any:
        """Run an operation with the resource's `ErrorHook`: retries stay in this process, with the same arguments."""
        for _ in range(self.retries):
            with contextlib.suppress(TrustError):
                return operation()
        return operation()

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        """Advance the clocks of the process and of the service."""
        self.elapsed += seconds
        self.emulator.advance(seconds)

    def host(self, stderr: io.StringIO) -> Host:
        """Return the surroundings of a plugin process."""
        return Host(
            environ=self.environ,
            transport=self.transport,
            clock=lambda: self.emulator.now,
            sleep=self._sleep,
            monotonic=lambda: self.elapsed,
            stderr=stderr,
            engine_exited=lambda: self.engine_exited,
            start_thread=lambda function: function(),
        )
