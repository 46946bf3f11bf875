"""The dynamic providers that Pulumi calls.

The names of this module and of its classes are written into the state of every stack that uses them: they are a
wire format and are permanent. Instances are empty; what a process shares is in `btp_trust.runtime.process_session`.

A program imports this module too, for its resources, and runs none of it. So each lifecycle, and with it the HTTP
client, is loaded by the first call that uses it.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from btp_trust.arguments import ANNOUNCED, DEFAULT_CONNECTION
from btp_trust.errors import Refused, SecretGiven, TrustError
from btp_trust.property_bag import (
    PropertyBag,
    from_bag,
    is_unknown,
    known,
    normalize_bag,
    own_properties,
    subaccount_is_unknown,
    to_bag,
    unplanned_inputs,
    with_recorded_subaccount,
)
from btp_trust.secret_guard.guard import refuse_secrets

if TYPE_CHECKING:
    from btp_trust.runtime.lifecycle import Lifecycle
    from btp_trust.runtime.session import Session

_MAX_PRINTED_VALUE: Final = 80
"""Characters of the value of a refused property: a fingerprint fits."""


class _TrustProvider(ResourceProvider):
    """Runs the lifecycle of one resource; values that a preview does not know are left out of what is recorded."""

    serialize_as_secret_always: bool = False
    """The pickle is a reference to an empty class: nothing in it is secret."""
    _resource: ClassVar[str]
    """Folder of the resource."""
    _is_announced: ClassVar[bool] = True
    """Whether the program announces the connection of the resource, see `runtime/read_ahead.py`."""

    @contextmanager
    def _operation(self, props: PropertyBag) -> Iterator[tuple[Session, Lifecycle[Any, Any, Any]]]:
        """Load the lifecycle, and give it the session of this process for one call about these properties."""
        from btp_trust.runtime import process_session  # noqa: PLC0415 - see the module

        lifecycle: Lifecycle[Any, Any, Any] = import_module(f"btp_trust.{self._resource}.lifecycle").LIFECYCLE
        with process_session.operation(known(props)) as shared:
            yield shared, lifecycle

    @contextmanager
    def _planning(self, props: PropertyBag) -> Iterator[tuple[Session, Lifecycle[Any, Any, Any]]]:
        """The same for a call that plans: one that fails counts as a change due on its connection."""
        with self._operation(props) as (session, lifecycle), session.partial.planning():
            try:
                yield session, lifecycle
            except TrustError:
                self._record_plan(session, props, is_due=True)
                raise

    def _record_plan(self, session: Session, props: PropertyBag, *, is_due: bool) -> None:
        if self._is_announced:
            session.partial.record(_connection(props), is_due=is_due)

    def configure(self, req: ConfigureRequest) -> None:
        """Take Pulumi's configuration; errors of this process show their message alone, without a traceback."""
        # Our imports make Python search all that Pulumi has loaded for garbage, which takes 40 ms each time. Frozen, it
        # is left out; the plugin ends with the command.
        gc.freeze()
        from btp_trust.runtime import plugin_threads, process_session  # noqa: PLC0415 - see the module

        plugin_threads.allow_more()

        sys.tracebacklimit = 0
        process_session.configure(req.config.get)

    # The parameters have the names of Pulumi's base class, also where they are used.
    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan; a refusal becomes the failure of a property. Arguments with a secret are not returned to the engine."""
        news, announced = _without_announcement(news)
        try:
            refuse_secrets(own_properties(news))
        except SecretGiven as refusal:
            return CheckResult({}, [CheckFailure(refusal.prop, str(refusal))])
        with self._planning(_olds or news) as (session, lifecycle):
            session.read_ahead.announce(json.loads(announced or "{}"))
            session.partial.begin_plan(_connection(news))
            arguments = with_recorded_subaccount(news, known(_olds), lifecycle.inputs)
            unplanned = unplanned_inputs(news, lifecycle.inputs)
            # This command creates the subaccount, so its slots are read and planned in the deployment.
            if subaccount_is_unknown(arguments, lifecycle.inputs) and not _olds:
                return CheckResult(unplanned, [])
            try:
                return CheckResult(_plan(session, lifecycle, _olds, arguments), [])
            # Other errors are raised: they belong to the service or the configuration instead of a property.
            except Refused as refusal:
                self._record_plan(session, arguments, is_due=True)
                return CheckResult(unplanned, [_failure(session.named(refusal), unplanned)])

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due; an unknown value may change, and so may what depends on it.

        Where no check of this command has let it through, the engine only asks what a replacement of another resource
        might lead to, and asks again once that is known: until then, a change is assumed.
        """
        with self._planning(_news) as (session, lifecycle):
            if is_unknown(_olds) or (is_unknown(_news) and not session.plans.has_unknown(normalize_bag(_news))):
                self._record_plan(session, _news, is_due=True)
                return DiffResult(changes=True)
            state, new = from_bag(_olds, lifecycle.state), from_bag(_news, lifecycle.inputs)
            comparison = lifecycle.diff(session, state, new)
            session.print_notices(comparison.notices)
            self._record_plan(session, _news, is_due=comparison.is_update_due)
            return DiffResult(changes=comparison.is_update_due)

    def create(self, props: PropertyBag) -> CreateResult:
        """Do the planned step of a resource that is new to the state."""
        with self._operation(props) as (session, lifecycle):
            id_, outputs = lifecycle.create(session, from_bag(known(props), lifecycle.inputs))
            return CreateResult(id_, _with_label(session, outputs))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Do the planned step, or bring the outputs up to date."""
        with self._operation(_news) as (session, lifecycle):
            outputs = lifecycle.update(session, known(_olds), from_bag(known(_news), lifecycle.inputs))
            return UpdateResult(_with_label(session, outputs))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Follow the subaccount in a refresh."""
        with self._operation(props) as (session, lifecycle):
            return ReadResult(id_, lifecycle.read(session, known(props)))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Remove what is the resource's own, if its lifecycle removes anything."""
        with self._operation(_props) as (session, lifecycle):
            lifecycle.delete(session, from_bag(known(_props), lifecycle.state))


