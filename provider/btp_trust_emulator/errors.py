"""Why the emulator refuses what a test or a person asks for.

    Refused
    ├── Invalid      the request is malformed, in any state    400 in the control plane
    ├── Unknown      a subaccount or target does not exist     404
    └── Conflict     the state forbids the request             409
        └── NoKeyPair    a slot is empty, and its certificate is needed

Each has three parts: what was refused, why, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btp_trust_emulator.slots import Slot


class Refused(Exception):
    """The emulator refused a request: `what`, `why`, and `remedy` (what to do)."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}\n{why}\n{remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy


class Invalid(Refused):
    """The request is malformed, in any state."""


class Unknown(Refused):
    """The request names something that does not exist."""


class Conflict(Refused):
    """The state forbids the request at present."""


class NoKeyPair(Conflict):
    """A slot is empty, and the operation needs its certificate; `slot` is its name."""

    def __init__(self, slot: Slot, guid: str, what: str) -> None:
        super().__init__(
            what,
            f"the {slot.value} slot of subaccount {guid} is empty",
            f"Generate the {slot.value} certificate first.",
        )
        self.slot = slot
