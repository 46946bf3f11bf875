"""Bearer tokens: what may be sent as one, and what a JWT says of itself, unverified. Pure."""

from __future__ import annotations

import base64
import re
from typing import Final

BEARER_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a bearer token consists of (RFC 6750, 2.1); anything else would be no header, or several."""


def jwt_payload(token: str) -> bytes:
    """Return the claims of a JWT, as JSON; nothing is verified.

    Raises:
        ValueError: It is no JWT. The message does not repeat it.
    """
    _, _, rest = token.partition(".")
    if not rest:
        raise ValueError("it has no payload")
    claims = rest.partition(".")[0]
    return base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
