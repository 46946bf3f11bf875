"""The token endpoint over HTTP, one per subaccount: `POST /uaa/{subdomain}/oauth/token` (RFC 6749, section 4).

The client proves itself by HTTP Basic or form fields; or, on the host for client certificates, by a certificate that
was issued to exactly the `client_id` of the form. The bodies of refusals are those of the Cloud Foundry UAA.
`/oauth/token/alias/{entity ID}` is the same endpoint under the name that the subaccount's metadata gives it, which is
at `GET /uaa/{subdomain}/saml/metadata`.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.faults.request import Purpose, Target
from btp_trust_emulator.messages import NOT_FOUND, Answer, Call, not_allowed
from btp_trust_emulator.pki import client_ca
from btp_trust_emulator.services import oauth
from btp_trust_emulator.services.xsuaa import grants, sp_metadata, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.backend.account import Account, Client
    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.request import Twist
    from btp_trust_emulator.services.xsuaa.grants import Proven

_PATH = re.compile("/uaa/([^/]+)/(oauth/token|saml/metadata)(?:(?<=token)/alias/([^/]+))?")
_FOR_A_TOKEN = Purpose(frozenset({Target.TOKEN}))


@dataclass(frozen=True, slots=True)
class TokenService:
    """The token servers of all subaccounts."""

    world: World

    def subaccount(self, call: Call) -> str | None:
        """The GUID of the subaccount whose token server this is."""
        account = self._account(call)
        return account.guid if account else None

    def purpose(self, call: Call) -> Purpose:
        """A token, by whatever method and with whatever credentials."""
        match = _PATH.fullmatch(call.path)
        return _FOR_A_TOKEN if match and match[2] == "oauth/token" else Purpose()

    def answer(self, call: Call, twist: Twist) -> Answer:
        """Check the client, then the grant, then hand out a token."""
        account = self._account(call)
        if account is None:
            return NOT_FOUND
        if call.path.endswith("/saml/metadata"):
            return sp_metadata.answer(call, account, self.world)
        if call.method != "POST":
            return not_allowed("POST")
        form = oauth.form(call)
        client = self._client(account, call, form)
        if client is None:
            return oauth.unauthorized("invalid_client", "Bad credentials")
        proven = self._proven(account, client, call, form)
        return proven if isinstance(proven, Answer) else self._granted(account, client, proven, form, twist)

    def _account(self, call: Call) -> Account | None:
        match = _PATH.fullmatch(call.path)
        return self.world.account_at(match[1]) if match else None

    def _client(self, account: Account, call: Call, form: Mapping[str, str]) -> Client | None:
        """The client that the request comes from, if it proves that."""
        if call.tls:
            client_id = client_ca.client_of(call.peer, self.world.clock.now()) if call.peer else None
            return account.client if client_id == form.get("client_id") == account.client_id else None
        client_id, client_secret = oauth.credentials(call, form)
        clients = {each.client_id: each for each in (account.client, account.api_client)}
        client = clients.get(client_id)
        return client if client and oauth.same(client_secret, client.client_secret) else None

    def _proven(self, account: Account, client: Client, call: Call, form: Mapping[str, str]) -> Proven | Answer | None:
        """The user that the grant proves; None if it is for the client alone."""
        grant_type = form.get("grant_type")
        if not grant_type:
            return oauth.refusal(400, "invalid_request", "Missing grant type")
        if grant_type == oauth.CLIENT_CREDENTIALS:
            return None
        grant = grants.GRANTS.get(grant_type)
        if grant is None:
            return oauth.refusal(400, "unsupported_grant_type", "Unsupported grant type")
        if client != account.client:
            return oauth.unauthorized("invalid_client", f"Unauthorized grant type: {grant_type}")
        match = _PATH.fullmatch(call.path)
        return grant(self.world, account, form, match[3] if match else None)

    def _other(self, account: Account) -> Account:
        """The oldest other subaccount, or one that the emulator does not know."""
        unknown = replace(account, guid=str(uuid.uuid4()), subdomain="nobody", instance_id=str(uuid.uuid4()))
        return next((each for each in self.world.accounts() if each.guid != account.guid), unknown)

    def _granted(
        self, account: Account, client: Client, proven: Proven | None, form: Mapping[str, str], twist: Twist
    ) -> Answer:
        if twist.foreign_token:
            account = self._other(account)
            client = account.client
        try:
            return self._token(account, client, proven, form, twist)
        except tokens.InvalidScope as exc:
            return oauth.refusal(400, "invalid_scope", str(exc))

    def _token(
        self, account: Account, client: Client, proven: Proven | None, form: Mapping[str, str], twist: Twist
    ) -> Answer:
        seconds = tokens.LIFETIME_SECONDS if twist.token_seconds is None else twist.token_seconds
        token = tokens.issue(
            self.world.token_key,
            account,
            client,
            self.world.addresses.issuer(account),
            self.world.clock.now(),
            seconds=seconds,
            grant_type=form["grant_type"],
            user=proven.user if proven else None,
            asked=form.get("scope", ""),
        )
        content = {
            "access_token": token.access_token,
            "token_type": "bearer",
            "expires_in": seconds,
            "scope": token.scope,
            "jti": token.jti,
        }
        return oauth.token(content, proven.note if proven else None)
