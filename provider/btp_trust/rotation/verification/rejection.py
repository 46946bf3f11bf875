"""Whether an error that the service reports is a target's refusal: only that is a reason to swap back.

The service answers 200 when it got no token, with one sentence of its own and sometimes the target's answer in it. The
sentences are not documented, so what is not recognised is no refusal. Structure decides first: an OAuth error (RFC
6749), then a status. Words count only where neither tells, and never those of a name: an issuer, an alias or a URL may
be called anything. A refusal says that a target refused, not why: one sentence of a real server has many causes.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from btp_trust.rotation.verification.target_answer import FIREWALL, TargetAnswer, parse_target_answer

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
"""Statuses of a target that is busy, and says nothing about the assertion."""
_USERINFO: Final = re.compile(r"(?:/|\bthe )userinfo\b", re.IGNORECASE)
"""The service asks the user's own token service about the user, before it asks the target."""
_PAGE: Final = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|h[1-6]|center|script|style|meta)\b", re.IGNORECASE
)
_SERVER_DOWN: Final = re.compile(
    r"\bserver[ _]?error\b|\bbad[ _]gateway\b|\bgateway[ _]time|\bservice[ _]unavailable\b"
    r"|\bno healthy upstream\b|\bupstream (?:connect|request|server|service|error|time|unavail|is |was )"
    r"|\bbackend (?:connect|request|server|service|error|fetch|fail|time|unavail|down|is |was )"
    r"|\bcannot be reached\b|\b(?:application|service|server|system|host) (?:\w+ ){0,2}not (?:available|reachable)\b"
    r"|\bplain http request\b|\bSSL certificate\b|\bcookie too large\b"
    r"|\brate[ _]limit|\bquota (?:exceed|violat|limit|reach|exhaust)|\bapplication error\b|\btime[d ]?[ -]?out\b",
    re.IGNORECASE,
)
"""Words of a server, or of one in front of it, that does not work."""
_TRUST_WORDS: Final = r"issuers?|assertions?|signatures?|certificates?|identity[ -]?providers?|idps?|trust|signer|alias"
_TRANSPORT: Final = re.compile(
    r"time[d ]?[ -]?out|\b(?:SSL|TLS)|handshake|PKIX|connect(?:ion|\b)|unreachable|unknown ?host|resol(?:ve|ution)"
    r"|\bDNS\b|\bsocket|\breset\b|\bproxy|\bno route\b|unavailable|overload|maintenance|too many|temporar|\bbusy\b"
    r"|\bcertification path\b|\bfatal alert\b|\b\w*certificate_\w+|\b\w+_certificate\b|\bcertificate verif"
    r"|(?:Validator|Certificate\w*|CertPath\w*)Exception|\bsubject alternative\b|\btrust ?anchors?\b|\bhost ?name\b"
    r"|\bunable to get\b",
    re.IGNORECASE,
)
_ADDRESSES: Final = r"(?:'s)? (?:certificates?|host(?:[ -]?name)?|address|URL|server|DNS)\b"
_SIGNERS: Final = rf"(?:issuers?(?!{_ADDRESSES})|identity[ -]?providers?|idps?|assertions?|signatures?|alias)"
_FILLERS: Final = r"(?:(?:the|an?|any|its|your|saml2?|trusted|signing|token|assertion)\s+)*"
_UNKNOWN_SIGNER: Final = re.compile(
    r"\b(?:(?:unable|failed|not able) to|cannot|can't|could not|couldn't) "
    rf"(?:resolve|verify|validate|find|determine|identify|trust|map)\s+{_FILLERS}"
    rf"(?:(?:entity[ -]?id|name|key)s? (?:of|for) {_FILLERS})?{_SIGNERS}\b"
    rf"|\b{_SIGNERS}\b(?: NAME)? (?:cannot|could not|is unable to|failed to) be "
    r"(?:resolved|verified|validated|trusted|determined)\b"
    r"|\bno (?:\w+ ){0,2}(?:issuer|identity[ -]?provider|idp)\b(?: NAME)? (?:was |is )?(?:found|known|trusted)\b",
    re.IGNORECASE,
)
"""A target that knows nobody by whom the assertion could be signed: in words that TLS has not for its certificates."""
_TARGET_RESPONSE: Final = re.compile(
    r"\bResponse was:.*(?:assertion|signature|\bsigned|issuer|audience|\bgrant\b|trust|certificate|subject|\buser\b"
    r"|denied|\brefus|\breject|forbidden|not allowed|unauthori[sz]ed|invalid)",
    re.IGNORECASE | re.DOTALL,
)
"""A target's own words, if they are about what it was given."""

