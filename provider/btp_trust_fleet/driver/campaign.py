"""What a command of the driver is to do. Pure."""

from __future__ import annotations

from msgspec import Struct

from btp_trust_fleet.stack_run.task import Verb
from btp_trust_fleet.table.fleet import FleetStack, Wave
from btp_trust_fleet.table.schema import Approval


class Campaign(Struct, frozen=True, kw_only=True):
    """A verb for the waves of a fleet, in one command."""

    verb: Verb
    waves: tuple[Wave, ...]
    run: str
    """The identity of the command."""
    parallel: int
    chosen: frozenset[str] | None = None
    """The stacks to run; None: all of them."""
    again: bool = False
    """Run the chosen ones although the ledger has them as done; a rejection waits for a person who names the stack."""
    named: frozenset[str] = frozenset()
    """The stacks that a person has named: there is a reason to run them, although they are done or were rejected."""

    def is_chosen(self, stack: FleetStack) -> bool:
        """Return True if the command is about this stack."""
        return self.chosen is None or stack.stack in self.chosen

    @property
    def changes_signers(self) -> bool:
        """Return True if the verb may swap."""
        return self.verb in {Verb.ROTATE, Verb.ROLL_BACK}

    def needs_approval(self, wave: Wave) -> bool:
        """Return True if a wave is approved by more than the verb."""
        return self.changes_signers and wave.approval is not Approval.NONE
