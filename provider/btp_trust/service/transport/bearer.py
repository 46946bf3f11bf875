"""Bearer tokens: their characters, and the unverified claims of a JWT. Pure."""

from __future__ import annotations

import base64
import re
from typing import Final

BEARER_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""A bearer token (RFC 6750, 2.1); other characters would break the header, or begin another one."""


def jwt_payload(token: str) -> bytes:
    """Return the unverified claims of a JWT, as JSON.

    Raises:
        ValueError: `token` is not a JWT. The message leaves the token out.
    """
    _, _, rest = token.partition(".")
    if not rest:
        raise ValueError("it has no payload")
    claims = rest.partition(".")[0]
    # A JWT leaves the padding out (RFC 7515, 2), and Python requires it.
    return base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
