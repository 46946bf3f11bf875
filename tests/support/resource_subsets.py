"""Programs with each combination of the four resources."""

from __future__ import annotations

import itertools
from typing import Final

from support.fake_engine import Deployment, Program

SUBSETS: Final = [
    subset
    for size in (1, 2, 3, 4)
    for subset in itertools.combinations(("active", "passive", "trigger", "trusted"), size)
]


def write_program(subset: tuple[str, ...], generation: str = "a", *, linked: bool = True) -> Program:
    """Write a program with these resources, which tell each other who warns as the resource classes do."""

    def run(deployment: Deployment) -> None:
        speaker = next((kind for kind in ("trigger", "passive") if kind in subset), None)
        names = {"trigger": "RotationTrigger", "passive": "PassiveTrustCertificate"}
        rotation = candidate = None
        if "active" in subset and not linked:
            deployment.active(warned_by=names.get(speaker or ""))
        if "passive" in subset:
            candidate = deployment.passive(
                generation="b", warned_by="RotationTrigger" if speaker == "trigger" else None
            )
        if "trigger" in subset:
            rotation = deployment.trigger(generation=generation, candidate=candidate)
        if "active" in subset and linked:
            deployment.active(rotation=rotation, warned_by=None if rotation else names.get(speaker or ""))
        if "trusted" in subset:
            deployment.trusted(connection="billing", origin_key="source.cfapps", passive=candidate)

    return run
