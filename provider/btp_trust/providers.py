"""The dynamic providers that Pulumi calls.

The names of this module and of its classes are written into the state of every stack that uses them: they are a
wire format and never change. Instances hold nothing; what a process shares is in `btp_trust.runtime.session`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec
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

from btp_trust.active import lifecycle as active
from btp_trust.active.schema import ActiveArgs, ActiveInputs, ActiveState
from btp_trust.errors import Refused, SecretGiven
from btp_trust.identity_provider import lifecycle as identity_provider
from btp_trust.identity_provider.schema import IdentityProviderArgs, IdentityProviderInputs, IdentityProviderState
from btp_trust.passive import lifecycle as passive
from btp_trust.passive.schema import PassiveArgs, PassiveInputs, PassiveState
from btp_trust.property_bag import (
    PropertyBag,
    from_bag,
    from_program,
    is_unknown,
    known,
    normalize_bag,
    own_properties,
    subaccount_is_unknown,
    to_bag,
    unplanned_inputs,
    with_recorded_subaccount,
)
from btp_trust.rotation import lifecycle as trigger
from btp_trust.rotation.schema import RotationArgs, RotationInputs, RotationState, candidate_from_program
from btp_trust.runtime import session
from btp_trust.runtime.comparison import Comparison
from btp_trust.runtime.session import Session
from btp_trust.secret_guard.guard import refuse_secrets
from btp_trust.trusted_by.parsing import trusted_by_from_program

_Inputs = TypeVar("_Inputs", bound=msgspec.Struct)
_State = TypeVar("_State", bound=msgspec.Struct)


class _TrustProvider(ResourceProvider):
    """What the providers have in common."""

    serialize_as_secret_always: bool = False
    """The pickle is a reference to an empty class: nothing in it is secret."""

    def configure(self, req: ConfigureRequest) -> None:
        """Take Pulumi's configuration; errors of this process show their message only, no traceback."""
        sys.tracebacklimit = 0
        session.configure(req.config.get)


def _check(
    olds: PropertyBag,
    news: PropertyBag,
    shape: type[_Inputs],
    plan: Callable[[Session, PropertyBag, _Inputs | None], _Inputs],
) -> CheckResult:
    """Run a plan; a refusal becomes the failure of a property. What holds a secret is given back to nobody."""
    try:
        refuse_secrets(own_properties(news))
    except SecretGiven as refusal:
        return CheckResult({}, [CheckFailure(refusal.prop, str(refusal))])
    recorded = known(olds)
    arguments = with_recorded_subaccount(news, recorded)
    if subaccount_is_unknown(arguments) and not olds:
        return CheckResult(unplanned_inputs(news), [])
    try:
        old = from_bag(recorded, shape) if olds else None
        with session.operation() as shared:
            inputs = to_bag(plan(shared, arguments, old))
            if is_unknown(inputs):
                shared.plans.declare_unknown(normalize_bag(inputs))
        return CheckResult(inputs, [])
    except Refused as refusal:
        return CheckResult(unplanned_inputs(news), [CheckFailure(refusal.prop, str(refusal))])


def _diff(
    olds: PropertyBag,
    news: PropertyBag,
    shapes: tuple[type[_State], type[_Inputs]],
    diff: Callable[[Session, _State, _Inputs], bool | Comparison],
) -> DiffResult:
    """Tell whether an update is due; an unknown value may change, and so may what depends on it.

    Where no check of this command has let it through, the engine only asks what a replacement of another resource
    might lead to, and asks again once that is known: there is nothing to say yet.
    """
    with session.operation() as shared:
        if is_unknown(olds) or (is_unknown(news) and not shared.plans.has_unknown(normalize_bag(news))):
            return DiffResult(changes=True)
        state, new = from_bag(olds, shapes[0]), from_bag(news, shapes[1])
        comparison = diff(shared, state, new)
        if isinstance(comparison, bool):
            return DiffResult(changes=comparison)
        shared.show(comparison.notices)
        return DiffResult(changes=comparison.is_update_due)


