"""Redaction of texts from services and targets: tokens, assertions, addresses and the user's names are replaced.

A target's rejection is evidence, and it goes into messages and into the state, which others read. Redaction prefers
too much to too little: the remaining sentence is for people.

All that the user's token says of the user is replaced. A name that only the target knows is recognized by the words
around it, in English and German; in a sentence of another form it may stay.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from btp_trust.parsing.text_decoding import unescape_html
from btp_trust.parsing.urls import AFTER_SCHEME, host_and_path
from btp_trust.service.transport.bearer import jwt_payload

REDACTED: Final = "***"
MAX_LENGTH: Final = 300
"""Characters of the result."""
MAX_READ_CHARACTERS: Final = 10_000
"""Characters of a text that are read: a target may send a page."""
MAX_NESTING: Final = 4
"""Levels of escapes, or of responses within responses, that are unwrapped."""
_MIN_IDENTIFIER_LENGTH: Final = 2
"""A shorter name would be found in every text."""
_TECHNICAL_CLAIMS: Final = frozenset(
    {"iss", "aud", "scope", "cid", "client_id", "azp", "grant_type", "origin", "zid", "rev_sig", "cnf", "ext_attr"}
)
"""Claims about the client and the token, which may be shown."""
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_MARKUP: Final = re.compile(r"<[!?/A-Za-z]")
_URL: Final = re.compile(rf"(://){AFTER_SCHEME}")
_WORD: Final = re.compile(r"[^\s\"'<>(),:;=]+")
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_=-]*(?:\.[A-Za-z0-9_=-]*)*")
_ENCODED: Final = r"[A-Za-z0-9+/_=%-]{32,}"
_LONG_WORD: Final = re.compile(
    rf"(?:{_ENCODED}(?:\\[nrt]|[\r\n\t])+)*{_ENCODED}(?:(?:\\[nrt]|[\r\n\t])+[A-Za-z0-9+/_=%-]+)?"
)
"""A long word, or several lines of it: base64, or a key."""
_ACCOUNT: Final = r"user(?:[ _-]?(?:name|id|account))?|benutzer(?:name|konto|kennung)?|account|konto"
_USER: Final = rf"{_ACCOUNT}|name[ _-]?id(?:entifier)?|subject|principal|sub|e?mail|log[io]n"
_NOT_NAMES: Final = (
    "name|id|account|attributes?|authentication|authorization|claims?|context|credentials?|data|details?|exchange|"
    "groups?|info(?:rmation)?|logon|mappings?|passwords?|profiles?|propagation|roles?|sessions?|stores?|tokens?|type|"
    "is|was|has|had|does|did|can|cannot|could|may|must|shall|should|will|would|not|and|or|but|who|which|that|it|"
    "ist|war|wird|wurde|hat|kann|konnte|darf|muss|existiert|nicht|und|oder|unbekannt|gesperrt"
)
"""Words in small letters between "user" and a verb that belong to the sentence."""
_VERB: Final = (
    "is|was|has|had|does|did|can|cannot|could|locked|unknown|missing|expired|not (?:found|known|authori[sz]ed|active)|"
    "ist|war|wird|wurde|hat|kann|konnte|darf|existiert|unbekannt|gesperrt|nicht (?:gefunden|bekannt|vorhanden)"
)


@cache
def _value_patterns() -> tuple[re.Pattern[str], ...]:
    """Compile the patterns of (label, separator, value); it takes as long as a request, and only errors need them."""
    labelled_value = re.compile(
        # Three digits may stay: `code: 401` is a status.
        rf"\b((?:[a-z]+[_-])?(?:assertion|samlresponse|token|secret|password|code|{_USER}))\b"
        r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)(?!\d{3}\b)[^\s\"'\\,;&}\]]+",
        re.IGNORECASE,
    )
    subject = re.compile(
        rf"\b({_ACCOUNT})(\s+)(?!(?:{_NOT_NAMES})\s)[^\s\"'<>(),:;*]+(?=\s+(?:{_VERB})\b)", re.IGNORECASE
    )
    # The user in "no authorization for …"; authorization objects (S_RFC) and protocols may stay.
    authorization_for = re.compile(
        r"\b(authori[sz]ations?|permissions?|berechtigung(?:en)?)(\s+(?:for|f[üu]e?r)\s+)"
        r"(?!(?:RFC|ICF|OData|HTTPS?|API|(?-i:S_[A-Z_]+))\b)(?-i:(?=\S*[A-Z0-9_\\]))[^\s\"'<>(),:;]+",
        re.IGNORECASE,
    )
    quoted_name = re.compile(
        rf"\b({_USER})(\s+)(?!(?:name|id|account)\s)"
        r"(?:\\?[\"'“‘][^\"'”’]*[\"'”’]|(?-i:(?=\S*[A-Z0-9_\\]))\S+)",  # noqa: RUF001
        re.IGNORECASE,
    )
    return labelled_value, subject, authorization_for, quoted_name


def redact(text: str, user_identifiers: Collection[str] = (), secrets: Collection[str] = ()) -> str:
    """Redact a text: return one line of at most 300 characters without private data.

    Args:
        text: The text of a target or a service.
        user_identifiers: Texts to replace where they stand as words: the user's token and its claims about the user.
        secrets: Texts to replace also inside of longer words: parts of credentials.
    """
    # Truncated first, which bounds the work; then unescaped, as an escaped < begins markup too.
    text = _drop_markup(_unescape(_truncate(text)))
    # The text is unescaped by now, so a secret with escapes in it must be found in both notations.
    text = _hide_secrets(text, {notation for secret in secrets for notation in (secret, _unescape(secret))})
    # Known texts go first, as a pattern could replace a part of them and leave the rest.
    text = _hide_identifiers(text, user_identifiers)
    # URLs before words with @: host and path of `https://user@host/path` are to stay.
    text = _URL.sub(_host_and_path, text)
    text = _WORD.sub(lambda word: REDACTED if "@" in word[0] else word[0], text)
    for pattern in (_JWT, _LONG_WORD):
        text = pattern.sub(REDACTED, text)
    for pattern in _value_patterns():
        text = pattern.sub(rf"\1\2{REDACTED}", text)
    return _one_line(text)


def user_identifiers(token: str, others: Iterable[str] = ()) -> frozenset[str]:
    """List the texts that identify a user: the token, and every text in its claims about the user.

    Args:
        token: The user's token. One that is opaque stands for itself only.
        others: Further texts: a name, a password.
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
    """Keep the beginning of a long text, up to its last whole word: half a name would escape redaction."""
    return text if len(text) <= MAX_READ_CHARACTERS else text[:MAX_READ_CHARACTERS].rpartition(" ")[0]


def _unescape(text: str) -> str:
    """Undo escapes, also nested ones, so that an escaped @ is found like any other."""
    for _ in range(MAX_NESTING):
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), unquote(unescape_html(text)))
    return text


def _drop_markup(text: str) -> str:
    """Drop all from the first tag on: a page or a document may be cut off, so its end is unknown."""
    tag = _MARKUP.search(text)
    return text if tag is None else f"{text[: tag.start()]}{REDACTED}"


def _hide_identifiers(text: str, user_identifiers: Collection[str]) -> str:
    """Replace each identifier where it is a word of its own; the longest first, as it may hold a shorter one."""
    possible = (identifier for identifier in user_identifiers if len(identifier) <= len(text))
    for identifier in sorted(possible, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(identifier)}(?![A-Za-z0-9])", REDACTED, text, flags=re.IGNORECASE)
    return text


def _hide_secrets(text: str, secrets: Collection[str]) -> str:
    """Replace each secret at any place; the longest first, as it may hold a shorter one."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if _may_contain(text, secret):
            text = re.sub(re.escape(secret), REDACTED, text, flags=re.IGNORECASE)
    return text


def _may_contain(text: str, secret: str) -> bool:
    """Return False for a text that lacks the secret: to compile a pattern takes a thousand times as long."""
    # Beyond ASCII a pattern has more pairs of small and capital letters than `lower`.
    return not (text.isascii() and secret.isascii()) or secret.lower() in text.lower()


def _host_and_path(url: re.Match[str]) -> str:
    """Keep scheme, host and path of a URL; drop user, query and fragment."""
    return f"{url[1]}{host_and_path(url[2])}"


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = re.sub(r"\*\*\*(?:\s*\*+)+", REDACTED, " ".join(printable.split()))
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"
