"""Who calls: the token in the Authorization header of the services' own APIs.

One point is not in SAP's description: a malformed header is 400 only where 400 is documented (else 401).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btp_trust_emulator.messages import Request, Response, plain
from btp_trust_emulator.services.xsuaa import tokens

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.services.xsuaa.tokens import Claims

_AUTHORIZATION = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([0-9A-Za-z._~+/-]+=*) *")


def destination_claims(landscape: Landscape, request: Request) -> Claims | None:
    """What a genuine token for an instance of the Destination service says, be it expired."""
    known = {(each.guid, each.instance_id) for each in landscape.accounts()}
    return _claims(landscape, request, known)


def claims_for_any_instance(landscape: Landscape, request: Request) -> Claims | None:
    """The same of a token for any instance, be it of XSUAA: what it allows is in its scopes."""
    known = {
        (each.guid, instance) for each in landscape.accounts() for instance in (each.instance_id, each.api_instance_id)
    }
    return _claims(landscape, request, known)


def authorized_account(landscape: Landscape, claims: Claims | None) -> Account | None:
    """The subaccount that a token speaks for, if it is still valid."""
    if claims is None or claims.expires <= landscape.clock.now():
        return None
    return landscape.account(claims.subaccount)


def unauthorized_response(request: Request, *, documented: bool = True) -> Response:
    """The answer to a call without a good token; `documented` says whether a 400 is."""
    header = request.headers.get("authorization")
    malformed = header is not None and not _AUTHORIZATION.fullmatch(header)
    return plain(400, "Bad Request") if malformed and documented else plain(401, "Unauthorized")


def _claims(landscape: Landscape, request: Request, known: set[tuple[str, str]]) -> Claims | None:
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None or match[1].lower() != "bearer":
        return None
    claims = tokens.parse_token(landscape.token_key, match[2])
    return claims if claims and (claims.subaccount, claims.instance_id) in known else None
