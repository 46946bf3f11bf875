"""Which destinations there are: those that sign with the subaccount's certificate are what a rotation touches."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import TrustError
from btp_trust.service.destinations import Destination, Level
from btp_trust.session import Session


def listed(session: Session, connection: str, what_for: str) -> list[Destination] | None:
    """List the destinations of the subaccount, then those of the service instance; a request a level.

    Args:
        session: What the process shares.
        connection: The connection's name.
        what_for: What cannot be done without the list.

    Returns:
        None if they could not be listed, which is warned of and stops nothing.
    """
    try:
        destinations = session.destinations(connection)
        return [each for level in Level for each in destinations.listed(level)]
    except TrustError as error:
        session.warn(f"RotationTrigger: {what_for}. {error.what}", error.why, error.remedy)
        return None


def affected(destinations: Sequence[Destination]) -> list[str]:
    """Name the destinations whose assertions will be signed with another certificate."""
    return sorted({each.name for each in destinations if each.signs_with_the_subaccounts_key})
