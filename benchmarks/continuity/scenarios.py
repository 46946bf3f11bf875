"""Three ways to replace a certificate. A pause before each act stands for the slowness of people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from continuity.subaccount import BenchmarkSubaccount


@dataclass(frozen=True)
class ScenarioContext:
    """The context of a scenario: its subaccount, its pauses, and the record of its events."""

    subaccount: BenchmarkSubaccount
    pause: Callable[[], None]
    record_event: Callable[[str], None]


class Deployments(Protocol):
    """The deployments of a rotation."""

    def prepare(self) -> str:
        """Generate the successor as passive certificate; return its PEM."""

    def rotate(self) -> None:
        """Rotate to it."""

    def retire(self) -> None:
        """Delete the old certificate."""


def rotation(context: ScenarioContext, deployments: Deployments) -> None:
    """Prepare, publish, rotate, retire: targets trust both certificates during the swap."""
    owners = context.subaccount.owners.values()
    old = context.subaccount.service.certificate()
    context.pause()
    context.record_event("prepare")
    new = deployments.prepare()
    for number, owner in enumerate(owners):
        context.pause()
        if not number:
            context.record_event("publish")
        owner.trust(old, new)
    context.pause()
    context.record_event("rotate")
    deployments.rotate()
    context.pause()
    context.record_event("retire")
    deployments.retire()
    for owner in owners:
        context.pause()
        owner.trust(new)
    context.pause()


def renew_in_place(context: ScenarioContext) -> None:
    """Generate over the active certificate, then update the targets."""
    context.pause()
    context.record_event("renew")
    context.subaccount.service.post("certificate")
    update_targets(context)


def swap_without_publishing(context: ScenarioContext) -> None:
    """Generate and swap in one script, then update the targets."""
    context.pause()
    context.record_event("generate and swap")
    context.subaccount.service.post("certificate/passive")
    context.subaccount.service.post("rotateCertificate")
    update_targets(context)


def update_targets(context: ScenarioContext) -> None:
    """Update the trust of the targets, one after the other."""
    new = context.subaccount.service.certificate()
    for number, owner in enumerate(context.subaccount.owners.values()):
        context.pause()
        if not number:
            context.record_event("targets follow")
        owner.trust(new)
    context.pause()
