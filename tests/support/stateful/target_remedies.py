"""Remedies of refusals about targets: missing trust, and missing prerequisites of a verification."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from support.stateful.program import ProgramSpec
from support.stateful.refusals import Refusal, Remedies, Remedy
from support.stateful.target_statements import AttestedTrust, ObservedTrust, TargetStatement
from support.stateful.targets import SYSTEMS


def _untrusted(refusal: Refusal) -> Remedies:
    """The targets get the certificate; or the signer stays; or trusted_by omits these targets."""
    why = refusal.message.splitlines()[1:-1]
    doubtful = [line.strip().partition(":")[0] for line in why if line.startswith("  ")]
    yield Remedy(
        "give it to the targets", (_with_statements(refusal, doubtful),), preconditions=_repairs(refusal, doubtful)
    )
    yield Remedy(
        "keep the signer", (replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0]),)
    )
    others = {target: statement for target, statement in refusal.spec.trusted_by.items() if target not in doubtful}
    yield Remedy("ask the others", (replace(refusal.spec, trusted_by=others),))


def _with_statements(refusal: Refusal, targets: list[str]) -> ProgramSpec:
    """Return the program with statements that these targets trust the passive certificate."""
    spec, passive = refusal.spec, str(refusal.engine.slots[1])
    # A moment, past when the remedy is deployed: on the day of a rejection, the day alone shows too little.
    now = refusal.engine.emulator.now.replace(microsecond=0) + timedelta(seconds=1)

    def updated(statement: TargetStatement) -> TargetStatement:
        return AttestedTrust(passive, now) if isinstance(statement, AttestedTrust) else ObservedTrust()

    return replace(
        spec, trusted_by={**spec.trusted_by, **{target: updated(spec.trusted_by[target]) for target in targets}}
    )


def _repairs(refusal: Refusal, targets: list[str]) -> tuple[Callable[[], object], ...]:
    return (functools.partial(refusal.targets.repair, *(target for target in targets if target in SYSTEMS)),)


def _target_pending(refusal: Refusal) -> Remedies:
    yield Remedy(
        "the target first",
        (replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0]), refusal.spec),
    )


def _failed_generation(refusal: Refusal) -> Remedies:
    """Revert; or revert, repair the targets, and declare the generation again."""
    if names := refusal.pasteable_values("generation"):
        reverted = replace(refusal.spec, active_generation=names[0])
    else:
        name = refusal.new_name()
        fingerprint = re.findall(r"([0-9a-f]{64}) signs again", refusal.message)[0]
        known = {**refusal.spec.known_generations, name: fingerprint}
        reverted = replace(refusal.spec, active_generation=name, known_generations=known)
    yield Remedy("revert", (reverted,))
    repairs = (*_repairs(refusal, [*SYSTEMS]), refusal.targets.communication_systems.repair)
    yield Remedy("revert, repair, declare again", (reverted, refusal.spec), preconditions=repairs)


def _unknown_destination(refusal: Refusal) -> Remedies:
    name = re.findall(r"Destination '([^']*)'", refusal.problem)[0]
    if "create the destination" in refusal.remedy:
        yield Remedy(
            "create the destination", (refusal.spec,), preconditions=(functools.partial(refusal.targets.create, name),)
        )
    verify_destinations = tuple(other for other in refusal.spec.verify_destinations if other != name)
    yield Remedy("verify the others", (replace(refusal.spec, verify_destinations=verify_destinations),))


def _rejected_now(refusal: Refusal) -> Remedies:
    """The signer is rejected without a rollback: the owner repairs the target, or rejections are only reported."""
    yield Remedy("repair it at once", (refusal.spec,), preconditions=_repairs(refusal, [*SYSTEMS]))
    yield Remedy("only report", (replace(refusal.spec, on_verification_failure="report"),))


def _missing_user(refusal: Refusal) -> Remedies:
    yield Remedy("name a user", (refusal.spec,), preconditions=(functools.partial(refusal.targets.set_user, "jane"),))


TARGET_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Remedies]]]] = [
    (r"^Give them that certificate first", _untrusted),
    (r"^Deploy the target first", _target_pending),
    (r"^Revert the change of `generation`", _failed_generation),
    (r"^Correct the name in verify_destinations|^Remove '.*' from verify_destinations", _unknown_destination),
    (r"^Let the owner of .* at once", _rejected_now),
    (r"btp-trust:user|user's token", _missing_user),
]
