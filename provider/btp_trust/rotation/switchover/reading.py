"""Read the systems of a switchover, and tell which certificate of the subaccount each of them trusts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.errors import TrustError
from btp_trust.rotation.switchover.schema import Switch
from btp_trust.runtime.session import Session
from btp_trust.service import certificate_field
from btp_trust.service.communication_systems import SystemTrust
from btp_trust.service.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from btp_trust.runtime.communication_systems import CommunicationSystem

_MAX_CONCURRENT: Final = 16
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
SystemReading = SystemTrust | TrustError


class Systems(Struct, frozen=True):
    """The systems of a RotationTrigger as one reading found them, by their names."""

    readings: Mapping[str, SystemReading]

    @property
    def unread(self) -> dict[str, TrustError]:
        """Why systems could not be read."""
        return {name: found for name, found in self.readings.items() if isinstance(found, TrustError)}

    def trusting(self, certificate: Certificate | None) -> list[str]:
        """Name the systems that trust this certificate."""
        return [] if certificate is None else [name for name, found in self._read if trusts(found, certificate)]

    def foreign(self, *own: Certificate | None) -> dict[str, SystemTrust]:
        """Return the systems that trust none of these certificates."""
        certificates = [certificate for certificate in own if certificate is not None]
        return {
            name: found
            for name, found in self._read
            if not any(trusts(found, certificate) for certificate in certificates)
        }

    @property
    def _read(self) -> list[tuple[str, SystemTrust]]:
        return [(name, found) for name, found in self.readings.items() if isinstance(found, SystemTrust)]


def read_systems(session: Session, switches: Sequence[Switch]) -> Systems:
    """Read all systems at the same time, each at most once in a command."""
    if not switches:
        return Systems({})
    found = concurrently(partial(_read, session), switches, session.retry_policy)
    return Systems({switch.name: reading for switch, reading in zip(switches, found, strict=True)})


def concurrently(call: Callable[[_Item], _Result], items: Sequence[_Item], retry_policy: RetryPolicy) -> list[_Result]:
    """Call a function for all items at the same time, within the time that the operation has left.

    Returns:
        The results, in the order of the items.
    """
    seconds = retry_policy.remaining

    def bounded(item: _Item) -> _Result:
        with retry_policy.shortened_deadline(seconds):
            return call(item)

    with ThreadPoolExecutor(min(len(items), _MAX_CONCURRENT)) as threads:
        # With its context: lines and errors of a thread belong to the operation that started it.
        calls = [threads.submit(copy_context().run, bounded, item) for item in items]
    return [each.result() for each in calls]


def find_system(session: Session, switch: Switch) -> CommunicationSystem:
    """Return the block of a communication system that a switch names."""
    return session.communication_system(switch.connection, switch.system, switch.block)


def _read(session: Session, switch: Switch) -> SystemReading:
    try:
        return find_system(session, switch).last()
    except TrustError as error:
        return error


def trusts(system: SystemTrust, certificate: Certificate) -> bool:
    """Return True if the system's block holds this certificate, or its key where keys alone are stored."""
    return certificate_field.trusts(system.field, certificate)
