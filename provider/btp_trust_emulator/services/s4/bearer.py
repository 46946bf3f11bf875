"""What a tenant accepts by the certificates in its communication systems: the whole way from a destination.

The token endpoint takes assertions for the OAuth 2.0 block (RFC 7522). `/sap/bc/ping`, which stands for all services,
takes its tokens, and assertions for the SAML bearer block in a header `Authorization: SAML2.0 …`. The responses to a
wrong assertion are undocumented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.backend.target_system import TOKEN_PATH
from btp_trust_emulator.messages import Response, plain
from btp_trust_emulator.pki import keys
from btp_trust_emulator.saml.rules import ValidationRules
from btp_trust_emulator.saml.validation import AssertionRejected, RelyingParty
from btp_trust_emulator.services import bearer_assertion, oauth
from btp_trust_emulator.services.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.backend.s4_tenant import Tenant
    from btp_trust_emulator.messages import Request
    from btp_trust_emulator.saml.validation import ValidAssertion

    Handler = Callable[["BearerService", Tenant, Request], Response]

LIFETIME_SECONDS = 3600
_ALGORITHM = "RS256"
PING_PATH = "/sap/bc/ping"


@dataclass(frozen=True, slots=True)
class BearerService:
    """The token endpoints and the services of all tenants."""

    landscape: Landscape

    def grant_token(self, tenant: Tenant, request: Request) -> Response:
        """Check the client, which is the inbound user of a system, then grant and assertion, then issue a token."""
        form = oauth.form_fields(request)
        if not _is_inbound_user(tenant, *oauth.client_credentials(request, form)):
            return oauth.unauthorized_response("invalid_client", "Bad credentials")
        if form.get("grant_type") != oauth.SAML2_BEARER:
            return oauth.error_response(400, "unsupported_grant_type", "Only SAML bearer assertions are accepted")
        if not form.get("assertion"):
            return oauth.error_response(400, "invalid_request", "Missing assertion")
        try:
            valid = self._accept(tenant, TrustBlock.OAUTH2, form["assertion"])
        except AssertionRejected as exc:
            description = f"Provided authorization grant is invalid: {exc}"
            return oauth.error_response(400, "invalid_grant", description, note=f"rejected: {exc}")
        content = {
            "access_token": self._token(tenant, valid.name_id),
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": form.get("scope", ""),
        }
        return oauth.token_response(content, bearer_assertion.acceptance_note(valid))

    def ping(self, tenant: Tenant, request: Request) -> Response:
        """Greet the user of a token, or of an assertion."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (user := self._user_of(tenant, credential)) is not None:
            return plain(200, f"Hello {user}")
        if scheme != "SAML2.0":
            return plain(401, "Unauthorized")
        try:
            valid = self._accept(tenant, TrustBlock.SAML_BEARER, credential)
        except AssertionRejected as exc:
            return Response(401, b"Unauthorized", note=f"rejected: {exc}")
        return Response(200, f"Hello {valid.name_id}".encode(), note=bearer_assertion.acceptance_note(valid))

    def _accept(self, tenant: Tenant, block: TrustBlock, assertion: str) -> ValidAssertion:
        addresses = self.landscape.addresses
        bases = (addresses.s4(tenant.name), addresses.s4_cert(tenant.name))
        is_oauth2 = block is TrustBlock.OAUTH2
        recipients = {f"{base}{TOKEN_PATH}" for base in bases} if is_oauth2 else set(bases)
        trusted = tenant.trusted(block, self.landscape.clock.now())
        # A destination with SAMLAssertion may lack a recipient: there is no token endpoint.
        rules = ValidationRules(needs_recipient=is_oauth2)
        relying_party = RelyingParty(tenant.audience, recipients, trusted, rules)
        return bearer_assertion.accept_assertion(
            self.landscape, relying_party, {"assertion": assertion}, once=is_oauth2
        )

    def _token(self, tenant: Tenant, user: str) -> str:
        issued = int(self.landscape.clock.now().timestamp())
        claims = {"aud": tenant.audience, "sub": user, "iat": issued, "exp": issued + LIFETIME_SECONDS}
        return jwt.encode(claims, keys.from_pem(self.landscape.token_key), _ALGORITHM)

    def _user_of(self, tenant: Tenant, token: str) -> str | None:
        """Return the user of a token of the tenant that is valid by the emulator's clock."""
        key = keys.from_pem(self.landscape.token_key).public_key()
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=tenant.audience,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"]) if claims["exp"] > self.landscape.clock.now().timestamp() else None


def _is_inbound_user(tenant: Tenant, name: str, password: str) -> bool:
    users = {system.inbound_user.name: system.inbound_user for system in tenant.systems.values()}
    return name in users and oauth.is_same_secret(password, users[name].password)


OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("POST", f"/s4/{{tenant}}{TOKEN_PATH}", BearerService.grant_token),
    Operation("GET", f"/s4/{{tenant}}{PING_PATH}", BearerService.ping),
)
"""What accepts assertions."""
