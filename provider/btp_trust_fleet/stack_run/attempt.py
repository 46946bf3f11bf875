"""One attempt at a stack: preview, decide, update, and what the end means."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from btp_trust.errors import ConfigurationError, UnreadableState, to_printable
from btp_trust_fleet.stack_run.child import MISSING
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.decision import PreviewDecision, decide
from btp_trust_fleet.stack_run.lines import error_lines, readable
from btp_trust_fleet.stack_run.locks import Lock, parse_lock
from btp_trust_fleet.stack_run.preview_document import Diagnostic, PreviewDocument, parse_preview
from btp_trust_fleet.stack_run.process import Command, Ended, SignalTimes, run_command
from btp_trust_fleet.stack_run.saved_plan import open_plan
from btp_trust_fleet.stack_run.task import Change, StackState, StackTask
from btp_trust_fleet.stack_run.trigger_state import SignerRecord, find_record, parse_export, recorded_before
from btp_trust_fleet.stack_run.update_events import UpdateEvents, parse_events
from btp_trust_fleet.stack_run.workspace import Workspace

_ROLLBACK_FAILED: Final = "RollbackFailed"
"""Name of the error of this provider, as Pulumi prints it: the state has no trace of such an end."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt has ended."""

    state: StackState
    lines: tuple[str, ...] = ()
    change: Change = Change.NONE
    digest: str | None = None
    before: str | None = None
    """Fingerprint of the signer that the state recorded before."""
    after: str | None = None
    lock: Lock | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command has printed, and how it has ended."""

    ended: Ended
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """Runs the commands of a stack in its workspace."""

    task: StackTask
    workspace: Workspace
    control: RunControl
    signal_times: SignalTimes

    def run(self) -> Result:
        """Bring the stack to what its program says, or say why not.

        Raises:
            TrustError: Pulumi is missing, or its output is unreadable.
        """
        printed = self._pulumi("preview", "--json", "--show-sames", "--save-plan", str(self.workspace.plan))
        if printed.ended.status != 0:
            return self._failed_preview(printed)
        preview = parse_preview(printed.stdout)
        decision, before = decide(self.task, preview), recorded_before(preview).fingerprint
        result = Result(
            decision.state or StackState.CHANGED, decision.lines, decision.change, decision.digest, before, before
        )
        return result if decision.state is not None else self._update(preview, decision, result)

    def cancel(self) -> None:
        """Take away the locks of the stack: only if their holders are gone."""
        self._pulumi("cancel", "--yes")

    def _update(self, preview: PreviewDocument, decision: PreviewDecision, planned: Result) -> Result:
        """Let the engine do what was previewed: it refuses each step that differs from the saved plan."""
        plan = self.workspace.plan
        plan.write_bytes(open_plan(plan.read_bytes(), preview))
        printed = self._pulumi("up", "--yes", "--skip-preview", "--plan", str(plan), "--json")
        events = parse_events(printed.stdout)
        if printed.ended.status == 0:
            state = StackState.POSTPONED if decision.waits else StackState.CHANGED
            return replace(planned, state=state, after=find_record(events.outputs).fingerprint or planned.before)
        return self._failed_update(printed, events, planned)

    def _failed_update(self, printed: Printed, events: UpdateEvents, planned: Result) -> Result:
        lock = parse_lock(printed.stderr)
        if lock is not None:
            return replace(planned, state=StackState.LOCKED, lines=self._locked_lines(lock), lock=lock)
        reached, record = find_record(events.outputs), self._record()
        is_rejected = reached.was_rejected or any(_ROLLBACK_FAILED in error.message for error in events.errors)
        state = StackState.REJECTED if is_rejected else _failure_state(printed.ended)
        # The outputs go before the messages: the engine may end the program before it has shown them.
        lines = readable([reached.failure]) or self._failure_lines(printed, events.errors)
        return replace(planned, state=state, lines=lines, after=record.fingerprint or planned.before)

    def _failed_preview(self, printed: Printed) -> Result:
        errors: Sequence[Diagnostic] = ()
        with suppress(UnreadableState):  # an error before the first step is printed as text
            errors = parse_preview(printed.stdout).errors
        state, record = _failure_state(printed.ended), SignerRecord()
        if any(error.is_of_trigger for error in errors):
            record = self._record()
            state = StackState.REJECTED if record.was_rejected else state
        lines = self._failure_lines(printed, errors)
        return Result(state, lines, before=record.fingerprint, after=record.fingerprint)

    def _record(self) -> SignerRecord:
        # By a control of its own: what an interrupted update has done is read all the same.
        return parse_export(self._pulumi("stack", "export", control=RunControl()).stdout)

    def _failure_lines(self, printed: Printed, errors: Sequence[Diagnostic]) -> tuple[str, ...]:
        lines = error_lines(errors) or readable([printed.stderr]) or self._silent_lines(printed.ended)
        if printed.ended.timed_out:
            limit = f"The command took longer than {self.task.timeout_seconds} seconds, and was interrupted."
            return (limit, *lines)
        return lines

    def _silent_lines(self, ended: Ended) -> tuple[str, ...]:
        return (
            f"Pulumi ended with status {ended.status}, and gave no reason.",
            f"All that it printed is in {self.workspace.logs}.",
            f"Read that, then run `pulumi preview --stack {self.task.stack}` in the folder of the program.",
        )

    def _locked_lines(self, lock: Lock) -> tuple[str, ...]:
        # As a whole: redaction would take the holder's name and host for an address.
        return (
            f"Stack {self.task.stack} is locked.",
            to_printable(f"The lock is that of {lock}."),
            f"Wait for the end of that command; if it is certainly gone: pulumi cancel --stack {self.task.stack}",
        )

    def _pulumi(self, *words: str, control: RunControl | None = None) -> Printed:
        stdout, stderr = self.workspace.outputs(words[0])
        command = Command(
            ["pulumi", *words, "--stack", self.task.stack, "--non-interactive", "--color", "never"],
            self.workspace.project,
            self.workspace.environ,
            stdout,
            stderr,
            self.task.timeout_seconds,
        )
        ended = run_command(command, control or self.control, self.signal_times)
        if ended.status == MISSING:
            raise _pulumi_missing()
        return Printed(ended, stdout.read_bytes(), stderr.read_text(errors="replace"))


def _failure_state(ended: Ended) -> StackState:
    return StackState.INTERRUPTED if ended.was_interrupted else StackState.FAILED


def _pulumi_missing() -> ConfigurationError:
    return ConfigurationError(
        "Pulumi's command line failed to start.",
        "PATH lacks the command `pulumi`, or has one that this system refuses to run: by it, each stack is previewed "
        "and updated.",
        "Install Pulumi 3.250 or newer on the machine that runs the stacks, and put it on PATH.",
    )
