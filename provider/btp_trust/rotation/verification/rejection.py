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

from btp_trust.rotation.verification.target_answer import FIREWALL, TargetAnswer, read_answer

_OF_THE_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
_PASSING_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_SCOPE: Final = "invalid_scope"
_REFUSING_STATUSES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Statuses about what was sent. A 404 is about the address, and many others are about a server that is busy."""
_PASSING: Final = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Statuses of a target that is busy, and says nothing about the assertion."""
_OF_THE_USERS_SERVICE: Final = re.compile(r"(?:/|\bthe )userinfo\b", re.IGNORECASE)
"""The service asks the user's own token service about the user, before it asks the target."""
_PAGE: Final = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|h[1-6]|center|script|style|meta)\b", re.IGNORECASE
)
_DOWN: Final = re.compile(
    r"\bserver[ _]?error\b|\bbad[ _]gateway\b|\bgateway[ _]time|\bservice[ _]unavailable\b"
    r"|\bno healthy upstream\b|\bupstream (?:connect|request|server|service|error|time|unavail|is |was )"
    r"|\bbackend (?:connect|request|server|service|error|fetch|fail|time|unavail|down|is |was )"
    r"|\bcannot be reached\b|\b(?:application|service|server|system|host) (?:\w+ ){0,2}not (?:available|reachable)\b"
    r"|\bplain http request\b|\bSSL certificate\b|\bcookie too large\b"
    r"|\brate[ _]limit|\bquota (?:exceed|violat|limit|reach|exhaust)|\bapplication error\b|\btime[d ]?[ -]?out\b",
    re.IGNORECASE,
)
"""Words of a server, or of one in front of it, that does not work."""
_OF_TRUST: Final = r"issuers?|assertions?|signatures?|certificates?|identity[ -]?providers?|idps?|trust|signer|alias"
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
_UNABLE: Final = re.compile(
    r"\b(?:(?:unable|failed|not able) to|cannot|can't|could not|couldn't) "
    rf"(?:resolve|verify|validate|find|determine|identify|trust|map)\s+{_FILLERS}"
    rf"(?:(?:entity[ -]?id|name|key)s? (?:of|for) {_FILLERS})?{_SIGNERS}\b"
    rf"|\b{_SIGNERS}\b(?: NAME)? (?:cannot|could not|is unable to|failed to) be "
    r"(?:resolved|verified|validated|trusted|determined)\b"
    r"|\bno (?:\w+ ){0,2}(?:issuer|identity[ -]?provider|idp)\b(?: NAME)? (?:was |is )?(?:found|known|trusted)\b",
    re.IGNORECASE,
)
"""A target that knows nobody by whom the assertion could be signed: in words that TLS has not for its certificates."""
_ANSWER: Final = re.compile(
    r"\bResponse was:.*(?:assertion|signature|\bsigned|issuer|audience|\bgrant\b|trust|certificate|subject|\buser\b"
    r"|denied|\brefus|\breject|forbidden|not allowed|unauthori[sz]ed|invalid)",
    re.IGNORECASE | re.DOTALL,
)
"""A target's own words, if they are about what it was given."""

