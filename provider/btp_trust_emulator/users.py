"""Test users of a subaccount, as its token server knows them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

DEFAULT_ORIGIN = "sap.default"
"""The origin of users that the subaccount's own identity provider knows."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log on; `password` is None for a shadow user, whom another identity provider vouches for."""

    user_name: str
    email: str
    password: str | None = field(default=None, repr=False)
    given_name: str = "Test"
    family_name: str = "User"
    origin: str = DEFAULT_ORIGIN
    groups: tuple[str, ...] = ()
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))
