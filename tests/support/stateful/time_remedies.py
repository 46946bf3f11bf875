"""Remedies of refusals about time, and about revoked generations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from support.stateful.refusals import Refusal, Remedies, Remedy, declare_known_generations
from support.stateful.time_limits import NO_LIMITS

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def moments(message: str) -> list[datetime]:
    """Return the moments that a message names."""
    return [datetime.fromisoformat(text) for text in _MOMENT.findall(message)]


def _untimely(refusal: Refusal) -> Remedies:
    """Wait, or change the limits if that is never; or break the glass."""
    if named := moments(refusal.remedy):
        yield Remedy("wait for its time", (refusal.spec,), wait_until=named[0])
    else:
        yield Remedy("lift the limits", (replace(refusal.spec, **NO_LIMITS),))
    broken = {**refusal.spec.break_glass, str(refusal.spec.active_generation): "INC-4711"}
    yield Remedy("break the glass", (replace(refusal.spec, break_glass=broken),))


def _revoked(refusal: Refusal) -> Remedies:
    generation = refusal.pasteable_values("generation")[0]
    yield declare_known_generations(refusal, replace(refusal.spec, active_generation=generation))


def _revoked_unknown(refusal: Refusal) -> Remedies:
    name = re.findall(r"has generation '([^']*)'", refusal.problem)[0]
    revoked = {other: reason for other, reason in refusal.spec.revoked.items() if other != name}
    yield Remedy("revoke others", (replace(refusal.spec, revoked=revoked),))
    yield declare_known_generations(refusal, refusal.spec)


TIME_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Remedies]]]] = [
    (r"In an emergency: break_glass=", _untimely),
    (r"^Declare the active certificate", _revoked),
    (r"^Revoke one of these", _revoked_unknown),
]
