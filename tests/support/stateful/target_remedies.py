"""The ways out of refusals that are about targets: who must trust a certificate, what is missing to prove it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from support.stateful.program import Text
from support.stateful.refusals import Refusal, Way, Ways
from support.stateful.target_statements import Answered, Saying, Shown
from support.stateful.targets import SYSTEMS


def _untrusted(refusal: Refusal) -> Ways:
    """The targets get the certificate; or the signer stays, or nobody asks those targets."""
    why = refusal.message.splitlines()[1:-1]
    doubtful = [line.strip().partition(":")[0] for line in why if line.startswith("  ")]
    yield Way("give it to the targets", (_given(refusal, doubtful),), acts=_repairs(refusal, doubtful))
    yield Way("keep who signs", (replace(refusal.text, signs=refusal.pasted("generation")[0]),))
    others = {target: saying for target, saying in refusal.text.trusted_by.items() if target not in doubtful}
    yield Way("ask the others", (replace(refusal.text, trusted_by=others),))


def _given(refusal: Refusal, targets: list[str]) -> Text:
    """Say of targets that have the certificate now that they do."""
    text, today = refusal.text, refusal.twin.emulator.now.date()
    wanted = str(refusal.twin.slots[1])

    def now(saying: Saying) -> Saying:
        return Answered(wanted, today) if isinstance(saying, Answered) else Shown()

    return replace(text, trusted_by={**text.trusted_by, **{target: now(text.trusted_by[target]) for target in targets}})


def _repairs(refusal: Refusal, targets: list[str]) -> tuple[Callable[[], object], ...]:
    return (functools.partial(refusal.targets.repair, *(each for each in targets if each in SYSTEMS)),)


def _pending(refusal: Refusal) -> Ways:
    yield Way("the target first", (replace(refusal.text, signs=refusal.pasted("generation")[0]), refusal.text))


def _failed(refusal: Refusal) -> Ways:
    """Revert, and leave it so; or revert, let the targets trust it, and declare it again."""
    if names := refusal.pasted("generation"):
        reverted = replace(refusal.text, signs=names[0])
    else:
        name = refusal.fresh()
        told = re.findall(r"([0-9a-f]{64}) signs again", refusal.message)[0]
        reverted = replace(refusal.text, signs=name, known={**refusal.text.known, name: told})
    yield Way("revert", (reverted,))
    yield Way("revert, repair, declare again", (reverted, refusal.text), acts=_repairs(refusal, [*SYSTEMS]))


def _destination(refusal: Refusal) -> Ways:
    name = re.findall(r"Destination '([^']*)'", refusal.what)[0]
    if "create the destination" in refusal.remedy:
        yield Way("create the destination", (refusal.text,), acts=(functools.partial(refusal.targets.create, name),))
    verifies = tuple(each for each in refusal.text.verifies if each != name)
    yield Way("try the others", (replace(refusal.text, verifies=verifies),))


def _refused_now(refusal: Refusal) -> Ways:
    """What signs is refused, and nothing leads away from it: its owner repairs it, or it is only reported."""
    yield Way("repair it at once", (refusal.text,), acts=_repairs(refusal, [*SYSTEMS]))
    yield Way("only report", (replace(refusal.text, on_failure="report"),))


def _user(refusal: Refusal) -> Ways:
    yield Way("name a user", (refusal.text,), acts=(functools.partial(refusal.targets.be, "jane"),))


PROVING: Final[list[tuple[str, Callable[[Refusal], Ways]]]] = [
    (r"^Give them that certificate first", _untrusted),
    (r"^Deploy the target first", _pending),
    (r"^Revert the change of `generation`", _failed),
    (r"^Correct the name in verify_destinations|^Take '.*' out of verify_destinations", _destination),
    (r"^Let the owner of .* at once", _refused_now),
    (r"btp-trust:user|user's token", _user),
]
