"""The token services of systems to which certificates are uploaded: `POST /systems/{name}/sap/bc/sec/oauth2/token`.

The path is that of S/4HANA and other ABAP systems; the one grant is a SAML bearer assertion. The responses of such a
system to a wrong one are undocumented; here they follow RFC 7522.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.target_system import TOKEN_PATH
from btp_trust_emulator.faults.request import RequestEffect
from btp_trust_emulator.messages import NOT_FOUND, Request, Response, not_allowed
from btp_trust_emulator.saml.validation import AssertionRejected, RelyingParty
from btp_trust_emulator.services import bearer_assertion, oauth
from btp_trust_emulator.services.operations import Operation, operations_at, parameters_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.target_system import System
    from btp_trust_emulator.faults.request import Override

    Handler = Callable[["SystemTokenService", System, Request], Response]

LIFETIME_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SystemTokenService:
    """The token services of all systems."""

    landscape: Landscape

    def subaccount(self, _: Request) -> str | None:
        """Return None: a system belongs to no subaccount."""
        return None

    def effect(self, _: Request) -> RequestEffect:
        """Return an empty effect: the slots stay as they are."""
        return RequestEffect()

    def handle(self, request: Request, _: Override) -> Response:
        """Find the system, then the operation."""
        parameters = parameters_at(OPERATIONS, request.path)
        system = self.landscape.state.systems.get(parameters["name"]) if parameters else None
        if system is None:
            return NOT_FOUND
        operations = operations_at(OPERATIONS, request.path)
        operation = operations.get(request.method)
        return operation.handler(self, system, request) if operation else not_allowed(*operations)

    def grant_token(self, system: System, request: Request) -> Response:
        """Check the client, then the grant, then the assertion, then issue a token."""
        form = oauth.form_fields(request)
        client_id, client_secret = oauth.client_credentials(request, form)
        if client_id != system.client_id or not oauth.is_same_secret(client_secret, system.client_secret):
            return oauth.unauthorized_response("invalid_client", "Bad credentials")
        if form.get("grant_type") != oauth.SAML2_BEARER:
            return oauth.error_response(400, "unsupported_grant_type", "Only SAML bearer assertions are accepted")
        if not form.get("assertion"):
            return oauth.error_response(400, "invalid_request", "Missing assertion")
        return self._issue_token(system, form, request)

    def _issue_token(self, system: System, form: dict[str, str], request: Request) -> Response:
        addresses = self.landscape.addresses
        recipients = {f"{base}{request.path}" for base in (addresses.base, addresses.cert)}
        try:
            valid = bearer_assertion.accept_assertion(
                self.landscape, RelyingParty(system.entity_id, recipients, system.trusted), form, once=True
            )
        except AssertionRejected as exc:
            description = f"Provided authorization grant is invalid: {exc}"
            return oauth.error_response(400, "invalid_grant", description, note=f"rejected: {exc}")
        content = {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": form.get("scope", ""),
        }
        return oauth.token_response(content, bearer_assertion.acceptance_note(valid))


OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("POST", f"/systems/{{name}}{TOKEN_PATH}", SystemTokenService.grant_token),
)
"""The one operation of a system."""
