"""Writes wait while a connection with a change due is out of reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from btp_trust.errors import CredentialsRejected, Refused
from btp_trust.runtime import operation_context, partial_deployment
from btp_trust.runtime.host import Host
from btp_trust.runtime.operation_context import OperationContext
from btp_trust.runtime.partial_deployment import PartialDeployment
from btp_trust.runtime.read_ahead import ReadAhead
from btp_trust.service.transport.retry import RetryPolicy, Timeouts
from support.fake_clock import FakeClock


class Program:
    """A program with two resources on each of two connections, one of which is out of reach."""

    def __init__(self, *, is_allowed: bool = False, limit: int = 32) -> None:
        self.clock = FakeClock()
        host = Host(sleep=self.sleep, monotonic=lambda: self.clock.now)
        self.retry_policy = RetryPolicy(Timeouts(), self.clock.sleep, host.monotonic)
        self.reached: list[str] = []
        self.lines: list[str] = []
        self.read_ahead = ReadAhead(limit, self.reach, lambda function: function())
        self.read_ahead.announce({"good": 2, "broken": 2})
        self.partial = PartialDeployment(
            self.read_ahead, self.reach, host, self.retry_policy, self.lines.append, is_allowed=is_allowed
        )
        self.later: list[bool | None] = []
        """Whether a change is due in each of the resources that are planned while the write waits; None for none."""
        self.seconds_per_pause = 0.0
        self.planned = 0

    def reach(self, name: str) -> None:
        """Reach the one connection alone, in a minute."""
        self.clock.sleep(60)
        self.reached.append(name)
        if name == "broken":
            raise CredentialsRejected("The key was rejected.", "401.", "Renew the key.")

    @contextmanager
    def resource(self, urn: str) -> Iterator[None]:
        """Let the engine call about a resource."""
        token = operation_context._context.set(OperationContext(urn))
        yield
        operation_context._context.reset(token)

    def plan(self, *, is_due: bool, urn: str = "") -> None:
        """Plan the next resource of the broken connection: check, then diff."""
        self.planned += 1
        with self.resource(urn or f"resource {self.planned}"), self.partial.planning():
            self.partial.begin_plan("broken")
            self.partial.record("broken", is_due=is_due)

    def sleep(self, seconds: float) -> None:
        """Let the engine plan a resource in the meantime, or nothing."""
        self.clock.sleep(self.seconds_per_pause or seconds)
        if self.later and (is_due := self.later.pop(0)) is not None:
            self.plan(is_due=is_due)


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
            program.plan(is_due=is_due)
        program.later = [*planned[before:]]
        assert_refused(program)


def test_unchanged_connection_may_be_broken() -> None:
    """A broken connection whose resources all stay as they are lets the writes pass."""
    program = Program()
    program.later = [False, False]
    program.partial.refuse_unreached()
    reached = len(program.reached)
    program.partial.refuse_unreached()
    assert len(program.reached) == reached, "known by now"


def test_unplanned_resource_counts_as_due() -> None:
    """A resource that the engine does not plan before the write may have a change due: it waits for that write."""
    program = Program()
    program.later = [False]
    assert_refused(program)
    assert program.clock.now - 60 * len(program.reached) < 6


def test_partial_deployment_can_be_allowed() -> None:
    """With `btp-trust:partial`, each connection is asked only when it is needed."""
    program = Program(is_allowed=True)
    program.partial.refuse_unreached()
    assert program.reached == []


def test_one_resource_counts_once() -> None:
    """A resource that is planned twice leaves the other resource of its connection unknown."""
    program = Program()
    for _ in range(2):
        program.plan(is_due=False, urn="same")
    assert_refused(program)


def test_waiting_leaves_time_for_write() -> None:
    """The operation of the write keeps its time and its requests, however long it waits."""
    program = Program(limit=0)
    program.later = [False, False]
    with program.retry_policy.deadline():
        program.clock.sleep(10)
        program.retry_policy.count_request()
        program.partial.refuse_unreached()
        assert program.clock.now > 130
        assert program.retry_policy.remaining == pytest.approx(170)
        assert program.retry_policy.requests_sent == 1
    program.partial.refuse_unreached()
    assert program.retry_policy.remaining == 180, "outside of an operation, nothing is bounded"


def test_late_connection_stops_further_writes() -> None:
    """A connection that is announced after a write is said to withhold what would be written now."""
    program = Program()
    program.read_ahead.announced.pop("broken")
    program.partial.refuse_unreached()
    program.read_ahead.announce({"broken": 2})
    program.plan(is_due=True)
    with pytest.raises(Refused, match="Nothing more was written: connection 'broken'"):
        program.partial.refuse_unreached()


def test_running_plan_is_waited_for() -> None:
    """A plan that takes long, as of an identity provider, differs from an engine that waits for the write."""
    program = Program()
    program.seconds_per_pause = 4  # so that more than five pass before the next plan
    program.later = [None, None, False, None, None, False]
    with program.partial.planning():
        program.partial.refuse_unreached()
    assert program.later == []


@pytest.mark.parametrize("count", [1, 5])
def test_user_learns_what_write_waits_for(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A line names the slow connections, and how long they may take."""
    monkeypatch.setattr(partial_deployment, "_SILENT", 0.01)
    end, lines = threading.Event(), list[str]()

    def show(line: str) -> None:
        lines.append(line)
        end.set()

    ahead = ReadAhead(9, lambda _: end.wait(30), lambda run: threading.Thread(target=run).start())
    ahead.announce({f"slow{number}": 1 for number in range(count)})
    policy = RetryPolicy(Timeouts(), time.sleep, time.monotonic)
    PartialDeployment(ahead, lambda _: None, Host(), policy, show, is_allowed=False).refuse_unreached()
    named = {1: "'slow0'", 5: "'slow0', 'slow1', 'slow2' and 2 more"}[count]
    assert len(lines) == 1
    assert f"waits for connection {named}: all" in lines[0]
    assert "within 180 s (btp-trust:operationTimeout)" in lines[0]
