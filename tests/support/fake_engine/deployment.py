"""One pass of the fake engine over a program."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi.output import UNKNOWN

from btp_trust.arguments import ANNOUNCED
from support.fake_engine.report import Bag, CommandReport
from support.fake_engine.wire import apply_ignore_changes, round_trip, serialize_trusted

if TYPE_CHECKING:
    from support.fake_engine.engine import FakeEngine


class CheckFailedError(Exception):
    """A check failed. The preview shows the property and the reason."""

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


class ResourceHandle:
    """A resource in a program, with its outputs. In a preview, missing outputs are unknown."""

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

    def passive(self, name: str = "next", *, retain_on_delete: bool = False, **args: Any) -> ResourceHandle:
        """Declare PassiveTrustCertificate."""
        (self.engine.retained.add if retain_on_delete else self.engine.retained.discard)(name)
        return self._register("passive", name, {**args, "retain_on_delete": retain_on_delete or None})

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
        statements = trusted_by and {target: serialize_trusted(trusts) for target, trusts in trusted_by.items()}
        return self._register("trigger", name, {**args, "candidate": passive_generation, "trusted_by": statements})

    def trusted(
        self,
        resource_name: str = "billing",
        *,
        passive: ResourceHandle | None = None,
        retain_on_delete: bool = False,
        **args: Any,
    ) -> ResourceHandle:
        """Declare TrustedIdentityProvider."""
        (self.engine.retained.add if retain_on_delete else self.engine.retained.discard)(resource_name)
        is_known = passive is None or passive["fingerprint"] != UNKNOWN
        generation = passive and (passive["generation"] if is_known else UNKNOWN)
        more = {"passive": generation, "retain_on_delete": retain_on_delete or None}
        return self._register("trusted", resource_name, {**args, **more})

    def system(self, resource_name: str = "erp", **args: Any) -> ResourceHandle:
        """Declare CommunicationSystemTrust."""
        return self._register("system", resource_name, args)

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
        if self.engine.announced and kind in ("active", "passive", "trigger"):
            news[ANNOUNCED] = json.dumps(self.engine.announced)
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
        """Delete the replaced resources, then the removed ones, the last first."""
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
