"""The token endpoint over HTTP, one per subaccount: `POST /uaa/{subdomain}/oauth/token` (RFC 6749, section 4.4).

The client proves itself by HTTP Basic or form fields; or, on the host for client certificates, by a certificate that
was issued to exactly the `client_id` of the form. The bodies of refusals are those of the Cloud Foundry UAA.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from btp_trust_emulator import authority, tokens
from btp_trust_emulator.exchange import NOT_FOUND, Answer, Call, json, not_allowed
from btp_trust_emulator.occasion import Purpose, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.occasion import Twist
    from btp_trust_emulator.state import Account
    from btp_trust_emulator.world import World

_PATH = re.compile("/uaa/([^/]+)/oauth/token")
_FORM = "application/x-www-form-urlencoded"
_FOR_A_TOKEN = Purpose(frozenset({Target.TOKEN}))
_NO_STORE = {"cache-control": "no-store"}
_REALM = 'Basic realm="UAA/client", error="{error}", error_description="{description}"'


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
        return _FOR_A_TOKEN if _PATH.fullmatch(call.path) else Purpose()

    def answer(self, call: Call, twist: Twist) -> Answer:
        """Check the client, then the grant, then hand out a token."""
        account = self._account(call)
        if account is None:
            return NOT_FOUND
        if call.method != "POST":
            return not_allowed("POST")
        form = _form(call)
        if not self._is_client(account, call, form):
            return _unauthorized("invalid_client", "Bad credentials")
        return _grant_refusal(form) or self._token(self._other(account) if twist.foreign_token else account, twist)

    def _account(self, call: Call) -> Account | None:
        match = _PATH.fullmatch(call.path)
        return self.world.account_at(match[1]) if match else None

    def _is_client(self, account: Account, call: Call, form: Mapping[str, str]) -> bool:
        if call.tls:
            client = authority.client_of(call.peer, self.world.clock.now()) if call.peer else None
            return client == form.get("client_id") == account.client_id
        client_id, client_secret = _basic(call) or (form.get("client_id", ""), form.get("client_secret", ""))
        same_secret = secrets.compare_digest(client_secret.encode(), account.client_secret.encode())
        return client_id == account.client_id and same_secret

    def _other(self, account: Account) -> Account:
        """The oldest other subaccount, or one that the emulator does not know."""
        unknown = replace(account, guid=str(uuid.uuid4()), subdomain="nobody", instance_id=str(uuid.uuid4()))
        return next((each for each in self.world.accounts() if each.guid != account.guid), unknown)

    def _token(self, account: Account, twist: Twist) -> Answer:
        seconds = tokens.LIFETIME_SECONDS if twist.token_seconds is None else twist.token_seconds
        issuer = self.world.addresses.issuer(account)
        token = tokens.issue(self.world.token_key, account, issuer, self.world.clock.now(), seconds)
        content = {
            "access_token": token.access_token,
            "token_type": "bearer",
            "expires_in": seconds,
            "scope": tokens.SCOPE,
            "jti": token.jti,
        }
        return json(200, content, _NO_STORE)


def _form(call: Call) -> dict[str, str]:
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        return {}
    return dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))


def _basic(call: Call) -> tuple[str, str] | None:
    """Client ID and secret of the Basic scheme; empty ones if they are malformed, None if there are none."""
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret


def _grant_refusal(form: Mapping[str, str]) -> Answer | None:
    grant = form.get("grant_type")
    if not grant:
        return _refusal(400, "invalid_request", "Missing grant type")
    if grant != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "Unsupported grant type")
    return None


def _unauthorized(error: str, description: str) -> Answer:
    challenge = _REALM.format(error=error, description=description)
    return _refusal(401, error, description, {"www-authenticate": challenge})


def _refusal(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Answer:
    content = {"error": error, "error_description": description}
    return json(status, content, {**_NO_STORE, **(headers or {})})
