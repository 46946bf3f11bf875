"""The destinations of the subaccount, for a plan that lists or verifies them."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import TrustError
from btp_trust.rotation.schema import RotationArgs
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.session import Session
from btp_trust.service.destinations import Destination, Level


def destinations_to_compare(
    session: Session, args: RotationArgs, *, lists: bool, inspects: bool
) -> tuple[list[Destination] | None, list[Notice]]:
    """Return the destinations of the subaccount, if the step lists those that it affects, or some must be there."""
    if not (lists or inspects):
        return None, []
    problem = "that the step affects could not be listed" if lists else "to be verified could not be listed"
    return _list_destinations(session, args.connection, f"The destinations {problem}")


def affected_destinations(destinations: Sequence[Destination]) -> list[str]:
    """Name the destinations whose assertions will be signed with another certificate."""
    return sorted({destination.name for destination in destinations if destination.uses_subaccount_key})


def _list_destinations(
    session: Session, connection: str, problem: str
) -> tuple[list[Destination] | None, list[Notice]]:
    """List the destinations of the subaccount, then those of the service instance; a request a level.

    Args:
        session: What the process shares.
        connection: The connection's name.
        problem: What the list is needed for, as the beginning of a warning.

    Returns:
        The list; or None and a warning if it is unavailable.
    """
    try:
        client = session.destination_client(connection)
        return [destination for level in Level for destination in client.list_level(level)], []
    except TrustError as error:
        # A warning is enough: before a swap, the deployment finds each destination to verify as the user.
        return None, [session.warning(f"{problem}. {error.what}", error.why, error.remedy)]
