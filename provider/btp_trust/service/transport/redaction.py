"""Texts of strangers, made fit to be shown and kept: without tokens, assertions, addresses, or the user's names.

A target's refusal is evidence, and it goes into messages and into the state, which others read. What it says about
the user or repeats of the request is replaced. Better too much than too little: what remains is for people.

What is known of the user never shows. A name that only the target knows is told by the words around it, in English
and German; in a sentence that nobody thought of it may stay.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from btp_trust.service.transport.bearer import jwt_payload

MAX_LENGTH: Final = 300
"""Characters that are kept."""
REDACTED: Final = "***"
_READ: Final = 10_000
"""Characters that are looked at: a target may send a page."""
_MAX_UNESCAPES: Final = 4
"""How often escapes are undone."""
_MIN_IDENTIFIER_LENGTH: Final = 2
"""A name of one character cannot be told from any other text."""
_TECHNICAL_CLAIMS: Final = frozenset(
    {"iss", "aud", "scope", "cid", "client_id", "azp", "grant_type", "origin", "zid", "rev_sig", "cnf", "ext_attr"}
)
"""Claims that say nothing about the user."""
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKUP: Final = re.compile(r"<[!?/A-Za-z]")
_URL: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)([^\s\"'<>]*)", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\s\"'<>(),:;=]+")
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_=-]*(?:\.[A-Za-z0-9_=-]*)*")
_ENCODED: Final = r"[A-Za-z0-9+/_=%-]{32,}"
_LONG_WORD: Final = re.compile(
    rf"(?:{_ENCODED}(?:\\[nrt]|[\r\n\t])+)*{_ENCODED}(?:(?:\\[nrt]|[\r\n\t])+[A-Za-z0-9+/_=%-]+)?"
)
"""A long word, or lines of it, is base64 or a key, not language."""
_ACCOUNT: Final = r"user(?:[ _-]?(?:name|id|account))?|benutzer(?:name|konto|kennung)?|account|konto"
_USER: Final = rf"{_ACCOUNT}|name[ _-]?id(?:entifier)?|subject|principal|sub|e?mail|log[io]n"
_LABELLED_VALUE: Final = re.compile(
    rf"\b((?:[a-z]+[_-])?(?:assertion|samlresponse|token|secret|password|code|{_USER}))\b(\\?[\"']?\s*[:=]\s*\\?[\"']?)"
    r"(?!\d{3}\b)[^\s\"'\\,;&}\]]+",
    re.IGNORECASE,
)
_NOT_NAMES: Final = (
    "name|id|account|attributes?|authentication|authorization|claims?|context|credentials?|data|details?|exchange|"
    "groups?|info(?:rmation)?|logon|mappings?|passwords?|profiles?|propagation|roles?|sessions?|stores?|tokens?|type|"
    "is|was|has|had|does|did|can|cannot|could|may|must|shall|should|will|would|not|and|or|but|who|which|that|it|"
    "ist|war|wird|wurde|hat|kann|konnte|darf|muss|existiert|nicht|und|oder|unbekannt|gesperrt"
)
"""What is no name in small letters between "user" and a verb."""
_VERB: Final = (
    "is|was|has|had|does|did|can|cannot|could|locked|unknown|missing|expired|not (?:found|known|authori[sz]ed|active)|"
    "ist|war|wird|wurde|hat|kann|konnte|darf|existiert|unbekannt|gesperrt|nicht (?:gefunden|bekannt|vorhanden)"
)
_SUBJECT: Final = re.compile(
    rf"\b({_ACCOUNT})(\s+)(?!(?:{_NOT_NAMES})\s)[^\s\"'<>(),:;*]+(?=\s+(?:{_VERB})\b)", re.IGNORECASE
)
_AUTHORIZATION_FOR: Final = re.compile(
    r"\b(authori[sz]ations?|permissions?|berechtigung(?:en)?)(\s+(?:for|f[üu]e?r)\s+)"
    r"(?!(?:RFC|ICF|OData|HTTPS?|API|(?-i:S_[A-Z_]+))\b)(?-i:(?=\S*[A-Z0-9_\\]))[^\s\"'<>(),:;]+",
    re.IGNORECASE,
)
"""An authorization is missing for somebody; authorization objects (S_RFC) and protocols are nobody."""
_QUOTED_NAME: Final = re.compile(
    rf"\b({_USER})(\s+)(?!(?:name|id|account)\s)(?:\\?[\"'“‘][^\"'”’]*[\"'”’]|(?-i:(?=\S*[A-Z0-9_\\]))\S+)",  # noqa: RUF001
    re.IGNORECASE,
)


def redact(text: str, user_identifiers: Collection[str] = (), secrets: Collection[str] = ()) -> str:
    """Make a text fit to be kept: one line of at most 300 characters that tells nothing of what is private.

    Args:
        text: What a target or the service said.
        user_identifiers: What must not show, whatever else does: the user's token, and what it says about the user.
        secrets: What must not show either, inside of longer words too: what credentials are made of.
    """
    text = _drop_markup(_unescape(_truncate(text)))
    text = _hide_secrets(text, {form for secret in secrets for form in (secret, _unescape(secret))})
    text = _hide_identifiers(text, user_identifiers)
    text = _URL.sub(_host_and_path, text)
    text = _WORD.sub(lambda found: REDACTED if "@" in found[0] else found[0], text)
    for pattern in (_JWT, _LONG_WORD):
        text = pattern.sub(REDACTED, text)
    for pattern in (_LABELLED_VALUE, _SUBJECT, _AUTHORIZATION_FOR, _QUOTED_NAME):
        text = pattern.sub(rf"\1\2{REDACTED}", text)
    return _one_line(text)


def user_identifiers(token: str, others: Iterable[str] = ()) -> frozenset[str]:
    """List what must not show of a user: the token, its parts, and every text that it says about the user.

    Args:
        token: The user's token. If it is no JWT, nothing can be read from it.
        others: What is known besides: a name, a password.
    """
    texts = {token, *others, *_texts(_claims(token))}
    local_parts = {text.partition("@")[0] for text in texts if "@" in text}
    return frozenset(text for text in texts | local_parts if len(text) >= _MIN_IDENTIFIER_LENGTH)


def _claims(token: str) -> Any:
    try:
        return msgspec.json.decode(jwt_payload(token))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in _TECHNICAL_CLAIMS:
                yield from _texts(item)


def _truncate(text: str) -> str:
    """Look at the beginning of a long text only, and at no word that the cut has maimed."""
    return text if len(text) <= _READ else text[:_READ].rpartition(" ")[0]


def _unescape(text: str) -> str:
    """Undo escapes, also nested ones: an address stays one when its @ is written otherwise."""
    for _ in range(_MAX_UNESCAPES):
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), unquote(html.unescape(text)))
    return text


def _drop_markup(text: str) -> str:
    """Drop a page or a document, and what follows its first tag: it may be cut off, and its contents follow tags."""
    first = _MARKUP.search(text)
    return text if first is None else f"{text[: first.start()]}{REDACTED}"


def _hide_identifiers(text: str, user_identifiers: Collection[str]) -> str:
    """Hide what is known to be private, also inside of longer texts but not inside of longer words."""
    for known in sorted((known for known in user_identifiers if len(known) <= len(text)), key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(known)}(?![A-Za-z0-9])", REDACTED, text, flags=re.IGNORECASE)
    return text


def _hide_secrets(text: str, secrets: Collection[str]) -> str:
    """Hide each secret wherever it stands; a shorter one must not spoil a longer one that holds it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub(re.escape(secret), REDACTED, text, flags=re.IGNORECASE)
    return text


def _host_and_path(found: re.Match[str]) -> str:
    """Keep of a URL what tells the place: no user, no query, no fragment."""
    place = re.split(r"[?#]", found[2], maxsplit=1)[0]
    host, slash, path = place.partition("/")
    return f"{found[1]}{host.rpartition('@')[2]}{slash}{path}"


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = re.sub(r"\*\*\*(?:\s*\*+)+", REDACTED, " ".join(printable.split()))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"