_SENTENCE_START: Final = (
    r"(?:^|[.,;:!?\[({<>=\"]\s*|\s[-–]\s|\b(?:was|because|as|since|that|reason|exception|error|failed|failure)\b:?\s+)"  # noqa: RUF001
)
"""Where a sentence begins, or one within a sentence."""
_ARTICLES: Final = (
    r"(?:(?:the|an?|any|this|that|your|saml2?|oauth|shadow|business|dialog|technical|requested|corresponding|given|"
    r"propagated|der|die|ein|das)\s+)*"
)
_USER_STATES: Final = (
    r"found|known|mapped|active|assigned|authori[sz]ed|allowed|permitted|registered|valid|unique|verified|resolved|"
    r"determined|identified|provisioned|enabled|in"
)
_USER_ABSENT: Final = (
    rf"(?:(?:does|did|do) not|doesn't|didn't) (?:exist|have)"
    rf"|(?:is|was|are|has|have|could|can|must)?\s*not (?:been |be )?(?:{_USER_STATES})"
    rf"|(?:cannot|must) be (?:{_USER_STATES})"
    r"|(?:(?:is|was|are|has been|have been|has|have) )?(?:currently |already )?(?:unknown|locked|inactive|disabled|"
    r"deactivated|deleted|blocked|expired|missing|suspended|invalid|ambiguous)"
    r"|existiert nicht|(?:ist )?(?:unbekannt|gesperrt|inaktiv|nicht (?:gefunden|bekannt|vorhanden|aktiv))"
)
_ACCOUNT: Final = r"(?:(?:user|benutzer)(?:'s)?(?:[ _-]?(?:name|id|account|validity|mapping))?|account)"
_NO_USER: Final = re.compile(
    rf"{_SENTENCE_START}{_ARTICLES}{_ACCOUNT}\b"
    r"(?:\s+(?:with|for|from|of|mit|in)\b[^.;:]*?|\s+(?!(?:"
    rf"{_TRUST_WORDS}|tokens?|subject|and|or|of)\b)[^\s.;]+)?\s+(?:{_USER_ABSENT}|failed)\b"
    rf"|{_SENTENCE_START}(?:unknown|inactive|locked|invalid|disabled|expired) {_ACCOUNT}\b"
    rf"|{_SENTENCE_START}no (?:\w+ ){{0,2}}(?:user|account)\b[^.;]*\b(?:found|exists?|mapped|assigned)\b"
    rf"|{_SENTENCE_START}no (?:user )?mapping\b[^.;]*\b(?:user|name ?id|e-?mail|subject)\b"
    rf"|{_SENTENCE_START}(?:multiple|several|more than one) users?\b"
    r"|\b(?:cannot|could not|unable to|failed to) (?:find|map|resolve|determine|identify|locate|load) "
    rf"{_ARTICLES}(?:user|account|name ?id)\b",
    re.IGNORECASE,
)
_NO_CLIENT: Final = (
    r"(?:(?:is|was|are|has been|has|does|do|could) )?(?:not (?:been |be )?(?:found|exist|known|registered|valid|"
    r"allowed|authori[sz]ed|permitted|active|enabled|authenticated)|unknown|invalid|locked|inactive|disabled|expired|revoked|"
    r"wrong|incorrect|missing|failed)"
)
_BAD_CLIENT: Final = re.compile(
    r"\b(?:bad|missing|wrong|invalid) (?:client[ _-]?)?(?:credentials|secret)\b"
    r"|\b(?:unknown|invalid|no|missing|bad) client\b|\b(?:unable|failed) to authenticate (?:the )?client\b"
    rf"|{_SENTENCE_START}{_ARTICLES}client(?:[ _-]?(?:id|identifier|secret|credentials|authentication|certificate))?"
    r"(?: with\b[^.;:]*?)?"
    rf"(?: (?!(?:assertion|is|was|not)\b)[^\s.;]+)?\s+{_NO_CLIENT}\b"
    r"|\b(?:unauthori[sz]ed|unsupported|unknown|invalid) (?:grant[ _]type|API key)\b"
    rf"|\b(?:grant[ _]type|API key)(?: [^\s.;]+)?\s+{_NO_CLIENT}\b",
    re.IGNORECASE,
)
_BAD_SCOPE: Final = re.compile(
    r"\binvalid scopes?\b|\bvalid scope name\b|\brequested scopes\b|\bscopes? (?:NAME )?(?:is|are) (?:not |in)",
    re.IGNORECASE,
)
_USER_CAUSE: Final = "the target does not know the user, or does not let the user in"
_CLIENT_CAUSE: Final = "the target does not accept the client, or the secret, of the destination"
_SCOPE_CAUSE: Final = "the target does not give the scope that the destination asks for"

