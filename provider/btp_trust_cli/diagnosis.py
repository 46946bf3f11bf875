"""Examine a connection step by step, from its credentials to its permissions: each passes, or says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import TrustError
from btp_trust.formatting import format_day, short_fingerprint
from btp_trust.service.credentials.service_key import DESTINATION, XSUAA, Service
from btp_trust.service.destinations import Level
from btp_trust.service.identity_providers import IdentityProviderClient
from btp_trust_cli.connections import Source, missing_connection
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.reading import at_once_each


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an examination."""

    name: str
    detail: str = ""
    """What was found; empty after a failure."""
    error: TrustError | None = None
    """Why it failed, and what to do."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The steps of one connection, or of a stack as a whole, up to the one on which all others depend."""

    title: str
    steps: tuple[Step, ...]

    @property
    def severity(self) -> Severity:
        """A failed step is critical: `pulumi up` would fail there as well."""
        return Severity.CRITICAL if any(step.error for step in self.steps) else Severity.OK


class _Examination:
    """One connection to one service, and what the steps have found of it so far."""

    def __init__(self, source: Source, name: str, service: Service) -> None:
        self.source = source
        self.name = name
        self.service = service

    def credentials(self) -> str:
        """Find their place."""
        place = self.source.lookup.locate(self.name, self.service)
        unused = self.source.lookup.unused_places(self.name, place)
        return f"{place}; unused, as this place comes first: {', '.join(unused)}" if unused else place

    def service_key(self) -> str:
        """Parse the key, and look at its certificate."""
        key = self.source.lookup.find(self.name, self.service).key
        key.tls(self.source.session.host.clock())
        if not key.is_x509:
            return f"client secret, for {key.uri}"
        return f"certificate until {format_day(parse_pem(key.certificate).not_after)}, for {key.uri}"

    def token(self) -> str:
        """Get a token."""
        key = self.source.session.open_connection(self.name, self.service).connection.key
        return f"from {key.token_url}"

    def subaccount(self) -> str:
        """Compare the subaccount of the token with that of the resources."""
        opened = self.source.session.open_connection(self.name, self.service)
        expected = self.source.recorded_subaccount(self.name)
        if self.service is DESTINATION and expected is not None:
            self.source.session.subaccount(self.name, expected)
        label = f"{opened.subaccount_name} ({opened.subaccount_id})" if opened.subaccount_name else opened.subaccount_id
        return f"{label}, as recorded" if expected == opened.subaccount_id else label

    def slots(self) -> str:
        """Read both slots."""
        session = self.source.session
        opened = session.open_connection(self.name)
        snapshot = session.subaccount(self.name, opened.subaccount_id).snapshot()
        return f"active {_describe(snapshot.active)}, passive {_describe(snapshot.passive)}"

    def destinations(self) -> str:
        """List the destinations of both levels."""
        client = self.source.session.destination_client(self.name)
        found = [destination for level in Level for destination in client.list_level(level)]
        signed = sum(destination.uses_subaccount_key for destination in found)
        return f"{len(found)} readable, {signed} of them signed with the active certificate"

    def identity_providers(self) -> str:
        """List the identity providers of a target."""
        session = self.source.session
        opened = session.open_connection(self.name, XSUAA)
        return f"{len(IdentityProviderClient(opened.api_client, session.retry_policy).all())} readable"

    def user(self) -> str:
        """Find the user for `verify_destinations`; getting a token might run a command, so that is left out."""
        return f"{self.source.users.find(self.name).where}; no token was asked for"


_Check = tuple[str, Callable[[_Examination], str]]
_BASE: Final[tuple[_Check, ...]] = (
    ("credentials", _Examination.credentials),
    ("service key", _Examination.service_key),
    ("token", _Examination.token),
    ("subaccount", _Examination.subaccount),
)
"""Each depends on the one before."""
_PERMISSIONS: Final[dict[str, tuple[_Check, ...]]] = {
    DESTINATION.name: (("slots", _Examination.slots), ("destinations", _Examination.destinations)),
    XSUAA.name: (("identity providers", _Examination.identity_providers),),
}
"""Independent of each other."""


def examine(sources: Sequence[Source], on_done: Callable[[], None]) -> list[Diagnosis]:
    """Examine each stack, and each connection of each source."""
    stacks = [_examine_stack(source) for source in sources if source.stack is not None]
    places = [
        (source, name, service)
        for source in sources
        if source.error is None
        for service, names in ((DESTINATION, source.connections), (XSUAA, source.xsuaa_connections))
        for name in names
    ]
    if not places and not any(source.error for source in sources):
        stacks.append(Diagnosis("connections", (Step("connections", error=missing_connection(sources)),)))
    return [*stacks, *at_once_each(examine_connection, places, on_done)]


def _examine_stack(source: Source) -> Diagnosis:
    if source.error is not None:
        return Diagnosis(f"stack {source.stack}", (Step("stack", error=source.error),))
    number = len(source.recorded)
    read = Step("stack", "1 subaccount in its state" if number == 1 else f"{number} subaccounts in its state")
    settings = [Step("configuration", error=error) for error in source.invalid_settings]
    return Diagnosis(f"stack {source.stack}", (read, *(settings or [Step("configuration", "every setting is known")])))


def examine_connection(source: Source, name: str, service: Service = DESTINATION) -> Diagnosis:
    """Examine one connection, and close it."""
    examination = _Examination(source, name, service)
    try:
        with source.session.retry_policy.deadline():
            steps = tuple(_steps(examination))
    finally:
        source.session.close_connection(name, service)
    place = f"stack {source.stack}, " if source.stack else ""
    return Diagnosis(f"{place}connection {name} to {service.instance_label}", steps)


def _steps(examination: _Examination) -> Iterator[Step]:
    for check in _BASE:
        yield (step := _run(check, examination))
        if step.error is not None:
            return
    for check in (*_PERMISSIONS[examination.service.name], *_user_check(examination)):
        yield _run(check, examination)


def _user_check(examination: _Examination) -> tuple[_Check, ...]:
    """Return the step of the user, where the stack verifies destinations as one."""
    found = examination.source.recorded.get(examination.source.recorded_subaccount(examination.name) or "")
    verifies = found is not None and found.rotation is not None and found.rotation.verify_destinations
    return (("user", _Examination.user),) if verifies else ()


def _run(check: _Check, examination: _Examination) -> Step:
    name, function = check
    try:
        return Step(name, function(examination))
    except TrustError as error:
        return Step(name, error=error)


def _describe(certificate: Certificate | None) -> str:
    if certificate is None:
        return "empty"
    return f"{short_fingerprint(certificate.fingerprint)} until {format_day(certificate.not_after)}"
