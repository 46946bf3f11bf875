"""The dynamic providers that Pulumi calls.

The names of this module and of its classes are written into the state of every stack that uses them: they are a
wire format and never change. Instances hold nothing; what a process shares is in `btp_trust.session`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

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

from btp_trust import session
from btp_trust.errors import Refused, SecretGiven
from btp_trust.guard import refuse_secrets
from btp_trust.inputs import (
    ActiveArgs,
    ActiveChecked,
    ActiveState,
    IdentityProviderChecked,
    IdentityProviderState,
    PassiveArgs,
    PassiveChecked,
    PassiveState,
    PropertyBag,
    TriggerArgs,
    TriggerChecked,
    TriggerState,
    candidate_from_program,
    from_bag,
    from_program,
    identity_provider_from_program,
    own_properties,
    subaccount_is_unknown,
    to_bag,
    unplanned,
)
from btp_trust.operations import active, identity_provider, passive, trigger
from btp_trust.trusted_by import trusted_by_from_program


class _TrustProvider(ResourceProvider):
    """What the providers have in common."""

    serialize_as_secret_always: bool = False
    """The pickle is a reference to an empty class: nothing in it is secret."""

    def configure(self, req: ConfigureRequest) -> None:
        """Take Pulumi's configuration; errors of this process show their message only, no traceback."""
        sys.tracebacklimit = 0
        session.configure(req.config.get)


def _check(olds: Mapping[str, Any], news: PropertyBag, plan: Callable[[], msgspec.Struct]) -> CheckResult:
    """Run a plan; a refusal becomes the failure of a property. What holds a secret is given back to nobody."""
    try:
        refuse_secrets(own_properties(news))
    except SecretGiven as refusal:
        return CheckResult({}, [CheckFailure(refusal.prop, str(refusal))])
    if subaccount_is_unknown(news) and len(olds) == 0:
        return CheckResult(unplanned(news), [])
    try:
        return CheckResult(to_bag(plan()), [])
    except Refused as refusal:
        return CheckResult(unplanned(news), [CheckFailure(refusal.prop, str(refusal))])


class ActiveTrustCertificateProvider(_TrustProvider):
    """Provider of ActiveTrustCertificate."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan() -> ActiveChecked:
            old = from_bag(_olds, ActiveChecked) if _olds else None
            with session.operation() as shared:
                return active.check(shared, from_program(news, ActiveArgs), old)

        return _check(_olds, news, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        state, new = from_bag(_olds, ActiveState), from_bag(_news, ActiveChecked)
        with session.operation() as shared:
            return DiffResult(changes=active.changes(shared, state, new))

    def create(self, props: PropertyBag) -> CreateResult:
        """Adopt or generate."""
        with session.operation() as shared:
            return CreateResult(*active.create(shared, from_bag(props, ActiveChecked)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Follow or renew."""
        with session.operation() as shared:
            return UpdateResult(active.update(shared, from_bag(_news, ActiveChecked)))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Follow the slot."""
        with session.operation() as shared:
            return ReadResult(id_, active.read(shared, props))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Leave the certificate in place."""
        with session.operation() as shared:
            active.delete(shared, from_bag(_props, ActiveState))


class PassiveTrustCertificateProvider(_TrustProvider):
    """Provider of PassiveTrustCertificate."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan() -> PassiveChecked:
            old = from_bag(_olds, PassiveChecked) if _olds else None
            with session.operation() as shared:
                return passive.check(shared, from_program(news, PassiveArgs), old)

        return _check(_olds, news, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        state, new = from_bag(_olds, PassiveState), from_bag(_news, PassiveChecked)
        with session.operation() as shared:
            return DiffResult(changes=passive.changes(shared, state, new))

    def create(self, props: PropertyBag) -> CreateResult:
        """Mint or adopt."""
        with session.operation() as shared:
            return CreateResult(*passive.create(shared, from_bag(props, PassiveChecked)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Mint, adopt or take up."""
        state, new = from_bag(_olds, PassiveState), from_bag(_news, PassiveChecked)
        with session.operation() as shared:
            return UpdateResult(passive.update(shared, state, _olds, new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Find the certificate."""
        with session.operation() as shared:
            return ReadResult(id_, passive.read(shared, props))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Empty the passive slot if what it holds is the resource's."""
        with session.operation() as shared:
            passive.delete(shared, from_bag(_props, PassiveState))


class RotationTriggerProvider(_TrustProvider):
    """Provider of RotationTrigger."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan() -> TriggerChecked:
            old = from_bag(_olds, TriggerChecked) if _olds else None
            arguments = {name: value for name, value in news.items() if name not in ("candidate", "trusted_by")}
            candidate = candidate_from_program(news.get("candidate"))
            trusted_by = trusted_by_from_program(news.get("trusted_by"))
            with session.operation() as shared:
                return trigger.check(shared, from_program(arguments, TriggerArgs), candidate, trusted_by, old)

        return _check(_olds, news, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        state, new = from_bag(_olds, TriggerState), from_bag(_news, TriggerChecked)
        with session.operation() as shared:
            return DiffResult(changes=trigger.changes(shared, state, new))

    def create(self, props: PropertyBag) -> CreateResult:
        """Record what signs."""
        with session.operation() as shared:
            return CreateResult(*trigger.create(shared, from_bag(props, TriggerChecked)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Compare and swap."""
        state, new = from_bag(_olds, TriggerState), from_bag(_news, TriggerChecked)
        with session.operation() as shared:
            return UpdateResult(trigger.update(shared, state, new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Follow what signs."""
        with session.operation() as shared:
            return ReadResult(id_, trigger.read(shared, props))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Call nothing."""


class TrustedIdentityProviderProvider(_TrustProvider):
    """Provider of TrustedIdentityProvider."""

    def check(self, _olds: PropertyBag, news: PropertyBag) -> CheckResult:
        """Plan."""

        def plan() -> IdentityProviderChecked:
            old = from_bag(_olds, IdentityProviderChecked) if _olds else None
            with session.operation() as shared:
                return identity_provider.check(shared, identity_provider_from_program(news), old)

        return _check(_olds, news, plan)

    def diff(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> DiffResult:
        """Tell whether an update is due."""
        state, new = from_bag(_olds, IdentityProviderState), from_bag(_news, IdentityProviderChecked)
        with session.operation() as shared:
            return DiffResult(changes=identity_provider.changes(shared, state, new))

    def create(self, props: PropertyBag) -> CreateResult:
        """Register or take over."""
        with session.operation() as shared:
            return CreateResult(*identity_provider.create(shared, from_bag(props, IdentityProviderChecked)))

    def update(self, _id: str, _olds: PropertyBag, _news: PropertyBag) -> UpdateResult:
        """Replace what is registered."""
        state, new = from_bag(_olds, IdentityProviderState), from_bag(_news, IdentityProviderChecked)
        with session.operation() as shared:
            return UpdateResult(identity_provider.update(shared, state, new))

    def read(self, id_: str, props: PropertyBag) -> ReadResult:
        """Find out what the target holds."""
        with session.operation() as shared:
            return ReadResult(id_, identity_provider.read(shared, props))

    def delete(self, _id: str, _props: PropertyBag) -> None:
        """Delete what was registered."""
        with session.operation() as shared:
            identity_provider.delete(shared, from_bag(_props, IdentityProviderState))
