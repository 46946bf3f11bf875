"""The token endpoint over HTTP, one per subaccount: `POST /uaa/{subdomain}/oauth/token` (RFC 6749, section 4).

The client authenticates by HTTP Basic or form fields; or, on the host for client certificates, by a certificate that
was issued to exactly the `client_id` of the form. The bodies of rejections are those of the Cloud Foundry UAA.
`/oauth/token/alias/{entity ID}` is the same endpoint under the name in the subaccount's metadata, which is at
`GET /uaa/{subdomain}/saml/metadata`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.faults.request import RequestEffect, RequestType
from btp_trust_emulator.messages import NOT_FOUND, Request, Response, not_allowed
from btp_trust_emulator.pki import client_ca
from btp_trust_emulator.services import oauth
from btp_trust_emulator.services.operations import Operation, operations_at, parameters_at
from btp_trust_emulator.services.xsuaa import grants, sp_metadata, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from btp_trust_emulator.backend.account import Account, Client
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override
    from btp_trust_emulator.services.xsuaa.grants import AuthenticatedUser

    Handler = Callable[["TokenService", Account, Request, Override], Response]

_TOKEN_REQUEST = RequestEffect(frozenset({RequestType.TOKEN_ENDPOINT}))


@dataclass(frozen=True, slots=True)
class TokenService:
    """The token servers of all subaccounts."""

    landscape: Landscape

    def subaccount(self, request: Request) -> str | None:
        """Return the GUID of the subaccount whose token server this is."""
        account = self._account(request)
        return account.guid if account else None

    def effect(self, request: Request) -> RequestEffect:
        """Return the effect of a token request, for any method and any credentials."""
        operations = operations_at(OPERATIONS, request.path).values()
        return next((operation.effect for operation in operations), RequestEffect())

    def handle(self, request: Request, override: Override) -> Response:
        """Find the subaccount, then the operation."""
        account = self._account(request)
        if account is None:
            return NOT_FOUND
        operations = operations_at(OPERATIONS, request.path)
        operation = operations.get(request.method)
        return operation.handler(self, account, request, override) if operation else not_allowed(*operations)

    def get_metadata(self, account: Account, _: Request, __: Override) -> Response:
        """Return the metadata of the subaccount as a service provider."""
        return sp_metadata.metadata_response(account, self.landscape)

    def grant_token(self, account: Account, request: Request, override: Override) -> Response:
        """Check the client, then the grant, then issue a token."""
        form = oauth.form_fields(request)
        client = self._client(account, request, form)
        if client is None:
            return oauth.unauthorized_response("invalid_client", "Bad credentials")
        authenticated = self._authenticate_user(account, client, request, form)
        return (
            authenticated
            if isinstance(authenticated, Response)
            else self._grant_token(account, client, authenticated, form, override)
        )

    def _account(self, request: Request) -> Account | None:
        parameters = parameters_at(OPERATIONS, request.path)
        return self.landscape.account_at(parameters["subdomain"]) if parameters else None

    def _client(self, account: Account, request: Request, form: Mapping[str, str]) -> Client | None:
        """Return the client of the request, if it authenticates."""
        if request.tls:
            # On this host a secret is ignored: the handshake has verified the certificate, and the form has to agree.
            client_id = client_ca.client_id_of(request.peer, self.landscape.clock.now()) if request.peer else None
            return account.client if client_id == form.get("client_id") == account.client_id else None
        client_id, client_secret = oauth.client_credentials(request, form)
        clients = {known.client_id: known for known in (account.client, account.api_client)}
        client = clients.get(client_id)
        return client if client and oauth.is_same_secret(client_secret, client.client_secret) else None

    def _authenticate_user(
        self, account: Account, client: Client, request: Request, form: Mapping[str, str]
    ) -> AuthenticatedUser | Response | None:
        """Return the user that the grant authenticates; None if it is for the client alone."""
        grant_type = form.get("grant_type")
        if not grant_type:
            return oauth.error_response(400, "invalid_request", "Missing grant type")
        if grant_type == oauth.CLIENT_CREDENTIALS:
            return None
        grant = grants.GRANTS.get(grant_type)
        if grant is None:
            return oauth.error_response(400, "unsupported_grant_type", "Unsupported grant type")
        if client != account.client:
            return oauth.unauthorized_response("invalid_client", f"Unauthorized grant type: {grant_type}")
        parameters = parameters_at(OPERATIONS, request.path) or {}
        return grant(self.landscape, account, form, parameters.get("alias"))

    def _other_account(self, account: Account) -> Account:
        """Return the oldest other subaccount, or one that is unknown to the emulator."""
        unknown = replace(account, guid=str(uuid.uuid4()), subdomain="nobody", instance_id=str(uuid.uuid4()))
        return next((other for other in self.landscape.accounts() if other.guid != account.guid), unknown)

    def _grant_token(
        self,
        account: Account,
        client: Client,
        authenticated: AuthenticatedUser | None,
        form: Mapping[str, str],
        override: Override,
    ) -> Response:
        if override.foreign_token:
            account = self._other_account(account)
            client = account.client
        try:
            return self._issue_token(account, client, authenticated, form, override)
        except tokens.InvalidScope as exc:
            return oauth.error_response(400, "invalid_scope", str(exc))

    def _issue_token(
        self,
        account: Account,
        client: Client,
        authenticated: AuthenticatedUser | None,
        form: Mapping[str, str],
        override: Override,
    ) -> Response:
        seconds = tokens.LIFETIME_SECONDS if override.token_seconds is None else override.token_seconds
        token = tokens.issue(
            self.landscape.token_key,
            account,
            client,
            self.landscape.addresses.issuer(account),
            self.landscape.clock.now(),
            seconds=seconds,
            grant_type=form["grant_type"],
            user=authenticated.user if authenticated else None,
            requested_scope=form.get("scope", ""),
        )
        content = {
            "access_token": token.access_token,
            "token_type": "bearer",
            "expires_in": seconds,
            "scope": token.scope,
            "jti": token.jti,
        }
        return oauth.token_response(content, authenticated.note if authenticated else None)


OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("POST", "/uaa/{subdomain}/oauth/token", TokenService.grant_token, _TOKEN_REQUEST),
    Operation("POST", "/uaa/{subdomain}/oauth/token/alias/{alias}", TokenService.grant_token, _TOKEN_REQUEST),
    Operation("GET", "/uaa/{subdomain}/saml/metadata", TokenService.get_metadata),
)
"""The operations of a token server."""
