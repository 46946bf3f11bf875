"""Cause of an error that the service reports: only a rejection of the assertion by the target rolls back.

Instead of a token the service answers 200, with one sentence of its own and sometimes the target's answer in it. The
sentences are undocumented, so an unknown one has an unknown cause. Structure decides first: an OAuth error (RFC 6749),
then a status. Words count only where both are missing, and outside of names: an issuer, an alias or a URL may be called
anything. A rejection leaves its reason open: one sentence of a real server has many.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Final

from btp_trust.rotation.verification.rejection_words import (
    BAD_CLIENT,
    BAD_SCOPE,
    HOST_NAME,
    NO_USER,
    PAGE,
    SERVER_DOWN,
    TARGET_RESPONSE,
    TRANSPORT,
    UNKNOWN_SIGNER,
    USERINFO,
)
from btp_trust.rotation.verification.target_answer import FIREWALL, TargetAnswer, parse_target_answer

# Another certificate would have the same result.
_CLIENT_CODES: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
_TRANSIENT_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_SCOPE_CODE: Final = "invalid_scope"
_REJECTING_STATUSES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses about what was sent. A 404 is about the address, and many others are about a server that is busy."""
_TRANSIENT_STATUSES: Final = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Statuses of a target that is busy; the assertion was left unread."""


class ErrorCause(Enum):
    """What an error that the service reports is about."""

    ASSERTION = "the target rejected the assertion"
    USER = "the target does not know the user, or denies the user access"
    CLIENT = "the target does not accept the client, or the secret, of the destination"
    SCOPE = "the target does not grant the scope that the destination asks for"
    UNKNOWN = "an outage, or an unknown text"
    """A timeout, a 5xx, a failure of TLS or of the connection, a firewall's page, or an unrecognized text."""


# Scopes first: "This user is not allowed any of the requested scopes". Users before clients: "User 'JOE'
# does not exist in client 100", which is SAP's word for a tenant.
_OTHER_CAUSES: Final = {BAD_SCOPE: ErrorCause.SCOPE, NO_USER: ErrorCause.USER, BAD_CLIENT: ErrorCause.CLIENT}
"""{words of a rejection of something else than the assertion: its cause}, the first that matches counts"""


def is_target_rejection(error: str) -> bool:
    """Return True if a target rejected the assertion."""
    return classify_error(error) is ErrorCause.ASSERTION


def other_cause(error: str) -> str | None:
    """Return what the target rejected instead of the assertion; None if it rejected the assertion, or for an outage."""
    cause = classify_error(error)
    return None if cause in (ErrorCause.ASSERTION, ErrorCause.UNKNOWN) else cause.value


def classify_error(error: str) -> ErrorCause:
    """Find the cause of an error."""
    answer = parse_target_answer(error)
    # Before the code: an OAuth error with a 5xx around it contradicts itself.
    if USERINFO.search(answer.rest) or any(map(_is_transient, answer.statuses)):
        return ErrorCause.UNKNOWN
    # Before words of an outage: around an OAuth error, they are quotations.
    if answer.code:
        return _cause_of_code(answer)
    if _is_firewall_page(answer) or SERVER_DOWN.search(answer.rest):
        return ErrorCause.UNKNOWN
    # A status is stronger than words: a router says "404 … does not exist" as well.
    is_rejection = answer.statuses & _REJECTING_STATUSES if answer.statuses else _is_rejecting_text(answer.rest)
    return _cause_of_rejection(answer.rest) if is_rejection else ErrorCause.UNKNOWN


def _cause_of_code(answer: TargetAnswer) -> ErrorCause:
    if answer.code in _TRANSIENT_CODES:
        return ErrorCause.UNKNOWN
    if answer.code in _CLIENT_CODES:
        # Some targets answer `invalid_client` for a user too, and say so in the description.
        return ErrorCause.USER if NO_USER.search(answer.description) else ErrorCause.CLIENT
    if answer.code == _SCOPE_CODE:
        return ErrorCause.SCOPE
    # A current UAA answers `unauthorized` for a wrong signature and for an unknown user alike.
    return _cause_of_rejection(answer.description)


def _cause_of_rejection(text: str) -> ErrorCause:
    causes = (cause for pattern, cause in _OTHER_CAUSES.items() if pattern.search(text))
    return next(causes, ErrorCause.ASSERTION)


def _is_rejecting_text(text: str) -> bool:
    """Return True if a text is about what the target was given; words about transport are stronger."""
    about = NO_USER.search(text) or UNKNOWN_SIGNER.search(text)
    # "Unable to resolve the issuer" is about trust, although "resolve" alone is a word of DNS.
    around = text if about is None else f"{text[: about.start()]} {text[about.end() :]}"
    is_answer = about is not None or TARGET_RESPONSE.search(text) is not None
    # A host, or an issuer named like one, may have a word of transport in its name.
    return is_answer and TRANSPORT.search(HOST_NAME.sub("NAME", around)) is None


def _is_firewall_page(answer: TargetAnswer) -> bool:
    """Return True for a firewall's page. A page with status 401 asks to log on, so the target may have sent it."""
    is_page = PAGE.search(answer.rest) is not None and HTTPStatus.UNAUTHORIZED not in answer.statuses
    return is_page or FIREWALL.search(answer.rest) is not None


def _is_transient(status: int) -> bool:
    """Return True for a status that may be another one a little later."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUSES
