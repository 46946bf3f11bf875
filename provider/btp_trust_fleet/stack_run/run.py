"""Run one stack."""

from __future__ import annotations

from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.task import StackOutcome, StackTask


def run_stack(task: StackTask, control: RunControl | None = None) -> StackOutcome:
    """Bring a stack to what its program says, as far as the verb and the approval allow; errors become outcomes."""
    raise NotImplementedError(task, control)
