"""Whether an error that the service reports is a target's refusal: only that is a reason to swap back.

The service answers 200 when it got no token, with one sentence of its own and sometimes the target's answer in it. The
sentences are not documented, so what is not recognised is no refusal. Structure decides first: an OAuth error (RFC
6749), then a status. Words count only where neither tells, and never those of a name: an issuer, an alias or a URL may
be called anything. A refusal says that a target refused, not why: one sentence of a real server has many causes.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

_READ: Final = 10_000
"""Characters that are looked at."""
_OBJECTS: Final = 20
"""Braces that are tried as the beginning of an object."""

_REFUSING: Final = frozenset({"invalid_grant", "invalid_request", "access_denied", "unauthorized"})
"""Codes of a server that does not take the assertion; the last one is XSUAA's."""
_OF_THE_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
_PASSING_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_SCOPE: Final = "invalid_scope"
_CODES: Final = _REFUSING | _OF_THE_CLIENT | _PASSING_CODES | {_SCOPE}
_FIELD: Final = re.compile(r"\berror\\?[\"']?\s*[:=]\s*\\?[\"']?([a-z_]+)", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"\berror_description\\?[\"']?\s*[:=]\s*(?:\\?\"([^\"]*)\"?|([^&]*))", re.IGNORECASE)
_BARE: Final = re.compile(rf"\b({'|'.join(sorted(_CODES - {'unauthorized'}))})\b", re.IGNORECASE)

_STATUS: Final = re.compile(
    r"\b(?:status(?:[ _-]?code)?|response[ _-]?code|HTTP(?:/\d(?:\.\d)?)?|code)\\?[\"']?\s*(?:was|is|of|with|:|=)?\s*"
    r"\\?[\"']?([1-5]\d\d)\b",
    re.IGNORECASE,
)
_PHRASES: Final = "|".join(
    re.escape(status.phrase).replace("\\ ", "[ _]") for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST
)
_PHRASE: Final = re.compile(rf"\b([45]\d\d)\W{{1,3}}(?:{_PHRASES})\b", re.IGNORECASE)
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
_VALID: Final = frozenset(int(status) for status in HTTPStatus)

