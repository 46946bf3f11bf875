"""Read a communication system for a resource, or return why that failed and whether it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from btp_trust.errors import TrustError, WrongTenant
from btp_trust.runtime import operation_context
from btp_trust.runtime.reading import ReadingUnavailable, offline_refusal
from btp_trust.runtime.session import Session
from btp_trust.service.communication_systems import SystemTrust, TrustBlock

if TYPE_CHECKING:
    from btp_trust.runtime.communication_systems import CommunicationSystem


class SystemRead(Struct, frozen=True):
    """A block of a communication system, and what it trusts as this command has read it."""

    system: CommunicationSystem
    trust: SystemTrust


def read_system(
    session: Session, connection: str, system: str, block: TrustBlock, recorded: str | None
) -> SystemRead | ReadingUnavailable:
    """Read a block, at most once in a command.

    Args:
        session: What the process shares.
        connection: Name of the connection.
        system: ID of the communication system.
        block: The block.
        recorded: Address of the tenant that the resource's first deployment recorded.

    Raises:
        WrongTenant: The connection reaches another tenant.
        Refused: The tenant has no such system.
        ConfigurationError: The communication user is malformed.
    """
    # For errors of the connection, which has yet to name the tenant.
    operation_context.current().enter_system(f"{system} ({block})")
    if session.offline:
        return ReadingUnavailable(offline_refusal(), offline=True)
    try:
        found = _find_system(session, connection, system, block, recorded)
        return SystemRead(found, found.trust())
    except TrustError as error:
        # A malformed user or an unknown system needs a person, also in a command with nothing to do.
        if not error.is_tolerated_without_changes:
            raise
        return ReadingUnavailable(error)


def open_system(
    session: Session, connection: str, system: str, block: TrustBlock, recorded: str | None
) -> CommunicationSystem:
    """Return a block for create and update.

    Raises:
        OfflineRefused: `btp-trust:offline` is set.
        WrongTenant: The connection reaches another tenant.
        Refused: A connection of the program is out of reach, and has a change due.
        TrustError: The connection has no usable communication user.
    """
    if session.offline:
        raise offline_refusal()
    # For a write alone: a plan that waited for the plans of other resources would hold up the engine, which makes them.
    session.partial.refuse_unreached()
    return _find_system(session, connection, system, block, recorded)


def _find_system(
    session: Session, connection: str, system: str, block: TrustBlock, recorded: str | None
) -> CommunicationSystem:
    found = session.communication_system(connection, system, block)
    if recorded not in {None, found.tenant}:
        raise WrongTenant(
            f"Connection {connection!r} is for another tenant.",
            f"The resource belongs to {recorded}, but its communication user is one of {found.tenant}. No system was "
            "read.",
            f"Give the connection a communication user of {recorded}; a resource for the other tenant needs a name of "
            "its own.",
            prop="connection",
        )
    operation_context.current().enter_system(found.label)
    return found
