"""The program of the story, as a function of the generations in it."""

from __future__ import annotations

from support.fake_engine.deployment import Deployment, Program
from support.fake_engine.report import Bag


def program(
    passive_generation: str | None = None,
    active_generation: str | None = None,
    *,
    passive: Bag | None = None,
    trigger: Bag | None = None,
    active: Bag | None = None,
    trusted: Bag | None = None,
    system: Bag | None = None,
) -> Program:
    """Return the program of the story: the generation to prepare, the declared signer, and further arguments.

    A resource whose generation is None is left out, as are the TrustedIdentityProvider (`trusted`) and the
    CommunicationSystemTrust (`system`) without arguments. In those of the former, the key `passive` links it to the
    PassiveTrustCertificate. The trigger switches the latter over.
    """

    def run(deployment: Deployment) -> None:
        # As the resource classes find out who warns of the signer.
        by_trigger: Bag = {"warned_by": "RotationTrigger"} if active_generation else {}
        by_passive: Bag = {"warned_by": "PassiveTrustCertificate"} if passive_generation else {}
        candidate = (
            deployment.passive(generation=passive_generation, **by_trigger, **(passive or {}))
            if passive_generation
            else None
        )
        switches: Bag = {"switches": [system]} if system else {}
        rotation = (
            deployment.trigger(generation=active_generation, **{"candidate": candidate, **switches, **(trigger or {})})
            if active_generation
            else None
        )
        deployment.active(rotation=rotation, **({} if rotation else by_passive), **(active or {}))
        if trusted is not None:
            deployment.trusted(**{**trusted, "passive": candidate if "passive" in trusted else None})
        if system is not None:
            deployment.system(**system, switched_by="RotationTrigger")

    return run