_OF_THE_USERS_SERVICE: Final = re.compile(r"(?:/|\bthe )userinfo\b", re.IGNORECASE)
"""The service asks the user's own token service about the user, before it asks the target."""
_PAGE: Final = re.compile(r"<\s*(?:!doctype\s+html|html|head|body|title|h1|center)\b", re.IGNORECASE)
_BLOCKED: Final = re.compile(
    r"\brequest (?:\w+ )?(?:blocked|rejected)\b|\b(?:web ?page|access|you have been) blocked\b"
    r"|\brequest unsuccessful\b|\brequested url was rejected\b|\bcould not be satisfied\b"
    r"|\baccess denied\b.*\breference\b|\breference\s*(?:#|id\b)|\b(?:support|incident|attack|event|block|ray)[ _]id\b"
    r"|\battention required\b|\berror(?: code)?:? 10\d\d\b|\bsecurity rules?\b|\bcaptcha\b"
    r"|\b(?:web application )?firewall\b|\bWAF\b"
    r"|(?<![\w.-])(?:akamai|cloudflare|cloudfront|imperva|incapsula|sucuri|fortiweb|barracuda|big-?ip|mod_?security)"
    r"(?![\w-])",
    re.IGNORECASE | re.DOTALL,
)
"""What a web firewall says in a target's place."""
_DOWN: Final = re.compile(
    r"\bserver[ _]?error\b|\bbad[ _]gateway\b|\bgateway[ _]time|\bservice[ _]unavailable\b"
    r"|\bno healthy upstream\b|\bupstream (?:connect|request|server|service|error|time|unavail|is |was )"
    r"|\bbackend (?:connect|request|server|service|error|fetch|fail|time|unavail|down|is |was )"
    r"|\brate[ _]limit|\bquota (?:exceed|violat|limit|reach|exhaust)|\bapplication error\b|\btime[d ]?[ -]?out\b",
    re.IGNORECASE,
)
"""Words of a server, or of one in front of it, that does not work."""
_OF_TRUST: Final = r"issuers?|assertions?|signatures?|certificates?|identity[ -]?providers?|idps?|trust|signer|alias"
_TRANSPORT: Final = re.compile(
    r"time[d ]?[ -]?out|\b(?:SSL|TLS)|handshake|PKIX|connect(?:ion|\b)|unreachable|unknown ?host|resol(?:ve|ution)"
    r"|\bDNS\b|\bsocket|\breset\b|\bproxy|\bno route\b|unavailable|overload|maintenance|too many|temporar|\bbusy\b"
    r"|\bcertification path\b",
    re.IGNORECASE,
)
_SIGNERS: Final = r"(?:issuers?(?! certificate)|identity[ -]?providers?|idps?|assertions?|signatures?|alias)"
_FILLERS: Final = r"(?:(?:the|an?|any|its|your|saml2?|trusted|signing)\s+)*"
_UNABLE: Final = re.compile(
    r"\b(?:(?:unable|failed|not able) to|cannot|can't|could not|couldn't) "
    rf"(?:resolve|verify|validate|find|determine|identify|trust|map)\s+{_FILLERS}{_SIGNERS}\b"
    rf"|\b{_SIGNERS}\b(?: NAME)? (?:cannot|could not) be (?:resolved|verified|validated|trusted|determined)\b"
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

_STARTS: Final = r"(?:^|[.;:!?\[({]\s*|\bwas:\s*)"
_ABSENT: Final = (
    r"(?:(?:does|did|do) not|doesn't|didn't) exist"
    r"|(?:(?:is|was|has|could|can) )?not (?:been |be )?(?:found|known|mapped)"
    r"|cannot be (?:found|mapped)|(?:is |was |has been )?(?:unknown|locked|inactive|disabled|deactivated|deleted)"
    r"|existiert nicht|(?:ist )?(?:unbekannt|gesperrt|nicht (?:gefunden|bekannt|vorhanden))"
)
_NO_USER: Final = re.compile(
    rf"{_STARTS}(?:(?:the|an?|this|saml|shadow|business|requested|corresponding|der|ein)\s+)*(?:user|benutzer)\b"
    r"(?:[ _-]?(?:name|id|account))?(?:\s+(?:with|for|mit)\b[^.;:]*?|\s+(?!(?:"
    rf"{_OF_TRUST}|tokens?|subject|and|or|of)\b)[^\s.;]+)?\s+(?:{_ABSENT})\b"
    rf"|{_STARTS}(?:unknown|inactive|locked) user\b"
    rf"|{_STARTS}no (?:\w+ ){{0,2}}user\b[^.;]*\b(?:found|exists?|mapped|assigned)\b"
    r"|\b(?:cannot|could not|unable to|failed to) (?:find|map|resolve|determine|identify) "
    r"(?:(?:the|an?|any|saml|corresponding)\s+)*user\b",
    re.IGNORECASE,
)
_BAD_CLIENT: Final = re.compile(
    r"\bbad (?:client )?credentials\b|\bclient authentication (?:has )?failed\b|\b(?:unknown|invalid) client\b"
    r"|\bclient (?:with (?:requested )?id )?(?:\S+ )?does not exist\b",
    re.IGNORECASE,
)
_BAD_SCOPE: Final = re.compile(
    r"\binvalid scopes?\b|\bvalid scope name\b|\brequested scopes\b|\bscopes? (?:NAME )?(?:is|are) (?:not |in)",
    re.IGNORECASE,
)
_USER: Final = "the target does not know the user, or does not let the user in"
_CLIENT: Final = "the target does not accept the client, or the secret, of the destination"
_SCOPES: Final = "the target does not give the scope that the destination asks for"

_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_QUOTED: Final = re.compile(
    r"(?<!\w)(?:'(?!\d{3}')[^']*'|\"(?!\d{3}\")[^\"]*\"|‘[^’]*’|“[^”]*”|`[^`]*`)(?!\w)(?!\s*[:=])",  # noqa: RUF001
)
_LABELS: Final = (
    r"alias|issuer|origin(?:[ _]?key)?|zone|client(?:[ _]id)?|destination|system|audience|recipient|tenant|subaccount"
    r"|entity(?: ?id)?|provider|idp|subject|name ?id|user(?:[ _]?(?:name|id))?|host(?:name)?|app(?:lication)?"
)
_WORDS: Final = (
    r"is|was|are|has|had|does|did|do|could|cannot|can|must|may|should|will|would|not|and|or|but|of|for|in|on|at|by|to|"
    r"from|with|the|an?|that|which|who|no|unknown|missing|invalid|mismatch|names?|id|account|authentication|credentials|"
    r"certificate|error|locked|inactive|disabled|deactivated|deleted|existiert|ist|mapping"
)
_LABELLED: Final = re.compile(
    rf"\b((?:{_LABELS})\s*[:=]\s*|(?:alias|issuer|idp|user)\s+(?!(?:{_WORDS})\b(?![-.])))(?!NAME\b)[^\s,;)\]}}]+",
    re.IGNORECASE,
)
"""A name, after what says that it is one."""
_WHOLE: Final = re.compile(r"(\bResponse was:\s*)\\?\"(.*?)\\?\"\s*$", re.IGNORECASE | re.DOTALL)
"""An answer that is one text in JSON."""


@dataclass(frozen=True, slots=True)
class _Said:
    """An error, taken apart."""

    code: str
    """The OAuth error; empty if none was read."""
    description: str
    """The sentence that belongs to it, without names."""
    rest: str
    """All else, without names."""
    statuses: frozenset[int]
    """4xx and 5xx, outside of names and of the sentence."""


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
    said = _taken_apart(html.unescape(error[:_READ]))
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
    if _TRANSPORT.search(around) or (about is None and _ANSWER.search(said.rest) is None):
        return False
    return _not_the_certificate(said.rest) or True


def _by_code(said: _Said) -> bool | str:
    if said.code in _PASSING_CODES:
        return False
    if said.code in _OF_THE_CLIENT:
        return _USER if _NO_USER.search(said.description) else _CLIENT
    if said.code == _SCOPE:
        return _SCOPES
    return _not_the_certificate(said.description) or True


def _not_the_certificate(text: str) -> str | None:
    causes = ((_NO_USER, _USER), (_BAD_CLIENT, _CLIENT), (_BAD_SCOPE, _SCOPES))
    return next((cause for pattern, cause in causes if pattern.search(text)), None)


def _is_of_a_firewall(said: _Said) -> bool:
    """A page is no answer of a token service; one that asks to log on may be the target's own."""
    is_page = _PAGE.search(said.rest) is not None and HTTPStatus.UNAUTHORIZED not in said.statuses
    return is_page or _BLOCKED.search(said.rest) is not None


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING


def _taken_apart(text: str) -> _Said:
    for unescaped in (text, text.replace('\\"', '"')):
        for start, end, found in _objects(unescaped):
            return _of_object(found, f"{unescaped[:start]} {unescaped[end:]}")
    return _of_text(text)


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Find the outermost JSON objects in a text."""
    decoder, position = json.JSONDecoder(), 0
    for _ in range(_OBJECTS):
        if (start := text.find("{", position)) < 0:
            return
        try:
            found, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        yield start, position, found


def _of_object(found: dict[str, Any], around: str) -> _Said:
    error = found.get("error")
    code = error.lower() if isinstance(error, str) else ""
    if code not in _CODES:
        return _said("", "", f"{around} {' '.join(_texts(found))}")
    described = found.get("error_description", found.get("message", ""))
    numbers = " ".join(_texts(found, numbers_only=True))
    return _said(code, described if isinstance(described, str) else "", f"{around} {numbers}")


def _texts(value: Any, *, numbers_only: bool = False) -> Iterator[str]:
    """List the texts in an object, and each number that is a status by its name."""
    for name, each in value.items() if isinstance(value, dict) else ():
        if re.search("(?:code|status)$", name, re.IGNORECASE) and re.fullmatch(r"[1-5]\d\d", str(each)):
            yield f"status {each}"
        elif isinstance(each, str) and not numbers_only:
            yield each
        yield from _texts(each, numbers_only=numbers_only)


def _of_text(text: str) -> _Said:
    """Read a text that holds no whole object: a form, the beginning of an object, a word."""
    field, sentence = _FIELD.search(text), _SENTENCE.search(text)
    if field is not None and field[1].lower() in _CODES:
        described = "" if sentence is None else sentence[1] or sentence[2] or ""
        rest = text.replace(described, " ") if described else text
        return _said(field[1].lower(), described, rest)
    unnamed = _unnamed(text)
    bare = _BARE.search(unnamed)
    return _said("" if bare is None else bare[1].lower(), unnamed, text)


def _said(code: str, description: str, rest: str) -> _Said:
    unnamed = _unnamed(rest)
    statuses = {int(number) for pattern in (_STATUS, _PHRASE) for number in pattern.findall(unnamed)}
    failed = frozenset(number for number in statuses if number >= HTTPStatus.BAD_REQUEST and number in _VALID)
    return _Said(code, _unnamed(description), unnamed, failed)


def _unnamed(text: str) -> str:
    """Put a word in the place of what may be a name: in quotes, a URL, or after the name of a name."""
    text = _WHOLE.sub(r"\1\2", text)
    text = _URL.sub(lambda found: "/userinfo" if found[0].endswith("/userinfo") else "NAME", text)
    text = _QUOTED.sub("NAME", text)
    return _LABELLED.sub(r"\1NAME", text)