_STARTS: Final = (
    r"(?:^|[.,;:!?\[({<>=\"]\s*|\s[-–]\s|\b(?:was|because|as|since|that|reason|exception|error|failed|failure)\b:?\s+)"  # noqa: RUF001
)
"""Where a sentence begins, or one within a sentence."""
_ARTICLES: Final = (
    r"(?:(?:the|an?|any|this|that|your|saml2?|oauth|shadow|business|dialog|technical|requested|corresponding|given|"
    r"propagated|der|die|ein|das)\s+)*"
)
_STATES: Final = (
    r"found|known|mapped|active|assigned|authori[sz]ed|allowed|permitted|registered|valid|unique|verified|resolved|"
    r"determined|identified|provisioned|enabled|in"
)
_ABSENT: Final = (
    rf"(?:(?:does|did|do) not|doesn't|didn't) (?:exist|have)"
    rf"|(?:is|was|are|has|have|could|can|must)?\s*not (?:been |be )?(?:{_STATES})"
    rf"|(?:cannot|must) be (?:{_STATES})"
    r"|(?:(?:is|was|are|has been|have been|has|have) )?(?:currently |already )?(?:unknown|locked|inactive|disabled|"
    r"deactivated|deleted|blocked|expired|missing|suspended|invalid|ambiguous)"
    r"|existiert nicht|(?:ist )?(?:unbekannt|gesperrt|inaktiv|nicht (?:gefunden|bekannt|vorhanden|aktiv))"
)
_ACCOUNT: Final = r"(?:(?:user|benutzer)(?:'s)?(?:[ _-]?(?:name|id|account|validity|mapping))?|account)"
_NO_USER: Final = re.compile(
    rf"{_STARTS}{_ARTICLES}{_ACCOUNT}\b"
    r"(?:\s+(?:with|for|from|of|mit|in)\b[^.;:]*?|\s+(?!(?:"
    rf"{_OF_TRUST}|tokens?|subject|and|or|of)\b)[^\s.;]+)?\s+(?:{_ABSENT}|failed)\b"
    rf"|{_STARTS}(?:unknown|inactive|locked|invalid|disabled|expired) {_ACCOUNT}\b"
    rf"|{_STARTS}no (?:\w+ ){{0,2}}(?:user|account)\b[^.;]*\b(?:found|exists?|mapped|assigned)\b"
    rf"|{_STARTS}no (?:user )?mapping\b[^.;]*\b(?:user|name ?id|e-?mail|subject)\b"
    rf"|{_STARTS}(?:multiple|several|more than one) users?\b"
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
    rf"|{_STARTS}{_ARTICLES}client(?:[ _-]?(?:id|identifier|secret|credentials|authentication|certificate))?"
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
_USER: Final = "the target does not know the user, or does not let the user in"
_CLIENT: Final = "the target does not accept the client, or the secret, of the destination"
_SCOPES: Final = "the target does not give the scope that the destination asks for"

_DOTTED: Final = re.compile(
    r"(?<![\w./-])[A-Za-z][\w-]*(?:\.[a-z0-9_][\w-]*)+(?:/[\w./-]*)?(?!\w)(?<!Exception)(?<!Error)", re.ASCII
)
"""A host, or an issuer that is called like one; classes of Java have a capital."""


def is_refusal(error: str) -> bool:
    """Whether a target has answered, and with a refusal of the assertion.

    A time-out, a 5xx, a failure of TLS or of the connection, a firewall's page, a refusal of the client, the scope or
    the user, and every text that is not known, are none.
    """
    return _judge(error) is True


def other_cause(error: str) -> str | None:
    """Tell what a target has refused that is not about the certificate; None if it has not, or nobody can tell."""
    cause = _judge(error)
    return cause if isinstance(cause, str) else None


def _judge(error: str) -> bool | str:
    """Tell whether it is a refusal, or of what else it is one."""
    said = read_answer(error)
    if _OF_THE_USERS_SERVICE.search(said.rest) or any(map(_is_passing, said.statuses)):
        return False
    if said.code:
        return _by_code(said)
    if _is_of_a_firewall(said) or _DOWN.search(said.rest):
        return False
    if said.statuses:
        return bool(said.statuses & _REFUSING_STATUSES) and (_not_the_certificate(said.rest) or True)
    about = _NO_USER.search(said.rest) or _UNABLE.search(said.rest)
    around = said.rest if about is None else f"{said.rest[: about.start()]} {said.rest[about.end() :]}"
    if _TRANSPORT.search(_DOTTED.sub("NAME", around)) or (about is None and _ANSWER.search(said.rest) is None):
        return False
    return _not_the_certificate(said.rest) or True


def _by_code(said: TargetAnswer) -> bool | str:
    if said.code in _PASSING_CODES:
        return False
    if said.code in _OF_THE_CLIENT:
        return _USER if _NO_USER.search(said.description) else _CLIENT
    if said.code == _SCOPE:
        return _SCOPES
    return _not_the_certificate(said.description) or True


def _not_the_certificate(text: str) -> str | None:
    causes = ((_BAD_SCOPE, _SCOPES), (_NO_USER, _USER), (_BAD_CLIENT, _CLIENT))
    return next((cause for pattern, cause in causes if pattern.search(text)), None)


def _is_of_a_firewall(said: TargetAnswer) -> bool:
    """A page is no answer of a token service; one that asks to log on may be the target's own."""
    is_page = _PAGE.search(said.rest) is not None and HTTPStatus.UNAUTHORIZED not in said.statuses
    return is_page or FIREWALL.search(said.rest) is not None


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING
