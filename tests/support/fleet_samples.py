"""Fleets for tests: tables, outcomes, and a scheduler whose stacks end as a script says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState, StackTask, Verb
from btp_trust_fleet.table.fleet import Fleet
from btp_trust_fleet.table.reading import read_fleet

START: Final = datetime(2028, 11, 1, 8, tzinfo=UTC)
TABLE: Final = """\
subaccounts:
  - name: acme-dev
    labels: [test]
  - name: acme-qa
    labels: [test]
  - name: acme-prod
    connection: production
    stack: live
    labels: [production, eu]
waves:
  - name: canary
    subaccounts: [acme-dev]
    generation: "2028-11"
    passive: "2028-11"
    soak: 7d
    approval: none
  - name: quality
    subaccounts: [acme-qa]
    generation: "2028-11"
    passive: "2028-11"
    approval: none
  - name: production
    labels: [production]
    generation: "2028-11"
    passive: "2028-11"
    approval: none
"""
SIGNERS: Final = ("a" * 64, "b" * 64)


class Clock:
    """A clock that moves by hand, and a second with each look."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        self.now += timedelta(seconds=1)
        return self.now

    def advance(self, **parts: float) -> None:
        """Let time pass."""
        self.now += timedelta(**parts)


def write_table(folder: Path, text: str = TABLE) -> Path:
    """Write a table."""
    path = folder / "fleet.yaml"
    path.write_text(text)
    return path


def sample_fleet(folder: Path, text: str = TABLE) -> Fleet:
    """Write and read a table."""
    return read_fleet(write_table(folder, text))


def wide_table(stacks: int, **settings: Any) -> str:
    """Return a table of one wave with so many stacks."""
    rows = "".join(f"  - name: s{number}\n    labels: [all]\n" for number in range(stacks))
    more = "".join(f"    {name}: {value}\n" for name, value in {"approval": "none", **settings}.items())
    return f'subaccounts:\n{rows}waves:\n  - name: all\n    labels: [all]\n    generation: "2"\n{more}'


def outcome_of(stack: str, state: StackState = StackState.CHANGED, **fields: Any) -> StackOutcome:
    """Return how a stack ended."""
    times = {"started_at": START, "ended_at": START + timedelta(seconds=3)}
    return StackOutcome(stack=stack, state=state, **{**times, **fields})


def planned_rotation(stack: str, **fields: Any) -> StackOutcome:
    """Return a preview that shows a rotation."""
    signers = {"signer_before": SIGNERS[0], "signer_after": SIGNERS[0]}
    shown = {"change": Change.ROTATE, "plan_digest": f"plan of {stack}", **signers}
    return outcome_of(stack, StackState.PLANNED, **{**shown, **fields})


class ScriptedScheduler:
    """Ends each stack as a script says, one after the other.

    Args:
        script: Returns how a task ends, or None while it runs on.
    """

    def __init__(self, script: Callable[[StackTask], StackOutcome | None] | None = None) -> None:
        self._script = script or green
        self._waiting: deque[StackTask] = deque()
        self.tasks: list[StackTask] = []
        self.at_once = 0
        self.interruptions = 0
        self.is_closed = False

    def submit(self, task: StackTask) -> None:
        """Take a stack."""
        assert task.stack not in {waiting.stack for waiting in self._waiting}
        self._waiting.append(task)
        self.tasks.append(task)
        self.at_once = max(self.at_once, len(self._waiting))

    def next_outcome(self, timeout: float) -> StackOutcome | None:
        """End the first one."""
        del timeout
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        outcome = outcome_of(task.stack, StackState.INTERRUPTED) if self.interruptions else self._script(task)
        if outcome is None:
            self._waiting.append(task)
        return outcome

    def interrupt(self) -> None:
        """Interrupt all."""
        self.interruptions += 1

    def close(self) -> None:
        """Close."""
        self.is_closed = True

    def stacks(self, verb: Verb | None = None) -> list[str]:
        """Return the stacks that were submitted, in their order."""
        return [task.stack for task in self.tasks if verb in (None, task.verb)]


def green(task: StackTask) -> StackOutcome:
    """End every stack as its program says, and every plan with a rotation."""
    if task.verb is Verb.PLAN:
        return planned_rotation(task.stack)
    return outcome_of(task.stack, change=Change.ROTATE, plan_digest=f"plan of {task.stack}")


def ending(**states: StackState | Iterable[StackState]) -> Callable[[StackTask], StackOutcome]:
    """Return a script in which these stacks end in these states, and the last of them from then on."""
    left = {stack: [each] if isinstance(each, StackState) else list(each) for stack, each in states.items()}

    def script(task: StackTask) -> StackOutcome:
        known = left.get(task.stack)
        if task.verb is Verb.PLAN or not known:
            return green(task)
        return outcome_of(task.stack, known.pop(0) if known[1:] else known[0], lines=("Its reason.",))

    return script
