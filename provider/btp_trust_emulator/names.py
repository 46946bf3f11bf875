"""Names of subaccounts that are given from outside, or made up."""

from __future__ import annotations

import re
import uuid

from btp_trust_emulator.errors import Invalid

_SUBDOMAIN = re.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def guid(given: str | None) -> str:
    """A GUID, the one given or a new one.

    Raises:
        Invalid: it is none.
    """
    if given is None:
        return str(uuid.uuid4())
    if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", given):
        return given
    raise Invalid(
        "The subaccount was not created.",
        f"{given!r} is not a GUID of 36 lower-case characters.",
        "Leave it out to get a new one, or give one such as 00000000-1111-4222-8333-000000005cdd.",
    )


def subdomain(given: str) -> str:
    """The subdomain itself.

    Raises:
        Invalid: it is none.
    """
    if _SUBDOMAIN.fullmatch(given):
        return given
    raise Invalid(
        "The subaccount was not created.",
        f"{given!r} is no subdomain: 1 to 63 lower-case letters, digits and inner hyphens.",
        "Leave it out to get one, or choose another.",
    )
