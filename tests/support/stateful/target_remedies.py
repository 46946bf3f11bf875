"""The ways out of refusals that are about targets: who must trust a certificate, what is missing to prove it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from support.stateful.program import ProgramSpec
from support.stateful.refusals import Refusal, Remedies, Remedy
from support.stateful.target_statements import AttestedTrust, ObservedTrust, TargetStatement
from support.stateful.targets import SYSTEMS


def _untrusted(refusal: Refusal) -> Remedies:
    """The targets get the certificate; or the signer stays, or nobody asks those targets."""
    why = refusal.message.splitlines()[1:-1]
    doubtful = [line.strip().partition(":")[0] for line in why if line.startswith("  ")]
    yield Remedy("give it to the targets", (_with_statements(refusal, doubtful),), acts=_repairs(refusal, doubtful))
    yield Remedy(
        "keep who signs", (replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0]),)
    )
    others = {target: statement for target, statement in refusal.spec.trusted_by.items() if target not in doubtful}
    yield Remedy("ask the others", (replace(refusal.spec, trusted_by=others),))


def _with_statements(refusal: Refusal, targets: list[str]) -> ProgramSpec:
    """Say of targets that have the certificate now that they do."""
    spec, today = refusal.spec, refusal.engine.emulator.now.date()
    wanted = str(refusal.engine.slots[1])

    def now(statement: TargetStatement) -> TargetStatement:
        return AttestedTrust(wanted, today) if isinstance(statement, AttestedTrust) else ObservedTrust()

    return replace(spec, trusted_by={**spec.trusted_by, **{target: now(spec.trusted_by[target]) for target in targets}})


def _repairs(refusal: Refusal, targets: list[str]) -> tuple[Callable[[], object], ...]:
    return (functools.partial(refusal.targets.repair, *(each for each in targets if each in SYSTEMS)),)


def _target_pending(refusal: Refusal) -> Remedies:
    yield Remedy(
        "the target first",
        (replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0]), refusal.spec),
    )


def _failed_generation(refusal: Refusal) -> Remedies:
    """Revert, and leave it so; or revert, let the targets trust it, and declare it again."""
    if names := refusal.pasteable_values("generation"):
        reverted = replace(refusal.spec, active_generation=names[0])
    else:
        name = refusal.new_name()
        told = re.findall(r"([0-9a-f]{64}) signs again", refusal.message)[0]
        reverted = replace(refusal.spec, active_generation=name, known={**refusal.spec.known, name: told})
    yield Remedy("revert", (reverted,))
    yield Remedy("revert, repair, declare again", (reverted, refusal.spec), acts=_repairs(refusal, [*SYSTEMS]))


def _unknown_destination(refusal: Refusal) -> Remedies:
    name = re.findall(r"Destination '([^']*)'", refusal.what)[0]
    if "create the destination" in refusal.remedy:
        yield Remedy("create the destination", (refusal.spec,), acts=(functools.partial(refusal.targets.create, name),))
    verify_destinations = tuple(each for each in refusal.spec.verify_destinations if each != name)
    yield Remedy("try the others", (replace(refusal.spec, verify_destinations=verify_destinations),))


def _rejected_now(refusal: Refusal) -> Remedies:
    """What signs is refused, and nothing leads away from it: its owner repairs it, or it is only reported."""
    yield Remedy("repair it at once", (refusal.spec,), acts=_repairs(refusal, [*SYSTEMS]))
    yield Remedy("only report", (replace(refusal.spec, on_verification_failure="report"),))


def _missing_user(refusal: Refusal) -> Remedies:
    yield Remedy("name a user", (refusal.spec,), acts=(functools.partial(refusal.targets.set_user, "jane"),))


TARGET_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Remedies]]]] = [
    (r"^Give them that certificate first", _untrusted),
    (r"^Deploy the target first", _target_pending),
    (r"^Revert the change of `generation`", _failed_generation),
    (r"^Correct the name in verify_destinations|^Remove '.*' from verify_destinations", _unknown_destination),
    (r"^Let the owner of .* at once", _rejected_now),
    (r"btp-trust:user|user's token", _missing_user),
]