class ActiveTrustCertificateProvider(_TrustProvider):
    """Provider of ActiveTrustCertificate."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan(shared: Session, arguments: PropertyBag, old: ActiveInputs | None) -> ActiveInputs:
            return active.check(shared, from_program(arguments, ActiveArgs), old)

        return _check(_olds, news, ActiveInputs, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        return _diff(_olds, _news, (ActiveState, ActiveInputs), active.diff)

    def create(self, props: PropertyBag) -> CreateResult:
        """Adopt or generate."""
        with session.operation() as shared:
            return CreateResult(*active.create(shared, from_bag(known(props), ActiveInputs)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Follow or renew."""
        with session.operation() as shared:
            return UpdateResult(active.update(shared, from_bag(_news, ActiveInputs)))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Follow the slot."""
        with session.operation() as shared:
            return ReadResult(id_, active.read(shared, known(props)))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Leave the certificate in place."""
        with session.operation() as shared:
            active.delete(shared, from_bag(known(_props), ActiveState))


class PassiveTrustCertificateProvider(_TrustProvider):
    """Provider of PassiveTrustCertificate."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan(shared: Session, arguments: PropertyBag, old: PassiveInputs | None) -> PassiveInputs:
            return passive.check(shared, from_program(arguments, PassiveArgs), old)

        return _check(_olds, news, PassiveInputs, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        return _diff(_olds, _news, (PassiveState, PassiveInputs), passive.diff)

    def create(self, props: PropertyBag) -> CreateResult:
        """Mint or adopt."""
        with session.operation() as shared:
            return CreateResult(*passive.create(shared, from_bag(known(props), PassiveInputs)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Mint, adopt or take up."""
        state, new = from_bag(known(_olds), PassiveState), from_bag(_news, PassiveInputs)
        with session.operation() as shared:
            return UpdateResult(passive.update(shared, state, known(_olds), new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Find the certificate."""
        with session.operation() as shared:
            return ReadResult(id_, passive.read(shared, known(props)))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Empty the passive slot if what it holds is the resource's."""
        with session.operation() as shared:
            passive.delete(shared, from_bag(known(_props), PassiveState))


class RotationTriggerProvider(_TrustProvider):
    """Provider of RotationTrigger."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan(shared: Session, arguments: PropertyBag, old: RotationInputs | None) -> RotationInputs:
            candidate = candidate_from_program(arguments.get("candidate"), old.candidate if old else None)
            trusted_by = trusted_by_from_program(arguments.get("trusted_by"))
            own = {name: value for name, value in arguments.items() if name not in ("candidate", "trusted_by")}
            return trigger.check(shared, from_program(own, RotationArgs), candidate, trusted_by, old)

        return _check(_olds, news, RotationInputs, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        return _diff(_olds, _news, (RotationState, RotationInputs), trigger.diff)

    def create(self, props: PropertyBag) -> CreateResult:
        """Record what signs."""
        with session.operation() as shared:
            return CreateResult(*trigger.create(shared, from_bag(known(props), RotationInputs)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Compare and swap."""
        state, new = from_bag(known(_olds), RotationState), from_bag(_news, RotationInputs)
        with session.operation() as shared:
            return UpdateResult(trigger.update(shared, state, new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Follow what signs."""
        with session.operation() as shared:
            return ReadResult(id_, trigger.read(shared, known(props)))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Call nothing."""


class TrustedIdentityProviderProvider(_TrustProvider):
    """Provider of TrustedIdentityProvider."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan(shared: Session, arguments: PropertyBag, old: IdentityProviderInputs | None) -> IdentityProviderInputs:
            return identity_provider.check(shared, from_program(arguments, IdentityProviderArgs), old)

        return _check(_olds, news, IdentityProviderInputs, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        return _diff(_olds, _news, (IdentityProviderState, IdentityProviderInputs), identity_provider.diff)

    def create(self, props: PropertyBag) -> CreateResult:
        """Register or take over."""
        with session.operation() as shared:
            return CreateResult(*identity_provider.create(shared, from_bag(known(props), IdentityProviderInputs)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Replace what is registered."""
        state, new = from_bag(known(_olds), IdentityProviderState), from_bag(_news, IdentityProviderInputs)
        with session.operation() as shared:
            return UpdateResult(identity_provider.update(shared, state, new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Find out what the target holds."""
        with session.operation() as shared:
            return ReadResult(id_, identity_provider.read(shared, known(props)))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Delete what was registered."""
        with session.operation() as shared:
            identity_provider.delete(shared, from_bag(known(_props), IdentityProviderState))
