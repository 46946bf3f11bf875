"""Rotations that wait for their time, with `when="next_window"`: left alone, and said by each command. Pure.

Until then the deployed generation stays the declared one, in the inputs and in the state: it still signs. A plan that
was saved meanwhile lacks the swap, so that the engine refuses to perform one with it.
"""

from __future__ import annotations

from msgspec.structs import replace

from btp_trust.formatting import format_rfc3339
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import list_lines
from btp_trust.rotation.swap_decision import decide_swap
from btp_trust.rotation.time_args import When
from btp_trust.rotation.time_limits import NEVER
from btp_trust.rotation.time_policies import first_moment, untimely
from btp_trust.runtime.comparison import Notice
from btp_trust.snapshot import Snapshot


def wait(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Leave a rotation alone until its time, if the program says so; one whose time never comes stays refused."""
    certificate, limit = swappable_certificate(declaration, snapshot), untimely(declaration, snapshot)
    if declaration.when is When.NOW or certificate is None or limit is None or limit.refusal is None:
        return None
    moment = first_moment(declaration, certificate, snapshot.now)
    step = decide_swap(declaration, snapshot)
    if moment == NEVER or step is None:
        return None
    why = limit.refusal.why
    return Decision(Action.WAIT, limit.reason, step.message, why, targets=step.targets, waits_until=moment)


def keep_deployed(declaration: Declaration) -> Declaration:
    """Return the declaration without the rotation that waits: with the generation that the state declares."""
    return replace(declaration, generation=declaration.deployed_generation or declaration.generation)


def waiting_notices(waiting: Decision | None) -> list[Notice]:
    """Return the step that is left alone, from when on it passes, and what performs it.

    The whole step: the person who deploys, or lets a schedule do so, has read exactly what will be done.
    """
    if waiting is None or waiting.waits_until is None:
        return []
    moment = format_rfc3339(waiting.waits_until)
    targets = f"{list_lines(waiting.targets)}\n" if waiting.targets else ""
    return [
        Notice(
            f"waits until {moment} ({waiting.reason}): {waiting.message}\n{targets}{waiting.evidence} The first "
            "`pulumi up` from then on performs the step; until then the slots are left as they are."
        )
    ]
