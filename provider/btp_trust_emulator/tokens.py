"""Access tokens: JWTs as XSUAA makes them for a service instance's own client (claims: SAP's XSUAA documentation)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jwt

from btp_trust_emulator import keys

if TYPE_CHECKING:
    from btp_trust_emulator.state import Account

LIFETIME_SECONDS = 43199
SCOPE = "uaa.resource"
_KEY_SIZE = 2048
_ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class Token:
    """What the token endpoint hands out."""

    access_token: str = field(repr=False)
    jti: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a genuine token says; whether it is still valid depends on the moment."""

    subaccount: str
    instance_id: str
    expires: datetime


def new_key() -> str:
    """A new signing key, as PEM."""
    return keys.to_pem(keys.generate(_KEY_SIZE))


def issue(key: str, account: Account, issuer: str, now: datetime, seconds: int = LIFETIME_SECONDS) -> Token:
    """A token for the account's client, valid from `now` for so many seconds."""
    jti = uuid.uuid4().hex
    issued = int(now.timestamp())
    claims = {
        "jti": jti,
        "ext_attr": {
            "enhancer": "XSUAA",
            "subaccountid": account.guid,
            "zdn": account.subdomain,
            "serviceinstanceid": account.instance_id,
        },
        "sub": account.client_id,
        "authorities": [SCOPE],
        "scope": [SCOPE],
        "client_id": account.client_id,
        "cid": account.client_id,
        "azp": account.client_id,
        "grant_type": "client_credentials",
        "iat": issued,
        "exp": issued + seconds,
        "iss": issuer,
        "zid": account.guid,
        "aud": ["uaa", account.client_id],
    }
    return Token(jwt.encode(claims, keys.from_pem(key), _ALGORITHM), jti)


def read(key: str, token: str) -> Claims | None:
    """The claims of a token that `key` signed, expired or not; None for any other text."""
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
    return Claims(extended["subaccountid"], extended["serviceinstanceid"], expires)
