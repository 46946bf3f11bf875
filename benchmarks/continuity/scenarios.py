"""Three ways to exchange a certificate. People are slow: a pause comes before everything that they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from continuity.subaccount import BenchmarkSubaccount


@dataclass(frozen=True)
class ScenarioContext:
    """Where a scenario plays: what it works on, how time passes in it, and who takes down what is done."""

    subaccount: BenchmarkSubaccount
    pause: Callable[[], None]
    record_event: Callable[[str], None]


class Deployments(Protocol):
    """The deployments of a rotation."""

    def prepare(self) -> str:
        """Mint the successor, which signs nothing yet. Returns its PEM."""

    def rotate(self) -> None:
        """Let it sign."""

    def retire(self) -> None:
        """Remove the old one."""


def rotation(context: ScenarioContext, deployments: Deployments) -> None:
    """Prepare, publish, rotate, retire: a target trusts both certificates while one takes the other's place."""
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
    """Make a new active certificate where the old one was, then tell the targets."""
    context.pause()
    context.record_event("renew")
    context.subaccount.service.post("certificate")
    update_targets(context)


def swap_without_publishing(context: ScenarioContext) -> None:
    """Mint and swap in one script, then tell the targets."""
    context.pause()
    context.record_event("mint and swap")
    context.subaccount.service.post("certificate/passive")
    context.subaccount.service.post("rotateCertificate")
    update_targets(context)


def update_targets(context: ScenarioContext) -> None:
    """Let the owners learn that another certificate signs, one after the other."""
    new = context.subaccount.service.certificate()
    for number, owner in enumerate(context.subaccount.owners.values()):
        context.pause()
        if not number:
            context.record_event("targets follow")
        owner.trust(new)
    context.pause()
