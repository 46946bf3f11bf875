"""Which destinations sign with the subaccount's certificate: what a rotation touches."""

from __future__ import annotations

from btp_trust.errors import TrustError
from btp_trust.inputs import TriggerChecked
from btp_trust.service.destinations import Level
from btp_trust.session import Session


def affected(session: Session, plan: TriggerChecked) -> list[str] | None:
    """List the names of destinations whose assertions will be signed with another certificate; a request a level.

    Returns:
        None if they could not be listed, which is warned of and stops nothing.
    """
    try:
        destinations = session.destinations(plan.connection)
        listed = [each for level in Level for each in destinations.listed(level)]
    except TrustError as error:
        session.warn(
            f"RotationTrigger: the destinations that the step affects could not be listed. {error.what}",
            error.why,
            error.remedy,
        )
        return None
    return sorted({each.name for each in listed if each.signs_with_the_subaccounts_key})
