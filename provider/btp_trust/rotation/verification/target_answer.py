"""A target's answer in what the service reports: the OAuth error, its sentence, statuses, and all else without names.

The service's sentence may hold the answer as JSON, escaped and wrapped more than once, as a form, or as a text. Names
are replaced, because an issuer, an alias or a URL may be called anything. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct

from btp_trust.parsing.text_decoding import unescape_html

OAUTH_ERRORS: Final = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""OAuth errors (RFC 6749, 4.1.2.1 and 5.2), and XSUAA's `unauthorized`."""
_MAX_CHARACTERS: Final = 10_000
"""Characters that are parsed; the rest is cut off."""
_MAX_OBJECTS: Final = 20
"""Braces that are tried as the beginning of an object."""
_MAX_NESTING: Final = 4
"""How deep answers may nest: services pass on what they got as a text, or in a field."""
_CODE_NAMES: Final = ("error", "errorcode", "code", "errortype", "type")
_SENTENCE_NAMES: Final = ("errordescription", "errormessage", "description", "message", "detail")
"""Names of the two fields of an OAuth error, and those that gateways use, reduced to small letters."""
_FIELD: Final = re.compile(r"\berror\\*[\"']?\s*[:=>]\s*\\*[\"']?([a-z_]+)", re.IGNORECASE)
_SENTENCE: Final = re.compile(
    r"\berror_description\\*[\"']?\s*[:=>]\s*(?:\\*\"([^\"]*)\"?|'(.*?)(?:'\s*[,}\])]|'?\s*$)|([^&<]*))",
    re.IGNORECASE | re.DOTALL,
)
# `unauthorized` is left out, as it is the phrase of HTTP's 401, too.
_BARE_CODE: Final = re.compile(rf"\b({'|'.join(sorted(OAUTH_ERRORS - {'unauthorized'}))})\b", re.IGNORECASE)
_STATUS: Final = re.compile(
    r"\b(?:status(?:[ _-]?code)?|response[ _-]?code|HTTP(?:/\d(?:\.\d)?)?|code)\\?[\"']?\s*(?:was|is|of|with|:|=)?\s*"
    r"\\?[\"']?([1-5]\d\d)\b",
    re.IGNORECASE,
)
_PHRASES: Final = "|".join(
    re.escape(status.phrase).replace("\\ ", "[ _]") for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST
)
_STATUS_PHRASE: Final = re.compile(rf"\b([45]\d\d)\W{{1,3}}(?:{_PHRASES})\b", re.IGNORECASE)
_KNOWN_STATUSES: Final = frozenset(int(status) for status in HTTPStatus)
FIREWALL: Final = re.compile(
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
"""Words of a web firewall in front of the target."""
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
# A number of three digits in quotes may be a status.
_QUOTED: Final = re.compile(
    r"(?<!\w)(?:'(?!\d{3}')[^']*'|\"(?!\d{3}\")[^\"]*\"|‘[^’]*’|“[^”]*”|`[^`]*`)(?!\w)(?!\s*[:=])",  # noqa: RUF001
)
_LABELS: Final = (
    r"alias|issuer|origin(?:[ _]?key)?|zone|client(?:[ _]id)?|destination|system|audience|recipient|tenant|subaccount"
    r"|entity(?: ?id)?|provider|idp|subject|name ?id|user(?:[ _]?(?:name|id))?|host(?:name)?|app(?:lication)?"
)
_NOT_NAMES: Final = (
    r"is|was|are|has|had|does|did|do|could|cannot|can|must|may|should|will|would|not|and|or|but|of|for|in|on|at|by|to|"
    r"from|with|the|an?|that|which|who|no|unknown|missing|invalid|mismatch|names?|id|account|authentication|credentials|"
    r"certificate|error|locked|inactive|disabled|deactivated|deleted|existiert|ist|mapping|"
    r"exists?|found|mapped|failed|validity|assertions?|signatures?|issuers?|trust|identity|tokens?|host|address|url|server|dns"
)
_LABELLED: Final = re.compile(
    rf"\b((?:{_LABELS})\s*[:=]\s*|(?:alias|issuer|idp|user)\s+(?:(?:with )?(?:name|id)\s+)?"
    rf"(?!(?:{_NOT_NAMES})\b(?![-.])))(?!NAME\b)[^\s,;)\]}}]+",
    re.IGNORECASE,
)
"""A name after its label."""
_QUOTED_RESPONSE: Final = re.compile(r"(\bResponse was:\s*)\\?\"(.*?)\\?\"\s*$", re.IGNORECASE | re.DOTALL)
"""An answer that is one JSON string."""


class TargetAnswer(Struct, frozen=True):
    """Parts of an error."""

    code: str
    """The OAuth error; empty without one."""
    description: str
    """The description of the OAuth error, without names."""
    rest: str
    """The other texts, without names."""
    statuses: frozenset[int]
    """4xx and 5xx in `rest`."""


def parse_target_answer(error: str) -> TargetAnswer:
    """Parse the answer in an error. An OAuth error wins over the text around it."""
    # XML and pages escape the quotation marks of an object.
    text = unescape_html(error[:_MAX_CHARACTERS])
    return _parse_objects(text) or _parse_text(text)


def _parse_objects(text: str) -> TargetAnswer | None:
    """Parse the first object in a text, its quotation marks escaped or plain; None for a text without objects."""
    for _ in range(_MAX_NESTING):
        for start, end, fields in _find_objects(text):
            return _parse_object(fields, f"{text[:start]} {text[end:]}")
        # An object in a text has its quotation marks escaped; one in a text in a text, twice.
        text = re.sub(r'\\+(["\\])', r"\1", text)
    return None


def _find_objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Find the outermost JSON objects in a text."""
    # Not strict: servers put line breaks into strings.
    decoder, position = json.JSONDecoder(strict=False), 0
    for _ in range(_MAX_OBJECTS):
        if (start := text.find("{", position)) < 0:
            return
        try:
            fields, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):  # the latter for very deep nesting
            position = start + 1
            continue
        yield start, position, fields


def _parse_object(outermost: dict[str, Any], surrounding_text: str) -> TargetAnswer:
    """Parse the OAuth error in an object or in a nested one; without an OAuth error, join all texts."""
    for fields in _nested_objects(outermost, _MAX_NESTING):
        if code := _code_of(fields):
            # Fields alone: a status in the words of a description may be a quotation.
            statuses = (
                text
                for nested in _nested_objects(outermost, _MAX_NESTING)
                for text in _texts(nested, numbers_only=True)
            )
            return _create_answer(code, _description_of(fields), f"{surrounding_text} {'; '.join(statuses)}")
    inner = "; ".join(text for fields in _nested_objects(outermost, _MAX_NESTING) for text in _texts(fields))
    code, bare = "", _BARE_CODE.search(_without_names(inner))
    if bare is not None:
        code = bare[1].lower()
    return _create_answer(code, inner if code else "", f"{surrounding_text} {inner}")


def _nested_objects(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """List an object and the nested ones, which may be JSON within a string."""
    if not depth:
        return
    if isinstance(value, str) and "{" in value:
        for _, _, fields in _find_objects(value):
            yield from _nested_objects(fields, depth - 1)
    elif isinstance(value, dict):
        yield value
        for nested in value.values():
            yield from _nested_objects(nested, depth - 1)
    elif isinstance(value, list):
        for nested in value:
            yield from _nested_objects(nested, depth - 1)


def _code_of(fields: dict[str, Any]) -> str:
    """Return the OAuth error, or an empty string.

    An error of Spring has the phrase of its HTTP status, "Unauthorized", in the field `error`: there the status counts.
    """
    by_letters = {_letters_only(name): value for name, value in fields.items()}
    for name in _CODE_NAMES:
        value = by_letters.get(name)
        if isinstance(value, str) and value.lower() in OAUTH_ERRORS:
            is_phrase = value == "Unauthorized" and "errordescription" not in by_letters
            if not is_phrase:
                return value.lower()
    return ""


def _description_of(fields: dict[str, Any]) -> str:
    by_letters = {_letters_only(name): value for name, value in fields.items()}
    return next((by_letters[name] for name in _SENTENCE_NAMES if isinstance(by_letters.get(name), str)), "")


def _letters_only(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _texts(fields: dict[str, Any], *, numbers_only: bool = False) -> Iterator[str]:
    """List the texts of an object, the numbers in fields of a status, and names of fields that only firewalls use."""
    for name, value in fields.items():
        if re.search("(?:code|status)$", name, re.IGNORECASE) and re.match(r"[1-5]\d\d\b", str(value)):
            yield f"status {str(value)[:3]}"
        elif isinstance(value, str) and not numbers_only:
            yield value
        elif isinstance(value, list):
            yield from (text for text in value if isinstance(text, str) and not numbers_only)
        if FIREWALL.search(name):
            yield name


def _parse_text(text: str) -> TargetAnswer:
    """Parse a text without a whole object: a form, the beginning of an object, a word."""
    field, sentence = _FIELD.search(text), _SENTENCE.search(text)
    if field is not None and field[1].lower() in OAUTH_ERRORS:
        described = "" if sentence is None else next(filter(None, sentence.groups()), "")
        # A status in the description may be a quotation.
        rest = text.replace(described, " ") if described else text
        return _create_answer(field[1].lower(), described, rest)
    unnamed = _without_names(text)
    bare = _BARE_CODE.search(unnamed)
    return _create_answer("" if bare is None else bare[1].lower(), unnamed, text)


def _create_answer(code: str, description: str, rest: str) -> TargetAnswer:
    # An issuer called "upstream-shop" must read like any other.
    unnamed = _without_names(rest)
    statuses = {int(number) for pattern in (_STATUS, _STATUS_PHRASE) for number in pattern.findall(unnamed)}
    # Other numbers may be ports, such as 443.
    failed = frozenset(number for number in statuses if number >= HTTPStatus.BAD_REQUEST and _is_status(number))
    return TargetAnswer(code, _without_names(description), unnamed, failed)


def _without_names(text: str) -> str:
    """Replace what may be a name: a text in quotes, a URL, or the word after a label."""
    # First: in quotes, the whole answer would count as a name.
    text = _QUOTED_RESPONSE.sub(r"\1\2", text)
    # `/userinfo` is what shows the user's own token service.
    text = _URL.sub(lambda url: "/userinfo" if url[0].endswith("/userinfo") else "NAME", text)
    text = _QUOTED.sub("NAME", text)
    return _LABELLED.sub(r"\1NAME", text)


def _is_status(number: int) -> bool:
    # Proxies have 5xx of their own: 509 for a used up bandwidth, 520 to 530 of Cloudflare.
    return number in _KNOWN_STATUSES or number >= HTTPStatus.INTERNAL_SERVER_ERROR
