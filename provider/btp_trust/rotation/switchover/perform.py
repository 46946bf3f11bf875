"""Switch systems over: prepare every write before the swap, send all at once after it, set them back in a rollback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct, field

from btp_trust.certificate import Certificate
from btp_trust.errors import TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.property_bag import PropertyBag
from btp_trust.rotation.schema import RotationInputs
from btp_trust.rotation.switchover import messages
from btp_trust.rotation.switchover.plan import due_switchover
from btp_trust.rotation.switchover.reading import concurrently, find_system, trusts
from btp_trust.rotation.switchover.schema import OnSwitchFailure, Switch
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.session import Session
from btp_trust.runtime.system_writes import PreparedWrite, prepare_write
from btp_trust.runtime.write_lock import was_not_applied
from btp_trust.service import certificate_field
from btp_trust.service.communication_systems import SystemTrust
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust.snapshot import Snapshot


class Switchover(Struct):
    """The systems of one command that change over with the signer."""

    retry_policy: RetryPolicy
    writes: Mapping[str, PreparedWrite] = field(default_factory=dict)
    """{system: its write}, prepared before the swap; those that trust the next signer already need none."""
    failures: dict[str, TrustError] = field(default_factory=dict)
    """{system: why it failed}."""
    still_behind: Sequence[str] = ()
    """Systems that an earlier step has left behind, where this command switches none over."""
    swap_sent_at: float | None = None
    """Seconds of the monotonic clock, if a swap goes before."""
    gap: float | None = None
    """For how many seconds the systems refused calls at most: from the request of the swap to their last answer."""

    @property
    def switched(self) -> list[str]:
        """The systems that were switched over, once the writes are sent."""
        return [name for name in self.writes if name not in self.failures]

    def send(self, monotonic: Callable[[], float]) -> None:
        """Let every system trust the certificate that signs now, all at the same time; then read each of them."""
        self.failures |= self._for_all(PreparedWrite.send, self.writes)
        self.gap = None if self.swap_sent_at is None else monotonic() - self.swap_sent_at
        self.failures |= self._for_all(PreparedWrite.confirm, {name: self.writes[name] for name in self.switched})

    def restore(self) -> dict[str, TrustError]:
        """Set back every system that may have been switched over; return why others failed."""
        # A lost answer counts as done: setting a system back to what it holds is harmless.
        sent = {
            name: write.reversed()
            for name, write in self.writes.items()
            if name not in self.failures or not was_not_applied(self.failures[name])
        }
        return self._for_all(_set_back, sent)

    def _for_all(
        self, act: Callable[[PreparedWrite], SystemTrust], writes: Mapping[str, PreparedWrite]
    ) -> dict[str, TrustError]:
        """Act on all writes at the same time; return {system: why that failed}."""
        if not writes:
            return {}
        # Users are refused meanwhile, so a slow preparation or verification leaves this its whole time.
        with self.retry_policy.fresh_deadline():
            ended = concurrently(partial(_error_of, act), list(writes.values()), self.retry_policy)
        return {name: error for name, error in zip(writes, ended, strict=True) if error is not None}

    def outputs(self) -> PropertyBag:
        """Return the systems that were left behind, if there are any."""
        return {"unswitched": [*self.failures, *self.still_behind] or None}


def prepare_switchover(
    session: Session, new: RotationInputs, command_plan: CommandPlan, snapshot: Snapshot, *, has_swap: bool
) -> Switchover:
    """Prepare all writes, so that after the swap each system needs one request.

    Args:
        session: What the process shares.
        new: The plan.
        command_plan: What this command plans for the subaccount.
        snapshot: The slots before the swap.
        has_swap: Whether a swap is due.

    Raises:
        TrustError: A system failed to prepare, or trusts another certificate than planned. Each still trusts what it
            trusted.
    """
    switchover = Switchover(session.retry_policy)
    planned = due_switchover(new, command_plan)
    to, before = (snapshot.passive, snapshot.active) if has_swap else (snapshot.active, snapshot.passive)
    if planned is None or to is None or before is None:
        return switchover

    def prepare(switch: Switch) -> PreparedWrite | TrustError | None:
        try:
            return _prepare(session, switch, planned.systems[switch.name].trusts, to, before)
        except TrustError as error:
            return error

    found = concurrently(prepare, new.switches, session.retry_policy)
    prepared = {switch.name: each for switch, each in zip(new.switches, found, strict=True) if each is not None}
    switchover.failures = {name: each for name, each in prepared.items() if isinstance(each, TrustError)}
    switchover.writes = {name: each for name, each in prepared.items() if isinstance(each, PreparedWrite)}
    if has_swap and switchover.failures and new.on_switch_failure is OnSwitchFailure.ROLLBACK:
        name, error = next(iter(switchover.failures.items()))
        raise error.prefixed(f"The slots stay as they are, for {name} failed to prepare: ")
    return switchover


def _prepare(
    session: Session, switch: Switch, planned: str, to: Certificate, before: Certificate
) -> PreparedWrite | None:
    """Prepare the write of one system, unless it trusts the next signer already."""
    system = find_system(session, switch)
    # From here on, what CommunicationSystemTrust reads is what became of the switchover.
    session.plans.of_system(system.address).switched_to = None
    found = system.read()
    if trusts(found, to):
        return None
    if not trusts(found, before) or not planned.startswith(short_fingerprint(before.fingerprint)):
        raise messages.changed_since_plan(switch.name, planned, certificate_field.describe(found.field))
    return prepare_write(system, to, certificate_field.identity(found.field), switch.certificate_format, rehearse=True)


def _set_back(write: PreparedWrite) -> SystemTrust:
    write.send()
    return write.confirm()


def _error_of(act: Callable[[PreparedWrite], SystemTrust], write: PreparedWrite) -> TrustError | None:
    try:
        act(write)
    except TrustError as error:
        return error
    return None
