"""Withhold the rotations that are yet to begin, once one of the same command is rolled back.

The update of a rotation that was rolled back succeeds, so that its record is kept, and the program fails a moment
later. The engine starts what comes next in that moment, also a resource that depends on it.
"""

from __future__ import annotations

from btp_trust.errors import Refused


class RolledBackRotations:
    """The rotations of this command that are rolled back. Each method is one operation of a dict."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        """{GUID of a subaccount: why its rotation is rolled back}"""

    def record(self, subaccount_id: str, reason: str) -> None:
        """Record a rollback as soon as it begins, and once more with what it has found out."""
        self._reasons[subaccount_id] = reason

    def refuse_rotation(self, subaccount_id: str, generation: str) -> None:
        """Refuse to begin a rotation after one of another subaccount was rolled back.

        Raises:
            Refused: That is the case. The error says where: the engine may stop the program before that says why.
        """
        reasons = [reason for rolled_back, reason in self._reasons.items() if rolled_back != subaccount_id]
        if reasons:
            raise Refused(
                f"Generation {generation!r} was not made to sign: another rotation of this deployment had to be "
                "rolled back.",
                f"What failed there may fail here as well. {' '.join(reasons)} Both slots of this one are as before.",
                "`pulumi preview` says why, and what to do there: at least revert the change of `generation`. "
                "Then deploy again: that rotates what is left.",
            )
