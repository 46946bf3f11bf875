"""Whatever a team does, in whatever order: the signer changes only as previewed, and nothing unnamed disappears."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from machine.tally import Tally
from machine.team import team

from btp_trust_emulator import Emulator


def test_a_team_loses_nothing_that_no_preview_named() -> None:
    """Run the machine: the same examples each time. `make soak` searches on."""
    tally = Tally()
    with Emulator(key_size=1024) as emulator:
        run_state_machine_as_test(
            team(emulator, tally),
            settings=settings(
                max_examples=25,
                stateful_step_count=14,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert tally.examples >= 25