def _connection(props: PropertyBag) -> str:
    return str(props.get("connection", DEFAULT_CONNECTION))


def _without_announcement(news: PropertyBag) -> tuple[PropertyBag, str | None]:
    """Take out the connections that the program announces: neither a preview nor the state has the value."""
    rest = dict(news)
    return rest, rest.pop(ANNOUNCED, None)


def _failure(refusal: Refused, inputs: PropertyBag) -> CheckFailure:
    """Blame a property whose value is short: Pulumi prints the value whole, in front of the sentence."""
    value = inputs.get(refusal.prop)
    # Of an unknown value, Pulumi prints what the program gave: maybe a map of many certificates.
    is_short = isinstance(value, str | int | float) and not is_unknown(value) and len(str(value)) <= _MAX_PRINTED_VALUE
    return CheckFailure(refusal.prop if is_short else "", str(refusal))


def _plan(
    session: Session, lifecycle: Lifecycle[Any, Any, Any], olds: PropertyBag, arguments: PropertyBag
) -> PropertyBag:
    old = from_bag(known(olds), lifecycle.inputs) if olds else None
    inputs = _with_label(session, to_bag(lifecycle.check(session, lifecycle.args(arguments, old), old)))
    if is_unknown(inputs):
        session.plans.mark_unknown(normalize_bag(inputs))
    return inputs


def _with_label(session: Session, bag: PropertyBag) -> PropertyBag:
    """Add the subaccount in words, if it is known: a preview shows it, and a command without the service has it."""
    return {**bag, "subaccount": session.label} if session.label else bag


class ActiveTrustCertificateProvider(_TrustProvider):
    """Provider of ActiveTrustCertificate."""

    _resource = "active"


class PassiveTrustCertificateProvider(_TrustProvider):
    """Provider of PassiveTrustCertificate."""

    _resource = "passive"


class RotationTriggerProvider(_TrustProvider):
    """Provider of RotationTrigger."""

    _resource = "rotation"


class TrustedIdentityProviderProvider(_TrustProvider):
    """Provider of TrustedIdentityProvider."""

    _resource = "identity_provider"
    _is_announced = False


class CommunicationSystemTrustProvider(_TrustProvider):
    """Provider of CommunicationSystemTrust."""

    _resource = "communication_system"
    _is_announced = False
