"""URLs to which credentials may be sent. Pure."""

from __future__ import annotations

from typing import Final

import httpx

from btp_trust.service.transport.proxies import LAST_PORT, LOOPBACK

UNSAFE_URL: Final = (
    "Its URLs must begin with https:// (http:// only for this machine itself) and name a host; user, query and "
    "fragment must be absent."
)
"""Why credentials with another URL are refused."""


def is_safe_url(text: str) -> bool:
    """Return True if credentials may be sent to this URL: by TLS, or to this machine itself."""
    try:
        url = httpx.URL(text)
        host, port = url.host, url.port or 0
        url.raw_host.decode("ascii").encode("idna")  # as the resolver will do it
    except (httpx.InvalidURL, UnicodeError):
        return False
    # An empty query or fragment has left no trace in the parsed URL.
    if not host or url.userinfo or port > LAST_PORT or "?" in text or "#" in text:
        return False
    return url.scheme == "https" or (url.scheme == "http" and host in LOOPBACK)
