"""Suitability of destinations: each exists, and the service signs its assertions with the trust certificate.

An inspection leaves targets alone and skips the token, which the service might cache before the swap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from btp_trust.errors import Refused
from btp_trust.service.destinations import Destination, DestinationClient
from btp_trust.service.transport.redaction import redact

_MAX_SUGGESTIONS: Final = 3
"""How many existing names are listed for an unknown one."""


def inspect(destinations: DestinationClient, name: str, user_token: str) -> Destination:
    """Find a destination as the user, and skip its token.

    Raises:
        Refused: The destination is missing or unsuitable.
        TrustError: The service is unable to answer.
    """
    # The service caches tokens: one fetched before the swap would hide a rejection after it.
    result = destinations.find(name, user_token, skip_token_retrieval=True)
    if result is None:
        raise _not_found(name, [])
    return require_trust_certificate(result.destination)


def find_in_list(destinations: Sequence[Destination], name: str) -> Destination:
    """Find the last destination of a name in a list.

    Raises:
        Refused: The destination is missing (the error suggests similar names) or unsuitable.
    """
    # The service instance's destinations are last in the list, and win as they do when the service finds one.
    by_name = {destination.name: destination for destination in destinations}
    if name not in by_name:
        names = {known.casefold(): known for known in by_name}
        from difflib import get_close_matches  # noqa: PLC0415 - most programs have every name spelt right

        similar = get_close_matches(name.casefold(), names, _MAX_SUGGESTIONS)
        raise _not_found(name, [names[match] for match in similar])
    return require_trust_certificate(by_name[name])


def require_trust_certificate(destination: Destination) -> Destination:
    """Return a destination for which the service signs with the trust certificate.

    Raises:
        Refused: The destination is unsuitable.
    """
    if not destination.uses_subaccount_key:
        raise Refused(
            f"Destination {destination.name!r} is unsuitable for a verification.",
            _unsuitable_reason(destination),
            f"Remove {destination.name!r} from verify_destinations.",
            prop="verify_destinations",
        )
    return destination


def _not_found(name: str, similar: list[str]) -> Refused:
    suggestion = f" (did you mean {' or '.join(map(repr, similar))}?)" if similar else ""
    return Refused(
        f"Destination {name!r} is not found.",
        "Neither the service instance of the connection nor its subaccount has one of that name.",
        f"Correct the name in verify_destinations{suggestion}, or create the destination.",
        prop="verify_destinations",
    )


def _unsuitable_reason(destination: Destination) -> str:
    if destination.key_store:
        return "The service signs its assertions with the destination's own key store."
    if destination.assertion_provider == "ClientProvided":
        return "The client brings its assertions, instead of the service signing them."
    if destination.type not in {"", "HTTP"}:
        return f"Its Type is {redact(destination.type)}; only destinations of Type HTTP carry assertions."
    authentication = redact(destination.authentication) or "missing"
    return (
        f"Its Authentication is {authentication}; only assertions of SAMLAssertion and OAuth2SAMLBearerAssertion are "
        "signed with the trust certificate."
    )
