"""Programs with a PassiveTrustCertificate, and what colleagues do to its slot."""

from __future__ import annotations

from typing import Any, Final

from support.fake_engine import HOUR, Deployment, FakeEngine, Program, program

ALONE: Final = program()
BASE: Final = program(None, "a")
PREPARED: Final = program("b", "a")
ROTATED: Final = program("b", "b")
NEXT: Final = program("c", "b")
NEXT_ROTATED: Final = program("c", "c")


def only(generation: str, **more: Any) -> Program:
    """Write a program with one PassiveTrustCertificate."""

    def run(deployment: Deployment) -> None:
        deployment.passive(generation=generation, **more)

    return run


def nothing(_: Deployment) -> None:
    """Declare nothing."""


def generate_by_a_colleague(engine: FakeEngine) -> str | None:
    """Let a colleague generate a passive certificate; return its fingerprint."""
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.advance(HOUR)
    return engine.slots[1]


def swap_by_a_colleague(engine: FakeEngine) -> None:
    """Let a colleague swap."""
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
