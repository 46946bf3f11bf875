"""The history of a stack: the events of its subaccounts, and its deployments. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from btp_trust.errors import TrustError
from btp_trust.formatting import find_name, label_fingerprint, parse_rfc3339
from btp_trust.rotation.events import Event, EventKind
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.history.deployments import Deployment
from btp_trust_cli.recorded import RecordedSubaccount


@dataclass(frozen=True, slots=True)
class NamedEvent:
    """An event, with the generations of its certificates."""

    event: Event
    names: Mapping[str, str]
    """{generation: fingerprint}"""

    @property
    def at(self) -> datetime:
        """When it happened, by the service's clock."""
        return parse_rfc3339(self.event.at)

    @property
    def signer(self) -> str:
        """The certificate that signed from then on, in short."""
        return self._label(self.event.signer)

    @property
    def previous(self) -> str:
        """The signer before, in short; empty for a verification."""
        return "" if self.event.previous is None else self._label(self.event.previous)

    def generation_of(self, fingerprint: str | None) -> str | None:
        """Return the generation of a certificate, if the stack still knows it."""
        return None if fingerprint is None else find_name(self.names, fingerprint)

    def _label(self, fingerprint: str) -> str:
        return label_fingerprint(fingerprint, self.generation_of(fingerprint))


@dataclass(frozen=True, slots=True)
class SubaccountHistory:
    """The events of one subaccount, the newest first."""

    subaccount_id: str
    label: str
    events: tuple[NamedEvent, ...]


@dataclass(frozen=True, slots=True)
class StackHistory:
    """What is known of one stack."""

    stack: str
    subaccounts: tuple[SubaccountHistory, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    """The newest first."""
    deployments_error: TrustError | None = None
    """Why Pulumi did not list them: the events are there all the same."""
    error: TrustError | None = None
    """Why the stack could not be read."""

    @property
    def severity(self) -> Severity:
        """A history warns of nothing; it can be unreadable."""
        return Severity.OK if self.error is None else Severity.UNKNOWN

    def deployment_of(self, event: NamedEvent) -> Deployment | None:
        """Return the latest deployment to whose time an event belongs."""
        return next((found for found in self.deployments if found.was_at(event.at)), None)


def histories_of(recorded: Iterable[RecordedSubaccount]) -> tuple[SubaccountHistory, ...]:
    """Return the histories of the subaccounts whose signer a RotationTrigger declares, by name."""
    found = [SubaccountHistory(each.subaccount_id, each.label, events_of(each)) for each in recorded if each.rotation]
    return tuple(sorted(found, key=lambda history: (history.label, history.subaccount_id)))


def events_of(recorded: RecordedSubaccount | None) -> tuple[NamedEvent, ...]:
    """Return the recorded events of a subaccount, the newest first."""
    if recorded is None or recorded.rotation is None:
        return ()
    return tuple(NamedEvent(event, recorded.names) for event in reversed(recorded.rotation.history))


def count_events(histories: Sequence[StackHistory]) -> tuple[int, int]:
    """Return the numbers of changes and of verifications."""
    kinds = [event.event.step for event in _events(histories)]
    verifications = kinds.count(EventKind.VERIFY)
    return len(kinds) - verifications, verifications


def _events(histories: Iterable[StackHistory]) -> Iterator[NamedEvent]:
    for history in histories:
        for subaccount in history.subaccounts:
            yield from subaccount.events
