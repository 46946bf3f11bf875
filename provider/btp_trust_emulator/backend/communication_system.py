"""Communication systems of an S/4HANA tenant: each trusts one certificate in each of two blocks."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from btp_trust_emulator.errors import Invalid

_ID = re.compile("[A-Z0-9_]{1,60}")


class TrustBlock(Enum):
    """The two blocks of a system that hold a certificate, each for one type of destination."""

    OAUTH2 = "oauth2"
    """OAuth 2.0 Identity Provider: `OAuth2SAMLBearerAssertion`, at the token endpoint."""
    SAML_BEARER = "saml-bearer"
    """SAML Bearer Assertion Provider: `SAMLAssertion`, at the services themselves."""


@dataclass(frozen=True, slots=True)
class Trust:
    """One block; `certificate` is the text in the certificate field."""

    is_active: bool = False
    provider_name: str = ""
    logon_type: str = "user_name"
    subject: str = ""
    issuer: str = ""
    certificate: str = ""


NO_TRUST = {block: Trust() for block in TrustBlock}


@dataclass(frozen=True, slots=True)
class InboundUser:
    """The user with whom a destination logs on to the token endpoint."""

    name: str
    password: str = field(repr=False)
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class CommunicationSystem:
    """A system: its key `uuid`, its text key `system_id`, and its two blocks as they were written.

    Until `effective_from`, what stood in the `earlier` blocks counts instead.
    """

    system_id: str
    name: str
    host_name: str
    inbound_user: InboundUser
    blocks: dict[TrustBlock, Trust] = field(default_factory=lambda: dict(NO_TRUST))
    earlier: dict[TrustBlock, Trust] = field(default_factory=lambda: dict(NO_TRUST))
    effective_from: datetime | None = None
    version: int = 1
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def etag(self) -> str:
        """The entity tag, another one after each change."""
        return f'W/"{self.version:014d}"'

    def blocks_at(self, now: datetime) -> dict[TrustBlock, Trust]:
        """Return the blocks that count at a time."""
        return self.earlier if self.effective_from is not None and now < self.effective_from else self.blocks

    def changed(self, new: CommunicationSystem, now: datetime, delay_seconds: float) -> CommunicationSystem:
        """Return `new` as the successor of this system, changed `now`, which counts after a delay."""
        effective_from = now + timedelta(seconds=delay_seconds)
        return replace(new, earlier=self.blocks_at(now), effective_from=effective_from, version=self.version + 1)


def check_system_id(system_id: str) -> str:
    """Return the ID itself.

    Raises:
        Invalid: it is malformed.
    """
    if _ID.fullmatch(system_id):
        return system_id
    raise Invalid(
        "The communication system was not created.",
        f"The ID {system_id!r} is malformed.",
        "Give 1 to 60 upper-case letters, digits and underscores.",
    )
