"""Words of errors without structure: about users, clients, scopes, servers, transport and trust.

Each expression was made for texts of real servers; the tests quote them. Data alone: `rejection` says what follows.
"""

from __future__ import annotations

import re
from typing import Final

USERINFO: Final = re.compile(r"(?:/|\bthe )userinfo\b", re.IGNORECASE)
"""The service asks the user's own token service about the user, before it asks the target."""
PAGE: Final = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|h[1-6]|center|script|style|meta)\b", re.IGNORECASE
)
SERVER_DOWN: Final = re.compile(
    r"\bserver[ _]?error\b|\bbad[ _]gateway\b|\bgateway[ _]time|\bservice[ _]unavailable\b"
    r"|\bno healthy upstream\b|\bupstream (?:connect|request|server|service|error|time|unavail|is |was )"
    r"|\bbackend (?:connect|request|server|service|error|fetch|fail|time|unavail|down|is |was )"
    r"|\bcannot be reached\b|\b(?:application|service|server|system|host) (?:\w+ ){0,2}not (?:available|reachable)\b"
    r"|\bplain http request\b|\bSSL certificate\b|\bcookie too large\b"
    r"|\brate[ _]limit|\bquota (?:exceed|violat|limit|reach|exhaust)|\bapplication error\b|\btime[d ]?[ -]?out\b",
    re.IGNORECASE,
)
"""Words of a broken server, or of a broken proxy in front of it."""
_TRUST_WORDS: Final = r"issuers?|assertions?|signatures?|certificates?|identity[ -]?providers?|idps?|trust|signer|alias"
TRANSPORT: Final = re.compile(
    r"time[d ]?[ -]?out|\b(?:SSL|TLS)|handshake|PKIX|connect(?:ion|\b)|unreachable|unknown ?host|resol(?:ve|ution)"
    r"|\bDNS\b|\bsocket|\breset\b|\bproxy|\bno route\b|unavailable|overload|maintenance|too many|temporar|\bbusy\b"
    r"|\bcertification path\b|\bfatal alert\b|\b\w*certificate_\w+|\b\w+_certificate\b|\bcertificate verif"
    r"|(?:Validator|Certificate\w*|CertPath\w*)Exception|\bsubject alternative\b|\btrust ?anchors?\b|\bhost ?name\b"
    r"|\bunable to get\b",
    re.IGNORECASE,
)
# "Unable to resolve the issuer's host" is about DNS.
_ADDRESSES: Final = r"(?:'s)? (?:certificates?|host(?:[ -]?name)?|address|URL|server|DNS)\b"
_SIGNERS: Final = rf"(?:issuers?(?!{_ADDRESSES})|identity[ -]?providers?|idps?|assertions?|signatures?|alias)"
_FILLERS: Final = r"(?:(?:the|an?|any|its|your|saml2?|trusted|signing|token|assertion)\s+)*"
UNKNOWN_SIGNER: Final = re.compile(
    r"\b(?:(?:unable|failed|not able) to|cannot|can't|could not|couldn't) "
    rf"(?:resolve|verify|validate|find|determine|identify|trust|map)\s+{_FILLERS}"
    rf"(?:(?:entity[ -]?id|name|key)s? (?:of|for) {_FILLERS})?{_SIGNERS}\b"
    rf"|\b{_SIGNERS}\b(?: NAME)? (?:cannot|could not|is unable to|failed to) be "
    r"(?:resolved|verified|validated|trusted|determined)\b"
    r"|\bno (?:\w+ ){0,2}(?:issuer|identity[ -]?provider|idp)\b(?: NAME)? (?:was |is )?(?:found|known|trusted)\b",
    re.IGNORECASE,
)
"""A target to which the signer of the assertion is unknown: in words that TLS uses for other things only."""
TARGET_RESPONSE: Final = re.compile(
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
NO_USER: Final = re.compile(
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
BAD_CLIENT: Final = re.compile(
    r"\b(?:bad|missing|wrong|invalid) (?:client[ _-]?)?(?:credentials|secret)\b"
    r"|\b(?:unknown|invalid|no|missing|bad) client\b|\b(?:unable|failed) to authenticate (?:the )?client\b"
    rf"|{_SENTENCE_START}{_ARTICLES}client(?:[ _-]?(?:id|identifier|secret|credentials|authentication|certificate))?"
    r"(?: with\b[^.;:]*?)?"
    rf"(?: (?!(?:assertion|is|was|not)\b)[^\s.;]+)?\s+{_NO_CLIENT}\b"
    r"|\b(?:unauthori[sz]ed|unsupported|unknown|invalid) (?:grant[ _]type|API key)\b"
    rf"|\b(?:grant[ _]type|API key)(?: [^\s.;]+)?\s+{_NO_CLIENT}\b",
    re.IGNORECASE,
)
BAD_SCOPE: Final = re.compile(
    r"\binvalid scopes?\b|\bvalid scope name\b|\brequested scopes\b|\bscopes? (?:NAME )?(?:is|are) (?:not |in)",
    re.IGNORECASE,
)
HOST_NAME: Final = re.compile(
    r"(?<![\w./-])[A-Za-z][\w-]*(?:\.[a-z0-9_][\w-]*)+(?:/[\w./-]*)?(?!\w)(?<!Exception)(?<!Error)", re.ASCII
)
"""A host, or an issuer that is called like one; classes of Java have a capital."""
