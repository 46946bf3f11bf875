"""What the ledger says of each stack and wave. Pure: it grows record by record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from btp_trust_fleet.ledger.records import Record, RunStarted, StackEnded, StackRecord, WaveApproved, declares_as
from btp_trust_fleet.stack_run.task import StackState, Verb
from btp_trust_fleet.table.fleet import FleetStack, Wave
from btp_trust_fleet.table.schema import bare_stack


class History:
    """All records, by stack and by wave.

    Args:
        records: In their order.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._of_stack: dict[str, list[StackRecord]] = {}
        """By the last part of the name: a table may add the organization and the project, and means the same stack."""
        self._approvals: list[tuple[WaveApproved, dict[str, int]]] = []
        """Each with the number of records that each stack had then."""
        self.last_run: RunStarted | None = None
        self.project: str | None = None
        """Whose stacks these are, as far as a command has recorded it."""
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Add the next record."""
        if isinstance(record, RunStarted):
            self.last_run = record
            self.project = record.project or self.project
        elif isinstance(record, WaveApproved):
            self._approvals.append((record, {stack: len(self._of(stack)) for stack in record.plans}))
        else:
            self._of_stack.setdefault(bare_stack(record.stack), []).append(record)

    def last(self, stack: str) -> StackRecord | None:
        """Return the last record of a stack, of any verb."""
        return next(reversed(self._of(stack)), None)

    def attempts(self, verb: Verb, stack: FleetStack) -> Iterator[StackRecord]:
        """Give the records of a verb about what the table declares now, the newest first.

        What was done before the declaration changed is over: a rotation that was rolled back since is to be made again.
        """
        together = {verb} if verb is Verb.PREPARE else {Verb.ROTATE, Verb.ROLL_BACK}
        for record in reversed(self._of(stack.stack)):
            if record.verb not in together:
                continue
            if not declares_as(record, verb, stack):
                return
            if record.verb is verb:
                yield record

    def approved_plans(self, verb: Verb, wave: Wave) -> dict[str, str]:
        """Return {stack: digest} of what is approved, for stacks whose plan has stayed the same since."""
        plans: dict[str, str] = {}
        for approval, counts in self._approvals:
            if (approval.wave, approval.verb, approval.generation) == (wave.name, verb, wave.generation):
                plans |= {
                    stack.stack: approval.plans[stack.stack]
                    for stack in wave.stacks
                    if stack.stack in approval.plans and self._holds(verb, stack, counts[stack.stack])
                }
        return plans

    def _holds(self, verb: Verb, stack: FleetStack, count: int) -> bool:
        """Return True unless the stack was refused since, or something else was declared."""
        since = self._of(stack.stack)[count:]
        is_refused = any(isinstance(record, StackEnded) and record.state is StackState.REFUSED for record in since)
        return not is_refused and all(declares_as(record, verb, stack) for record in since)

    def _of(self, stack: str) -> Sequence[StackRecord]:
        return self._of_stack.get(bare_stack(stack), ())
