"""Sessions of a tenant, each with its CSRF token; in memory only: a restart ends them, as it does in ABAP."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.backend.s4_tenant import Tenant
    from btp_trust_emulator.messages import Request

CSRF_HEADER = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class _Session:
    tenant: str
    csrf_token: str
    begun: datetime


class Sessions:
    """Sessions by the value of their cookie."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def begin(self, tenant: Tenant, now: datetime) -> tuple[str, str]:
        """Begin a session; return the value of its cookie and its CSRF token."""
        identity, token = secrets.token_urlsafe(24), secrets.token_urlsafe(16)
        self._sessions[identity] = _Session(tenant.name, token, now)
        return identity, token

    def has_token(self, tenant: Tenant, request: Request, now: datetime) -> bool:
        """Return True if a request has the cookie of a lasting session of the tenant, and the session's CSRF token."""
        session = self._sessions.get(_cookie(request, cookie_name(tenant)))
        if session is None or session.tenant != tenant.name:
            return False
        is_lasting = now - session.begun < timedelta(seconds=tenant.switches.session_seconds)
        return is_lasting and request.headers.get(CSRF_HEADER) == session.csrf_token


def cookie_name(tenant: Tenant) -> str:
    """Return the name of a tenant's session cookie."""
    return f"SAP_SESSIONID_S4H_{tenant.client}"


def cookie_header(tenant: Tenant, request: Request, identity: str) -> str:
    """Return the header that sets a session's cookie, for the tenant's paths alone; over http it cannot be `Secure`."""
    return f"{cookie_name(tenant)}={identity}; path=/s4/{tenant.name}; HttpOnly{'; Secure' if request.tls else ''}"


def _cookie(request: Request, name: str) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""
