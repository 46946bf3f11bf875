"""URLs in texts, without what may be a secret in them: user, password, query and fragment. Pure."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "***"
_QUOTED_USER: Final = (
    r"[^\s\"'<>/@:]*:(?:\"[^\"\n]{0,200}\"@|'[^'\n]{0,200}'@|(?!\d+[\"'])[^\s\"'<>/@]*[\"'][^\s<>]{0,200}@)"
)
"""User and password with quotation marks in it; a port before one ends the URL. Bounded, so that the time is linear."""
AFTER_SCHEME: Final = rf"((?:{_QUOTED_USER})?[^\s\"'<>]*)"
"""Pattern of a URL without its scheme."""
_URL: Final = re.compile(rf"((?<=\w\w):/[\\/]*|[\\/]{{2,}}){AFTER_SCHEME}")
"""What follows a scheme, or stands without one. A path that was made of a URL has one slash; JSON may escape each."""
_PARTS: Final = re.compile(
    r"(?P<user>[^/?#@]*@)?(?P<place>(?:\[[^\]/?#@]*\]|[^/?#@:]*)(?::(?:[0-9]*|PORT))?(?:/[^?#@;]*)?)(?P<rest>[?#;][^@]*)?"
)
"""What follows the scheme; a parameter of the path may be a session. An @ elsewhere, or letters as a port, leave open
where a password ends."""
_PUNCTUATION: Final = ").,;:"
"""Ends a sentence rather than a URL."""
_ESCAPED: Final = re.compile(r"(%3A%2F%2F)(?!\*)[^\s\"'<>]*", re.IGNORECASE)
"""A URL in the query of another one."""
_OPEN: Final = re.compile(r"//\*\*\*(?!@)")
"""Hidden from here on, as the end of the password is open."""
_WORD: Final = re.compile(r"[^\s\"'<>]*")
_USER_AND_PASSWORD: Final = re.compile(
    r"(?<![^\s\"'<>])([(\[]*)(?!mailto:|[^\s\"'<>:]*:[\\/])[^\s\"'<>@/:]+:[^\s\"'<>]*@"
)
"""In front of a host without a scheme. An e-mail address has no colon."""


def hide_credentials(text: str) -> str:
    """Hide of each URL in a text what may be a secret, so that a message may quote what somebody gave."""
    text = _ESCAPED.sub(rf"\1{HIDDEN}", _URL.sub(_hide, text))
    text = "\n".join(map(_hide_rest_of_password, text.split("\n")))
    return _USER_AND_PASSWORD.sub(rf"\1{HIDDEN}@", text)


def host_and_path(after_scheme: str) -> str:
    """Return what of a URL is public: host and path, or asterisks if a password may be among them."""
    parts = _PARTS.fullmatch(after_scheme)
    return HIDDEN if parts is None else parts["place"]


def _hide_rest_of_password(line: str) -> str:
    """Hide up to the last @ of a line: a password may have spaces and quotes."""
    begin, last = _OPEN.search(line), line.rfind("@")
    if begin is None or last < begin.end():
        return line
    return line[: begin.end()] + _WORD.sub("", line[last + 1 :], count=1)


def _hide(url: re.Match[str]) -> str:
    after_scheme = url[2].rstrip(_PUNCTUATION)
    end = url[2][len(after_scheme) :]
    parts = _PARTS.fullmatch(after_scheme)
    if parts is None:
        return f"{url[1]}{HIDDEN}{end}"
    user = f"{HIDDEN}@" if parts["user"] else ""
    rest = f"{parts['rest'][0]}{HIDDEN}" if parts["rest"] else ""
    return f"{url[1]}{user}{parts['place']}{rest}{end}"
