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
_NESTED: Final = 4
"""How deep an answer within an answer is looked for: services pass on what they got as a text, or in a field."""

_REFUSING: Final = frozenset({"invalid_grant", "invalid_request", "access_denied", "unauthorized"})
"""Codes of a server that does not take the assertion; the last one is XSUAA's."""
_OF_THE_CLIENT: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
_PASSING_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_SCOPE: Final = "invalid_scope"
_CODES: Final = _REFUSING | _OF_THE_CLIENT | _PASSING_CODES | {_SCOPE}
_CODE_NAMES: Final = frozenset({"error", "errorcode", "code", "errortype", "type"})
_SENTENCE_NAMES: Final = ("errordescription", "errormessage", "description", "message", "detail")
"""Names of the two fields of an OAuth error, and what gateways call them, in small letters alone."""
_FIELD: Final = re.compile(r"\berror\\*[\"']?\s*[:=>]\s*\\*[\"']?([a-z_]+)", re.IGNORECASE)
_SENTENCE: Final = re.compile(
    r"\berror_description\\*[\"']?\s*[:=>]\s*(?:\\*\"([^\"]*)\"?|'(.*?)(?:'\s*[,}\])]|'?\s*$)|([^&<]*))",
    re.IGNORECASE | re.DOTALL,
)
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
_PAGE: Final = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|h[1-6]|center|script|style|meta)\b", re.IGNORECASE
)
_BLOCKED: Final = re.compile(
    r"\b(?:request|access|page|traffic|location|country|ip|address|you)\b[^.:;]{0,30}\bblocked\b"
    r"|\brequest (?:\w+ ){0,2}rejected\b(?!.*\b(?:assertion|issuer|signature|saml)\b)"
    r"|(?:^|[.:;]\s*)blocked\b|\bblocked (?:by|due|because)\b|\bforbidden by\b|\badministrative rules?\b"
    r"|\b(?:allow|white|deny|black|block)[- ]?list(?:ed)?\b|\bIP address\b|\b(?:ro)?bots?\b|\bautomation tools?\b"
    r"|\bpermission to (?:access|get URL)\b|\bRBAC\b|\bunauthorized activity\b|\bour services aren't available\b"
    r"|\brequest unsuccessful\b|\brequested url was rejected\b|\bcould not be satisfied\b"
    r"|\baccess denied\b.*\breference\b|\breference\s*(?:#|id\b)|\b(?:support|incident|attack|event|block|ray)[ _]?id\b"
    r"|\battention required\b|\berror(?: code)?:? 10\d\d\b|\bsecurity rules?\b|\bcaptcha\b"
    r"|\b(?:web application )?firewall\b|\bWAF\b"
    r"|(?<![\w.-])(?:akamai|cloudflare|cloudfront|imperva|incapsula|sucuri|fortiweb|barracuda|zscaler"
    r"|big-?ip|mod_?security|microsoft-azure-application-gateway)"
    r"(?![\w-])",
    re.IGNORECASE | re.DOTALL,
)
"""What a web firewall says in a target's place."""
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
    r"certificate|error|locked|inactive|disabled|deactivated|deleted|existiert|ist|mapping|"
    r"exists?|found|mapped|failed|validity|assertions?|signatures?|issuers?|trust|identity|tokens?|host|address|url|server|dns"
)
_DOTTED: Final = re.compile(
    r"(?<![\w./-])[A-Za-z][\w-]*(?:\.[a-z0-9_][\w-]*)+(?:/[\w./-]*)?(?!\w)(?<!Exception)(?<!Error)", re.ASCII
)
"""A host, or an issuer that is called like one; classes of Java have a capital."""
_LABELLED: Final = re.compile(
    rf"\b((?:{_LABELS})\s*[:=]\s*|(?:alias|issuer|idp|user)\s+(?:(?:with )?(?:name|id)\s+)?"
    rf"(?!(?:{_WORDS})\b(?![-.])))(?!NAME\b)[^\s,;)\]}}]+",
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
    if _TRANSPORT.search(_DOTTED.sub("NAME", around)) or (about is None and _ANSWER.search(said.rest) is None):
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
    causes = ((_BAD_SCOPE, _SCOPES), (_NO_USER, _USER), (_BAD_CLIENT, _CLIENT))
    return next((cause for pattern, cause in causes if pattern.search(text)), None)


def _is_of_a_firewall(said: _Said) -> bool:
    """A page is no answer of a token service; one that asks to log on may be the target's own."""
    is_page = _PAGE.search(said.rest) is not None and HTTPStatus.UNAUTHORIZED not in said.statuses
    return is_page or _BLOCKED.search(said.rest) is not None


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING


def _taken_apart(text: str) -> _Said:
    """Read the answer wherever it stands: what says an OAuth error wins over what is around it."""
    return _of_objects(text) or _of_text(text)


def _of_objects(text: str) -> _Said | None:
    """Read the first object in a text, its quotation marks escaped or not; None if there is none."""
    for _ in range(_NESTED):
        for start, end, found in _objects(text):
            return _of_object(found, f"{text[:start]} {text[end:]}")
        text = re.sub(r'\\+(["\\])', r"\1", text)
    return None


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Find the outermost JSON objects in a text."""
    decoder, position = json.JSONDecoder(strict=False), 0
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
    """Read the OAuth error in an object, or in what it holds; without one, all of its texts."""
    for each in _within(found, _NESTED):
        if code := _code_of(each):
            numbers = (text for inner in _within(found, _NESTED) for text in _texts(inner, numbers_only=True))
            return _said(code, _description_of(each), f"{around} {'; '.join(numbers)}")
    inner = "; ".join(text for each in _within(found, _NESTED) for text in _texts(each))
    code, bare = "", _BARE.search(_unnamed(inner))
    if bare is not None:
        code = bare[1].lower()
    return _said(code, inner if code else "", f"{around} {inner}")


def _within(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """List an object and those in it, also where one is a text."""
    if not depth:
        return
    if isinstance(value, str) and "{" in value:
        for _, _, found in _objects(value):
            yield from _within(found, depth - 1)
    elif isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _within(each, depth - 1)
    elif isinstance(value, list):
        for each in value:
            yield from _within(each, depth - 1)


def _code_of(found: dict[str, Any]) -> str:
    """Take the OAuth error. One whose field is a phrase of HTTP ("Unauthorized") is told by its status."""
    fields = {_plain(name): value for name, value in found.items()}
    for name in _CODE_NAMES:
        value = fields.get(name)
        if isinstance(value, str) and value.lower() in _CODES:
            is_phrase = value == "Unauthorized" and "errordescription" not in fields
            if not is_phrase:
                return value.lower()
    return ""


def _description_of(found: dict[str, Any]) -> str:
    fields = {_plain(name): value for name, value in found.items()}
    return next((fields[name] for name in _SENTENCE_NAMES if isinstance(fields.get(name), str)), "")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _texts(found: dict[str, Any], *, numbers_only: bool = False) -> Iterator[str]:
    """List the texts of an object, each number that is a status by its name, and names that only a firewall gives."""
    for name, each in found.items():
        if re.search("(?:code|status)$", name, re.IGNORECASE) and re.match(r"[1-5]\d\d\b", str(each)):
            yield f"status {str(each)[:3]}"
        elif isinstance(each, str) and not numbers_only:
            yield each
        elif isinstance(each, list):
            yield from (text for text in each if isinstance(text, str) and not numbers_only)
        if _BLOCKED.search(name):
            yield name


def _of_text(text: str) -> _Said:
    """Read a text that holds no whole object: a form, the beginning of an object, a word."""
    field, sentence = _FIELD.search(text), _SENTENCE.search(text)
    if field is not None and field[1].lower() in _CODES:
        described = "" if sentence is None else next(filter(None, sentence.groups()), "")
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
