"""Whether a destination is there and tells something about the trust certificate: seen without a token, and so early.

Nothing is asked of a target here, and the service fetches no token that it could keep for later.
"""

from __future__ import annotations

import difflib
from typing import Final

from btp_trust.errors import Refused, TrustError
from btp_trust.plan.scrub import scrub
from btp_trust.service.destinations import Destination, DestinationClient, Level

_NEAREST: Final = 3
"""How many existing names are told of a name that does not exist."""


def inspect(
    destinations: DestinationClient, name: str, user_token: str | None = None, *, suggests: bool = False
) -> Destination:
    """Find a destination without fetching a token.

    Args:
        destinations: What reads the destinations of the connection.
        name: The destination's name.
        user_token: The user's token, so that the service shows whether it takes that; None: ask without a user.
        suggests: List the names that there are, if this one is not among them, and tell the nearest.

    Raises:
        Refused: There is none, or it tells nothing about the certificate.
        TrustError: The service does not tell.
    """
    found = destinations.find(name, user_token, skip_token_retrieval=True)
    if found is None:
        raise _not_found(name, _nearest(destinations, name) if suggests else [])
    refuse_untelling(name, found.destination)
    return found.destination


def refuse_untelling(name: str, destination: Destination) -> None:
    """Refuse a destination for which the service signs nothing with the trust certificate."""
    if not destination.signs_with_the_subaccounts_key:
        raise Refused(
            f"Destination {name!r} tells nothing about the trust certificate.",
            _why_not(destination),
            f"Take {name!r} out of verify_destinations.",
            prop="verify_destinations",
        )


def _not_found(name: str, nearest: list[str]) -> Refused:
    meant = f" (did you mean {' or '.join(map(repr, nearest))}?)" if nearest else ""
    return Refused(
        f"Destination {name!r} is not found.",
        "Neither the service instance of the connection nor its subaccount has one of that name.",
        f"Correct the name in verify_destinations{meant}, or create the destination.",
        prop="verify_destinations",
    )


def _nearest(destinations: DestinationClient, name: str) -> list[str]:
    """Choose what may have been meant; a list that cannot be had takes nothing from the refusal."""
    try:
        names = {each.name for level in Level for each in destinations.listed(level, names_only=True)}
    except TrustError:
        return []
    folded = {each.casefold(): each for each in sorted(names)}
    return [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, _NEAREST)]


def _why_not(destination: Destination) -> str:
    if destination.key_store:
        return "It has a key store of its own, and signs with that."
    if destination.assertion_provider == "ClientProvided":
        return "Its assertions are brought by the client, and the service signs none for it."
    if destination.type not in {"", "HTTP"}:
        return f"Its Type is {scrub(destination.type)}; only destinations of Type HTTP carry assertions."
    kind = scrub(destination.authentication) or "none"
    return f"Its Authentication is {kind}; only SAMLAssertion and OAuth2SAMLBearerAssertion are signed with it."
