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

    def fetch_token(self, tenant: Tenant, request: Request, now: datetime) -> dict[str, str]:
        """Return the headers with the CSRF token of the request's session, or of a new one and its cookie."""
        session = self._session(tenant, request, now)
        if session is not None:
            return {CSRF_HEADER: session.csrf_token}
        identity, token = secrets.token_urlsafe(24), secrets.token_urlsafe(16)
        self._sessions[identity] = _Session(tenant.name, token, now)
        return {CSRF_HEADER: token, "set-cookie": _cookie_header(tenant, request, identity)}

    def has_token(self, tenant: Tenant, request: Request, now: datetime) -> bool:
        """Return True if a request has the cookie of a lasting session of the tenant, and the session's CSRF token."""
        session = self._session(tenant, request, now)
        return session is not None and request.headers.get(CSRF_HEADER) == session.csrf_token

    def _session(self, tenant: Tenant, request: Request, now: datetime) -> _Session | None:
        """Return the session of the tenant whose cookie the request has, while it lasts."""
        session = self._sessions.get(_cookie(request, _cookie_name(tenant)))
        if session is None or session.tenant != tenant.name:
            return None
        return session if now - session.begun < timedelta(seconds=tenant.switches.session_seconds) else None


def _cookie_name(tenant: Tenant) -> str:
    return f"SAP_SESSIONID_S4H_{tenant.client}"


def _cookie_header(tenant: Tenant, request: Request, identity: str) -> str:
    """Return the header that sets a session's cookie, for the tenant's paths alone; `Secure` needs https."""
    return f"{_cookie_name(tenant)}={identity}; path=/s4/{tenant.name}; HttpOnly{'; Secure' if request.tls else ''}"


def _cookie(request: Request, name: str) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""