_HOST_NAME: Final = re.compile(
    r"(?<![\w./-])[A-Za-z][\w-]*(?:\.[a-z0-9_][\w-]*)+(?:/[\w./-]*)?(?!\w)(?<!Exception)(?<!Error)", re.ASCII
)
"""A host, or an issuer that is called like one; classes of Java have a capital."""


def is_target_rejection(error: str) -> bool:
    """Whether a target has answered, and with a refusal of the assertion.

    A time-out, a 5xx, a failure of TLS or of the connection, a firewall's page, a refusal of the client, the scope or
    the user, and every text that is not known, are none.
    """
    return _classify(error) is True


def other_cause(error: str) -> str | None:
    """Tell what a target has refused that is not about the certificate; None if it has not, or nobody can tell."""
    cause = _classify(error)
    return cause if isinstance(cause, str) else None


def _classify(error: str) -> bool | str:
    """Tell whether it is a refusal, or of what else it is one."""
    answer = parse_target_answer(error)
    if _USERINFO.search(answer.rest) or any(map(_is_transient, answer.statuses)):
        return False
    if answer.code:
        return _classify_code(answer)
    if _is_firewall_page(answer) or _SERVER_DOWN.search(answer.rest):
        return False
    if answer.statuses:
        return bool(answer.statuses & _REJECTING_STATUSES) and (_other_cause(answer.rest) or True)
    about = _NO_USER.search(answer.rest) or _UNKNOWN_SIGNER.search(answer.rest)
    around = answer.rest if about is None else f"{answer.rest[: about.start()]} {answer.rest[about.end() :]}"
    if _TRANSPORT.search(_HOST_NAME.sub("NAME", around)) or (
        about is None and _TARGET_RESPONSE.search(answer.rest) is None
    ):
        return False
    return _other_cause(answer.rest) or True


def _classify_code(answer: TargetAnswer) -> bool | str:
    if answer.code in _TRANSIENT_CODES:
        return False
    if answer.code in _CLIENT_CODES:
        return _USER_CAUSE if _NO_USER.search(answer.description) else _CLIENT_CAUSE
    if answer.code == _SCOPE_CODE:
        return _SCOPE_CAUSE
    return _other_cause(answer.description) or True


def _other_cause(text: str) -> str | None:
    causes = ((_BAD_SCOPE, _SCOPE_CAUSE), (_NO_USER, _USER_CAUSE), (_BAD_CLIENT, _CLIENT_CAUSE))
    return next((cause for pattern, cause in causes if pattern.search(text)), None)


def _is_firewall_page(answer: TargetAnswer) -> bool:
    """A page is no answer of a token service; one that asks to log on may be the target's own."""
    is_page = _PAGE.search(answer.rest) is not None and HTTPStatus.UNAUTHORIZED not in answer.statuses
    return is_page or FIREWALL.search(answer.rest) is not None


def _is_transient(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUSES
