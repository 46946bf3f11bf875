"""URLs in texts, without what may be a secret in them: user, password, query and fragment. Pure."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "***"
_URL: Final = re.compile(r"((?<=\w\w):/[\\/]*|[\\/]{2,})([^\s\"'<>]*)")
"""What follows a scheme, or stands without one. A path that was made of a URL has one slash; JSON may escape each."""
_PARTS: Final = re.compile(
    r"(?P<user>[^/?#@]*@)?(?P<place>(?:\[[^\]/?#@]*\]|[^/?#@:]*)(?::(?:[0-9]*|PORT))?(?:/[^?#@]*)?)(?P<rest>[?#][^@]*)?"
)
"""What follows the scheme. An @ elsewhere, or letters as a port, leave open where a password ends."""
_PUNCTUATION: Final = ").,;:"
"""Ends a sentence rather than a URL."""
_ESCAPED: Final = re.compile(r"(%3A%2F%2F)(?!\*)[^\s\"'<>]*", re.IGNORECASE)
"""A URL in the query of another one."""
_REST_OF_PASSWORD: Final = re.compile(r"(//\*\*\*)(?!@)[^\n]*@[^\s\"'<>]*")
"""A password may have spaces and quotes: where its end is open, the line is hidden up to its last @."""
_USER_AND_PASSWORD: Final = re.compile(r"(?<![^\s\"'<>])([(\[]*)(?!mailto:|[^\s:]*:[\\/])[^\s\"'<>@/:]+:[^\s\"'<>]*@")
"""In front of a host without a scheme. An e-mail address has no colon."""


def hide_credentials(text: str) -> str:
    """Hide of each URL in a text what may be a secret, so that a message may quote what somebody gave."""
    text = _REST_OF_PASSWORD.sub(r"\1", _ESCAPED.sub(rf"\1{HIDDEN}", _URL.sub(_hide, text)))
    return _USER_AND_PASSWORD.sub(rf"\1{HIDDEN}@", text)


def host_and_path(after_scheme: str) -> str:
    """Return what of a URL is public: host and path, or asterisks if a password may be among them."""
    parts = _PARTS.fullmatch(after_scheme)
    return HIDDEN if parts is None else parts["place"]


def _hide(url: re.Match[str]) -> str:
    after_scheme = url[2].rstrip(_PUNCTUATION)
    end = url[2][len(after_scheme) :]
    parts = _PARTS.fullmatch(after_scheme)
    if parts is None:
        return f"{url[1]}{HIDDEN}{end}"
    user = f"{HIDDEN}@" if parts["user"] else ""
    rest = f"{parts['rest'][0]}{HIDDEN}" if parts["rest"] else ""
    return f"{url[1]}{user}{parts['place']}{rest}{end}"
