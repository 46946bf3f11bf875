"""The communication user logs on: basic authentication, or a client certificate on the host that accepts those."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from btp_trust_emulator.messages import Response
from btp_trust_emulator.pki import client_ca
from btp_trust_emulator.services import oauth

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.backend.s4_tenant import CommunicationUser, Tenant
    from btp_trust_emulator.messages import Request

_PAGE = b"<html><head><title>Logon Error Message</title></head><body><h1>Logon failed</h1></body></html>"


def certificate_owner(tenant: str, user: CommunicationUser) -> str:
    """Return the name that a client certificate of the user carries."""
    return f"s4/{tenant}/{user.name}"


def is_of_client(tenant: Tenant, request: Request) -> bool:
    """Return True if the request names the tenant's client, or none."""
    return dict(parse_qsl(request.query)).get("sap-client", tenant.client) == tenant.client


def presents_password(tenant: Tenant, request: Request) -> bool:
    """Return True if a request logs the communication user on by a password, right or wrong."""
    return request.peer is None and oauth.client_credentials(request, {})[0] == tenant.user.name


def is_authenticated(tenant: Tenant, request: Request, now: datetime) -> bool:
    """Return True if the certificate or the password is the communication user's."""
    if request.peer is not None:
        return client_ca.client_id_of(request.peer, now) == certificate_owner(tenant.name, tenant.user)
    name, password = oauth.client_credentials(request, {})
    return name == tenant.user.name and oauth.is_same_secret(password, tenant.user.password)


def unauthorized_response(tenant: Tenant) -> Response:
    """Return the response to a failed logon, the same for a wrong password and for a locked user."""
    challenge = f'Basic realm="SAP NetWeaver Application Server [S4H/{tenant.client}]"'
    return Response(401, _PAGE, "text/html;charset=utf-8", {"www-authenticate": challenge})
