"""What a RotationTrigger takes, plans and records of the systems that change over with the signer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from btp_trust.errors import Refused
from btp_trust.service.certificate_field import FieldFormat
from btp_trust.service.communication_systems import TrustBlock


class OnSwitchFailure(StrEnum):
    """What to do if a system cannot be switched over right after the swap."""

    ROLLBACK = "rollback"
    CONTINUE = "continue"


class Switch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One block of one communication system, as a CommunicationSystemTrust gives it."""

    connection: str
    system: str
    block: TrustBlock = TrustBlock.OAUTH2
    certificate_format: FieldFormat | None = None

    @property
    def name(self) -> str:
        """The block in words, which tells it from every other one of the program."""
        return f"{self.connection}/{self.system} ({self.block.value})"


class PlannedSwitch(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One system, in two short lines of the preview."""

    trusts: str
    """Precondition: the certificate that the system trusts now; begins with eight digits of its fingerprint."""
    will_trust: str


class PlannedSwitchover(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The last switchover that was planned, as an input; it stays, as `PlannedSwap` does, until another one is planned.

    `CommandPlan.planned_switchover` says whether it is due.
    """

    number: int
    """Counts the switchovers of the resource, so that each one is a change of the inputs."""
    step: str
    gap: str
    """For how long calls to a system are refused."""
    failure: str
    """What a system causes that refuses the certificate or cannot be reached."""
    systems: dict[str, PlannedSwitch]


def refuse_second_switch(switches: Sequence[Switch]) -> None:
    """Refuse a block of a system that is given twice.

    Raises:
        Refused: It is: two writes of one value would race.
    """
    twice = [name for name, times in Counter(switch.name for switch in switches).items() if times > 1]
    if twice:
        raise Refused(
            f"switches has {twice[0]} twice.",
            "Its certificate would be written by two requests at the same time.",
            "Give each CommunicationSystemTrust once.",
            prop="switches",
        )
