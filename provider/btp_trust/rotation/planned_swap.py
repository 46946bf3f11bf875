"""The last swap that was planned, as an input: what a reviewer decides by, and what the slots have to hold.

Pulumi compares new inputs with those of the last deployment, and prints one that is missing with a minus. So the swap
stays among the inputs, unchanged, until another one is planned; `CommandPlan.planned_swap` says whether it is due.
"""

from __future__ import annotations

import msgspec

from btp_trust.rotation.events import EventKind


class PlannedSwap(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One swap, a short line for each thing to know about it."""

    number: int
    """Counts the swaps of the resource, so that each one is a change of the inputs."""
    step: str
    """What is done: rotate, roll back or restore, with both certificates and the targets."""
    only_if_active: str
    """Precondition: the fingerprint that the active slot holds. The passive one holds that of `signer`."""
    becomes_active: str
    becomes_active_sha1: str
    """Whole, because pages of a hand-over and screens of administrators show it."""
    becomes_passive: str
    verification: str
    rollback: str
    """Until when a rollback is possible."""
    break_glass: str | None = None
    """Why the swap passes the limits of time, where it does."""
    targets: dict[str, str] = {}
    """{target: whether it trusts the next signer}."""
    affects: list[str] | None = None
    """Destinations whose assertions are signed with another certificate afterwards."""

    @property
    def verb(self) -> str:
        """What it does, as an EventKind has it: the first words of the step."""
        return self.step.partition(":")[0]

    @property
    def is_rotation(self) -> bool:
        """Return True unless it rolls back or restores."""
        return self.verb == EventKind.ROTATE
