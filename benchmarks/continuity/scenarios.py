"""Three ways to exchange a certificate. People are slow: a pause comes before everything that they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from continuity.landscape import Landscape


@dataclass(frozen=True)
class Stage:
    """Where a scenario plays: what it works on, how time passes in it, and who takes down what is done."""

    landscape: Landscape
    pause: Callable[[], None]
    tell: Callable[[str], None]


class Deployments(Protocol):
    """The deployments of a rotation."""

    def prepare(self) -> str:
        """Mint the successor, which signs nothing yet. Returns its PEM."""

    def rotate(self) -> None:
        """Let it sign."""

    def retire(self) -> None:
        """Remove the old one."""


def rotation(stage: Stage, deployments: Deployments) -> None:
    """Prepare, publish, rotate, retire: a target trusts both certificates while one takes the other's place."""
    owners = stage.landscape.owners.values()
    old = stage.landscape.service.certificate()
    stage.pause()
    stage.tell("prepare")
    new = deployments.prepare()
    for number, owner in enumerate(owners):
        stage.pause()
        if not number:
            stage.tell("publish")
        owner.trust(old, new)
    stage.pause()
    stage.tell("rotate")
    deployments.rotate()
    stage.pause()
    stage.tell("retire")
    deployments.retire()
    for owner in owners:
        stage.pause()
        owner.trust(new)
    stage.pause()


def renew_in_place(stage: Stage) -> None:
    """Make a new active certificate where the old one was, then tell the targets."""
    stage.pause()
    stage.tell("renew")
    stage.landscape.service.post("certificate")
    follow(stage)


def swap_without_publishing(stage: Stage) -> None:
    """Mint and swap in one script, then tell the targets."""
    stage.pause()
    stage.tell("mint and swap")
    stage.landscape.service.post("certificate/passive")
    stage.landscape.service.post("rotateCertificate")
    follow(stage)


def follow(stage: Stage) -> None:
    """Let the owners learn that another certificate signs, one after the other."""
    new = stage.landscape.service.certificate()
    for number, owner in enumerate(stage.landscape.owners.values()):
        stage.pause()
        if not number:
            stage.tell("targets follow")
        owner.trust(new)
    stage.pause()
