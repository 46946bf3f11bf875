"""The caller of the services' own APIs: the token in the Authorization header.

One point is missing in SAP's description: a malformed header is 400 where 400 is documented, and 401 elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from btp_trust_emulator.messages import Request, Response, plain
from btp_trust_emulator.services.xsuaa import tokens

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.services.xsuaa.tokens import Claims

_AUTHORIZATION = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([0-9A-Za-z._~+/-]+=*) *")


def destination_claims(landscape: Landscape, request: Request) -> Claims | None:
    """Return the claims of a genuine token for an instance of the Destination service, expired or not."""
    return _claims(landscape, request, lambda account: {account.instance_id})


def claims_for_any_instance(landscape: Landscape, request: Request) -> Claims | None:
    """Return the same of a token for any instance, XSUAA included: its scopes say what it allows."""
    return _claims(landscape, request, lambda account: {account.instance_id, account.api_instance_id})


def authorized_account(landscape: Landscape, claims: Claims | None) -> Account | None:
    """Return the subaccount of a token that is still valid."""
    if claims is None or claims.expires <= landscape.clock.now():
        return None
    return landscape.account(claims.subaccount)


def unauthorized_response(request: Request, *, documented: bool = True) -> Response:
    """Return the response to a request without a valid token; `documented` says if a 400 is."""
    header = request.headers.get("authorization")
    malformed = header is not None and not _AUTHORIZATION.fullmatch(header)
    return plain(400, "Bad Request") if malformed and documented else plain(401, "Unauthorized")


def _claims(landscape: Landscape, request: Request, instances: Callable[[Account], set[str]]) -> Claims | None:
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None or match[1].lower() != "bearer":
        return None
    claims = tokens.parse_token(landscape.token_key, match[2])
    account = landscape.find_account(claims.subaccount) if claims else None
    return claims if claims and account and claims.instance_id in instances(account) else None
