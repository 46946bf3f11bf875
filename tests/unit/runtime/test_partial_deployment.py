"""Writes wait while a connection with a change due is out of reach."""

from __future__ import annotations

import pytest

from btp_trust.errors import CredentialsRejected, Refused
from btp_trust.runtime.host import Host
from btp_trust.runtime.partial_deployment import PartialDeployment
from btp_trust.runtime.read_ahead import ReadAhead
from support.fake_clock import FakeClock


class Program:
    """A program with two resources on each of two connections, one of which is out of reach."""

    def __init__(self, *, is_allowed: bool = False, limit: int = 32) -> None:
        self.clock = FakeClock()
        host = Host(sleep=self.sleep, monotonic=lambda: self.clock.now)
        self.reached: list[str] = []
        ahead = ReadAhead(limit, self.reach, lambda function: function())
        ahead.announce({"good": 2, "broken": 2})
        self.partial = PartialDeployment(ahead, self.reach, host, is_allowed=is_allowed)
        self.later: list[bool] = []
        """Whether a change is due in each of the resources that are planned while the write waits."""

    def reach(self, name: str) -> None:
        """Reach the one connection alone."""
        self.reached.append(name)
        if name == "broken":
            raise CredentialsRejected("The key was rejected.", "401.", "Renew the key.")

    def sleep(self, seconds: float) -> None:
        """Let the engine plan a resource in the meantime."""
        self.clock.sleep(seconds)
        if self.later:
            self.partial.record("broken", is_due=self.later.pop(0))


def assert_refused(program: Program) -> None:
    """Assert that a write is refused, with the broken connection and both remedies."""
    with pytest.raises(Refused) as caught:
        program.partial.refuse_unreached()
    assert caught.value.what == "Nothing was written: connection 'broken' is out of reach."
    assert caught.value.why.startswith("The key was rejected. 401. The program has a change due there")
    assert caught.value.remedy == (
        "Renew the key. Or allow it to change the others: pulumi config set btp-trust:partial true"
    )


@pytest.mark.parametrize("limit", [0, 1, 32])
@pytest.mark.parametrize("planned", [[True], [False, True]])
def test_due_change_refuses_write(planned: list[bool], limit: int) -> None:
    """A change that is due on a broken connection refuses the writes of all, planned before or meanwhile."""
    for before in range(len(planned) + 1):
        program = Program(limit=limit)
        for is_due in planned[:before]:
            program.partial.record("broken", is_due=is_due)
        program.later = planned[before:]
        assert_refused(program)


def test_unchanged_connection_may_be_broken() -> None:
    """A broken connection whose resources all stay as they are lets the writes pass."""
    program = Program()
    program.later = [False, False]
    program.partial.refuse_unreached()
    pauses = len(program.clock.pauses)
    program.partial.refuse_unreached()
    assert len(program.clock.pauses) == pauses, "known by now"


def test_unplanned_resource_counts_as_due() -> None:
    """A resource that the engine does not plan before the write may have a change due: it waits for that write."""
    program = Program()
    program.later = [False]
    assert_refused(program)
    assert program.clock.now < 6


def test_partial_deployment_can_be_allowed() -> None:
    """With `btp-trust:partial`, each connection is asked only when it is needed."""
    program = Program(is_allowed=True)
    program.partial.refuse_unreached()
    assert program.reached == []
