"""A twin of Pulumi's engine: it calls the providers in process, in the order that the real engine calls them.

What it does was measured on the real one (docs/design): a preview calls check and diff; an update runs them
again, in another process, before create or update; inputs of unchanged resources are stored; outputs of anything
that changes are unknown in a preview; resources that left the program are deleted last, in reverse order.
The end-to-end tests show that the real engine agrees.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pulumi.output import UNKNOWN

from btp_trust import session
from btp_trust.providers import (
    ActiveTrustCertificateProvider,
    PassiveTrustCertificateProvider,
    RotationTriggerProvider,
)
from btp_trust_emulator import Emulator

Bag = dict[str, Any]
PROVIDERS = {
    "active": ActiveTrustCertificateProvider,
    "passive": PassiveTrustCertificateProvider,
    "trigger": RotationTriggerProvider,
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
    messages: str = ""

    @property
    def is_quiet(self) -> bool:
        """Whether `--expect-no-changes` would pass."""
        return set(self.operations.values()) <= {"same"}


class Handle:
    """A resource in a program: its outputs, unknown where a preview does not know them."""

    def __init__(self, outputs: Bag, *, known: bool) -> None:
        self.outputs = outputs
        self.known = known

    def __getitem__(self, name: str) -> Any:
        """Return an output."""
        missing = None if self.known else UNKNOWN
        return self.outputs.get(name, missing)


Program = Callable[["Deployment"], None]


class Deployment:
    """One pass over a program."""

    def __init__(self, twin: Twin, *, dry: bool, targets: frozenset[str] | None) -> None:
        self.twin = twin
        self.dry = dry
        self.targets = targets
        self.report = Report()
        self.seen: list[str] = []

    def active(self, name: str = "signing", *, rotation: Handle | None = None, **args: Any) -> Handle:
        """Declare ActiveTrustCertificate."""
        return self._register("active", name, {**args, "rotation": rotation and rotation["generation"]})

    def passive(self, name: str = "next", **args: Any) -> Handle:
        """Declare PassiveTrustCertificate."""
        return self._register("passive", name, args)

    def trigger(self, name: str = "rotation", *, candidate: Handle | None = None, **args: Any) -> Handle:
        """Declare RotationTrigger."""
        told = candidate and {key: candidate[key] for key in ("generation", "generations", "subaccount_id")}
        return self._register("trigger", name, {**args, "candidate": told})

    def _register(self, kind: str, name: str, args: Bag) -> Handle:
        self.seen.append(name)
        old = self.twin.state.get(name)
        if self.targets is not None and name not in self.targets:
            return Handle(old.outputs if old else {}, known=True)
        provider = PROVIDERS[kind]()
        news = {key: value for key, value in args.items() if value is not None}
        result = provider.check(dict(old.inputs) if old else {}, {**news, "__provider": kind})
        for failure in result.failures:
            raise CheckFailedError(name, failure.property, failure.reason)
        inputs = result.inputs
        self.report.inputs[name] = inputs
        return self._step(kind, name, old, inputs)

    def _step(self, kind: str, name: str, old: Stored | None, inputs: Bag) -> Handle:
        provider = PROVIDERS[kind]()
        if old is None:
            self.report.operations[name] = "create"
            if self.dry:
                return Handle(inputs, known=False)
            created = provider.create(wire(inputs))
            self.twin.state[name] = Stored(kind, created.id, inputs, wire(created.outs))
            return Handle(self.twin.state[name].outputs, known=True)
        if not provider.diff(old.id, wire(old.outputs), wire(inputs)).changes:
            self.report.operations[name] = "same"
            if not self.dry:
                self.twin.state[name] = Stored(kind, old.id, inputs, old.outputs)
            return Handle(old.outputs, known=True)
        self.report.operations[name] = "update"
        self.report.changed[name] = {key for key in {*inputs, *old.inputs} if inputs.get(key) != old.inputs.get(key)}
        if self.dry:
            return Handle(inputs, known=False)
        updated = provider.update(old.id, wire(old.outputs), wire(inputs))
        self.twin.state[name] = Stored(kind, old.id, inputs, wire(updated.outs))
        return Handle(self.twin.state[name].outputs, known=True)

    def delete_what_left(self) -> None:
        """Delete resources that the program no longer declares, the last first."""
        for name in [name for name in reversed(self.twin.state) if name not in self.seen]:
            if self.targets is not None and name not in self.targets:
                continue
            self.report.operations[name] = "delete"
            if not self.dry:
                stored = self.twin.state[name]
                PROVIDERS[stored.kind]().delete(stored.id, wire(stored.outputs))
                del self.twin.state[name]


@dataclass
class Twin:
    """A stack on one subaccount of an emulator."""

    emulator: Emulator
    guid: str
    config: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    state: dict[str, Stored] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give the stack the service key of its subaccount."""
        self.config.setdefault("btp-trust:serviceKey", json.dumps(self.emulator.service_key(self.guid)))

    def preview(self, program: Program, targets: Iterable[str] | None = None) -> Report:
        """Run `pulumi preview`."""
        return self._run(program, targets, dry=True)

    def up(self, program: Program, targets: Iterable[str] | None = None, *, skip_preview: bool = False) -> Report:
        """Run `pulumi up --yes`."""
        if not skip_preview:
            self.preview(program, targets)
        return self._run(program, targets, dry=False)

    def refresh(self) -> Report:
        """Run `pulumi refresh --yes`."""
        report = Report()
        stderr = self._process()
        for name, stored in self.state.items():
            outputs = wire(PROVIDERS[stored.kind]().read(stored.id, wire(stored.outputs)).outs)
            report.operations[name] = "same" if outputs == stored.outputs else "update"
            report.changed[name] = {key for key in outputs if outputs[key] != stored.outputs.get(key)}
            self.state[name] = Stored(stored.kind, stored.id, stored.inputs, outputs)
        report.messages = stderr.getvalue()
        return report

    def destroy(self) -> Report:
        """Run `pulumi destroy --yes`: no program runs, so nothing is checked."""
        return self._run(lambda _: None, None, dry=False)

    def _run(self, program: Program, targets: Iterable[str] | None, *, dry: bool) -> Report:
        stderr = self._process()
        deployment = Deployment(self, dry=dry, targets=None if targets is None else frozenset(targets))
        program(deployment)
        deployment.delete_what_left()
        deployment.report.messages = stderr.getvalue()
        return deployment.report

    def _process(self) -> io.StringIO:
        """Start a plugin process: nothing of an earlier one is left."""
        stderr = io.StringIO()
        world = session.World(
            environ=self.environ,
            transport=self.emulator.transport,
            clock=lambda: self.emulator.now,
            sleep=self.slept.append,
            stderr=stderr,
        )
        session.install(session.Session(self.config.get, world))
        return stderr


def wire(bag: Bag | None) -> Bag:
    """Send a bag over the wire: numbers become floats, None vanishes."""
    return json.loads(json.dumps(bag), parse_int=float)  # type: ignore[no-any-return]
