"""Whether a destination is there and tells something about the trust certificate: seen without a token, and so early.

Nothing is asked of a target here, and the service fetches no token that it could keep for later.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from btp_trust.errors import Refused
from btp_trust.service.destinations import Destination, DestinationClient
from btp_trust.service.transport.redaction import redact

_MAX_SUGGESTIONS: Final = 3
"""How many existing names are listed for a name that does not exist."""


def inspect(destinations: DestinationClient, name: str, user_token: str) -> Destination:
    """Find a destination as the user, without fetching a token.

    Raises:
        Refused: There is none, or it tells nothing about the certificate.
        TrustError: The service does not tell.
    """
    found = destinations.find(name, user_token, skip_token_retrieval=True)
    if found is None:
        raise _not_found(name, [])
    return require_trust_certificate(found.destination)


def find_in_list(listed: Sequence[Destination], name: str) -> Destination:
    """Choose a destination from all that there are, the last one of its name.

    Raises:
        Refused: There is none, and which names are near; or it tells nothing about the certificate.
    """
    named = {each.name: each for each in listed}
    if name not in named:
        folded = {each.casefold(): each for each in named}
        raise _not_found(
            name, [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, _MAX_SUGGESTIONS)]
        )
    return require_trust_certificate(named[name])


def require_trust_certificate(destination: Destination) -> Destination:
    """Return a destination for which the service signs with the trust certificate.

    Raises:
        Refused: It does not.
    """
    if not destination.uses_subaccount_key:
        raise Refused(
            f"Destination {destination.name!r} tells nothing about the trust certificate.",
            _unsuitable_reason(destination),
            f"Take {destination.name!r} out of verify_destinations.",
            prop="verify_destinations",
        )
    return destination


def _not_found(name: str, nearest: list[str]) -> Refused:
    meant = f" (did you mean {' or '.join(map(repr, nearest))}?)" if nearest else ""
    return Refused(
        f"Destination {name!r} is not found.",
        "Neither the service instance of the connection nor its subaccount has one of that name.",
        f"Correct the name in verify_destinations{meant}, or create the destination.",
        prop="verify_destinations",
    )


def _unsuitable_reason(destination: Destination) -> str:
    if destination.key_store:
        return "It has a key store of its own, and signs with that."
    if destination.assertion_provider == "ClientProvided":
        return "Its assertions are brought by the client, and the service signs none for it."
    if destination.type not in {"", "HTTP"}:
        return f"Its Type is {redact(destination.type)}; only destinations of Type HTTP carry assertions."
    kind = redact(destination.authentication) or "none"
    return f"Its Authentication is {kind}; only SAMLAssertion and OAuth2SAMLBearerAssertion are signed with it."
