"""Access tokens: JWTs as XSUAA issues them, for a client itself or for a user (claims: SAP's XSUAA documentation)."""

from __future__ import annotations

import functools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt

from btp_trust_emulator.pki import keys

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account, Client, User

LIFETIME_SECONDS = 43199
_ALGORITHM = "RS256"
_USER_SCOPES = ("openid", "user_attributes", "uaa.user")


@dataclass(frozen=True, slots=True)
class Token:
    """A token that the token endpoint hands out, and its scope."""

    access_token: str = field(repr=False)
    jti: str
    scope: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a genuine token, valid or expired; `all` is everything in it."""

    subaccount: str
    instance_id: str
    expires: datetime
    all: dict[str, Any] = field(repr=False, compare=False)


class InvalidScope(ValueError):
    """A token was asked for with scopes that it is denied; the text is that of the UAA."""


def scopes(client: Client, user: User | None, requested_scope: str) -> tuple[str, ...]:
    """Return the scopes of a token for a client, or for a user: all that it may have, or those asked for.

    Raises:
        InvalidScope: a scope is unknown to the client, or the user is denied all of them.
    """
    allowed = client.scopes if user is None else _USER_SCOPES
    for scope in requested_scope.split():
        if scope not in (*client.scopes, *_USER_SCOPES):
            raise InvalidScope(f"{scope} is invalid. Please use a valid scope name in the request")
    granted = tuple(scope for scope in allowed if not requested_scope.split() or scope in requested_scope.split())
    if not granted:
        raise InvalidScope("[uaa.none] is invalid. This user is not allowed any of the requested scopes")
    return granted


def issue(
    key: str,
    account: Account,
    client: Client,
    issuer: str,
    now: datetime,
    *,
    seconds: int = LIFETIME_SECONDS,
    grant_type: str = "client_credentials",
    user: User | None = None,
    requested_scope: str = "",
) -> Token:
    """Issue a token for a client of the account, or for a user, valid from `now` for so many seconds.

    Raises:
        InvalidScope: see `scopes`.
    """
    jti = uuid.uuid4().hex
    issued = int(now.timestamp())
    claims = {
        "jti": jti,
        "ext_attr": {
            "enhancer": "XSUAA",
            "subaccountid": account.guid,
            "zdn": account.subdomain,
            "serviceinstanceid": client.instance_id,
        },
        "client_id": client.client_id,
        "cid": client.client_id,
        "azp": client.client_id,
        "grant_type": grant_type,
        "iat": issued,
        "exp": issued + seconds,
        "iss": issuer,
        "zid": account.guid,
        "aud": ["uaa", client.client_id],
        **(_client_claims(client) if user is None else _user_claims(user)),
        "scope": list(scopes(client, user, requested_scope)),
    }
    return Token(jwt.encode(claims, keys.from_pem(key), _ALGORITHM), jti, " ".join(claims["scope"]))


def _client_claims(client: Client) -> dict[str, Any]:
    return {"sub": client.client_id, "authorities": list(client.scopes)}


def _user_claims(user: User) -> dict[str, Any]:
    return {
        "sub": user.user_id,
        "user_id": user.user_id,
        "user_uuid": user.user_id,
        "user_name": user.user_name,
        "email": user.email,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "origin": user.origin,
        "xs.system.attributes": {"xs.saml.groups": list(user.groups)},
    }


@functools.lru_cache(maxsize=256)
def parse_token(key: str, token: str) -> Claims | None:
    """Return the claims of a token that `key` signed, expired or not; None for any other text.

    Cached: a client sends the same token with each of its requests, and each is asked for its claims more than once.
    """
    try:
        claims = jwt.decode(
            token,
            keys.from_pem(key).public_key(),
            algorithms=[_ALGORITHM],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return None
    extended = claims["ext_attr"]
    expires = datetime.fromtimestamp(claims["exp"], UTC)
    return Claims(extended["subaccountid"], extended["serviceinstanceid"], expires, claims)
