"""The commands that drive a fleet, with a scheduler whose stacks end as a script says."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.commands import DriveRequest, Machine, run_drive
from btp_trust_fleet.driver.stop import Stop, stop_on_signals
from btp_trust_fleet.ledger.ledger_file import read_records
from btp_trust_fleet.ledger.records import StackEnded, StackStarted, WaveApproved
from btp_trust_fleet.progress.plain import PlainView
from btp_trust_fleet.schedulers.local import LocalScheduler
from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState, StackTask, Verb
from support.fleet_samples import (
    SIGNERS,
    TABLE,
    Clock,
    ScriptedScheduler,
    ending,
    green,
    outcome_of,
    wide_table,
    write_table,
)
from support.terminals import pipes, printed, screen


@dataclass
class Bench:
    """A fleet and its commands."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    scheduler: ScriptedScheduler = field(default_factory=ScriptedScheduler)
    terminal: Terminal = field(default_factory=pipes)
    stop: Stop = field(default_factory=Stop)
    answers: list[str] = field(default_factory=list)
    has_person: bool = True

    def run(self, verb: Verb = Verb.ROTATE, script: Callable[..., Any] = green, **options: Any) -> Severity:
        """Run a command."""
        self.scheduler, self.terminal = ScriptedScheduler(script), options.pop("terminal", None) or pipes()
        self.stop = Stop()
        ask = (lambda _: self.answers.pop(0)) if self.has_person else None
        machine = Machine(self.terminal, self.clock, self.stop, ask, self.scheduler)
        return run_drive(DriveRequest(self.folder, verb=verb, **options), machine)

    @property
    def text(self) -> str:
        """What the last command printed."""
        return printed(self.terminal)

    @property
    def summary(self) -> str:
        """The first line of its summary."""
        names = tuple(f"{severity.name}: " for severity in Severity)
        return next(line for line in self.text.splitlines() if line.startswith(names))

    @property
    def ledger(self) -> list[Any]:
        """All records."""
        return read_records(self.folder / ".btp-trust/fleet-ledger.jsonl")[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A fleet of three waves; the first one soaks for a week."""
    write_table(tmp_path)
    return Bench(tmp_path)


def wide_bench(folder: Path, stacks: int, **settings: Any) -> Bench:
    """Return a bench of one wave."""
    write_table(folder, wide_table(stacks, **settings))
    return Bench(folder)


def test_prepare_goes_through_all_waves(bench: Bench) -> None:
    """A record before and after each stack; the summary says what the table declares."""
    assert bench.run(Verb.PREPARE) == Severity.OK
    assert bench.scheduler.stacks(Verb.PREPARE) == ["acme-dev", "acme-qa", "live"]
    assert bench.summary == "OK: 3 stacks are what the table declares"
    kinds = [type(record).__name__ for record in bench.ledger]
    assert kinds == ["RunStarted", *["StackStarted", "StackEnded"] * 3]
    assert "canary: acme-dev started" in bench.text
    assert bench.scheduler.is_closed


def test_task_has_its_folders(bench: Bench) -> None:
    """Beside the table, from each working folder."""
    bench.run(Verb.PREPARE)
    task = bench.scheduler.tasks[0]
    assert task.folder == str(bench.folder)
    assert task.homes == str(bench.folder / ".btp-trust/homes")
    assert task.logs == str(bench.folder / ".btp-trust/logs")
    assert task.plan_digest is None
    assert task.row is not None
    assert '"stack":"acme-dev"' in task.row


def test_soak_ends_the_command(bench: Bench) -> None:
    """With the moment from which on the next wave may start; later the same command goes on."""
    assert bench.run() == Severity.WARNING
    assert bench.summary.startswith("WARNING: wave quality may start from 2028-11-08T08:00:")
    assert bench.run() == Severity.WARNING
    assert bench.scheduler.tasks == []
    bench.clock.advance(days=7)
    assert bench.run() == Severity.OK
    assert bench.scheduler.stacks() == ["acme-qa", "live"]


def test_other_connection_is_run_again(bench: Bench) -> None:
    """The stack is then about another subaccount, which nobody has rotated."""
    bench.run(wave="canary")
    write_table(bench.folder, TABLE.replace("name: acme-dev", "name: acme-dev\n    connection: moved"))
    assert bench.run(wave="canary") == Severity.OK
    assert bench.scheduler.stacks() == ["acme-dev"]
    assert bench.run(wave="canary") == Severity.OK
    assert bench.scheduler.stacks() == []


def test_command_may_wait_for_the_soak(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of ending; ctrl-C ends the wait."""
    monkeypatch.setattr(Stop, "wait", lambda *_: bench.clock.advance(hours=12))
    assert bench.run(wait=True) == Severity.OK
    assert bench.text.count("quality: waits until 2028-11-08T08:00:0") == 1
    bench = wide_bench(bench.folder, 1)
    write_table(bench.folder, TABLE.replace("2028-11", "2030-11"))
    monkeypatch.setattr(Stop, "wait", lambda stop, _: stop.request())
    assert bench.run(wait=True) == Severity.WARNING
    assert bench.summary == "WARNING: interrupted in wave quality; run the command again to go on"


def test_rejection_is_named_until_run_again(bench: Bench) -> None:
    """Its lines, its log, and the command that runs it again."""
    rejected = {"acme-dev": StackState.REJECTED}
    assert bench.run(script=ending(**rejected)) == Severity.CRITICAL
    assert bench.summary == "CRITICAL: wave canary has failed, and later waves stay as they are"
    assert "acme-dev, wave canary: rotate rejected, 2028-11-01T08:00:" in bench.text
    assert "Its reason." in bench.text
    assert bench.run() == Severity.CRITICAL
    assert bench.scheduler.tasks == []
    assert "Once its cause is removed: btp-trust fleet rotate --stack acme-dev" in bench.text
    assert bench.run(stacks=("acme-dev",)) == Severity.OK
    assert bench.summary == "OK: 1 stack is what the table declares"


@pytest.mark.parametrize(("stop_after", "run"), [(1, 2), (2, 4)])
def test_failures_stop_new_starts(tmp_path: Path, stop_after: int, run: int) -> None:
    """Of the wave; what runs ends, and is recorded."""
    bench = wide_bench(tmp_path, 6, stop_after=stop_after)
    script = ending(s0=StackState.FAILED, s2=StackState.FAILED)
    assert bench.run(script=script, parallel=2) == Severity.CRITICAL
    assert len(bench.scheduler.tasks) == run
    assert bench.scheduler.at_once == 2
    ends = [record for record in bench.ledger if isinstance(record, StackEnded)]
    assert len(ends) == run


def test_lost_and_locked_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its lock is free, within the same command."""
    bench = wide_bench(tmp_path, 1)
    monkeypatch.setattr(Stop, "wait", lambda *_: bench.clock.advance(seconds=20))
    states = [StackState.LOST, StackState.LOCKED, StackState.LOCKED, StackState.CHANGED]
    assert bench.run(script=ending(s0=states)) == Severity.OK
    assert len(bench.scheduler.tasks) == 4


def test_killed_driver_is_resumed(tmp_path: Path) -> None:
    """What it started and did not end is named as unknown, and runs once more; the rest is as it was."""
    bench = wide_bench(tmp_path, 4)

    def die(task: StackTask) -> StackOutcome:
        if task.stack == "s1":
            raise KeyboardInterrupt
        return green(task)

    with pytest.raises(KeyboardInterrupt):
        bench.run(script=die, parallel=1)
    assert bench.scheduler.interruptions == 1
    assert isinstance(bench.ledger[-1], StackStarted)
    assert bench.run() == Severity.OK
    assert bench.scheduler.stacks() == ["s1", "s2", "s3"]


def test_unknown_outcome_is_named(tmp_path: Path) -> None:
    """In the summary of a command that leaves it alone."""
    bench = wide_bench(tmp_path, 2)
    test_killed = pytest.raises(KeyboardInterrupt)

    def die(_: StackTask) -> StackOutcome:
        raise KeyboardInterrupt

    with test_killed:
        bench.run(script=die, parallel=1)
    bench.run(stacks=("s1",))
    assert "s0, wave all: rotate unknown, its driver was killed after 2028-11-01T08:00:" in bench.text
    assert "Run the command again: it brings the stack to what its program says." in bench.text


def test_interruptions_stop_and_interrupt(tmp_path: Path) -> None:
    """The first one starts no more, the second one interrupts what runs; both are recorded."""
    bench = wide_bench(tmp_path, 3)

    def stop_once(task: StackTask) -> StackOutcome:
        bench.stop.request()
        return green(task)

    assert bench.run(script=stop_once, parallel=1) == Severity.WARNING
    assert bench.summary == "WARNING: interrupted in wave all; run the command again to go on"
    assert (len(bench.scheduler.tasks), bench.scheduler.interruptions) == (1, 0)

    def stop_twice(_: StackTask) -> None:
        bench.stop.request(2)

    assert bench.run(script=stop_twice, parallel=1) == Severity.CRITICAL
    assert bench.scheduler.interruptions == 1
    assert bench.ledger[-1].state is StackState.INTERRUPTED


def test_signals_are_requests() -> None:
    """Ctrl-C is one; SIGTERM, with which a pipeline ends a job, is two; afterwards both are as before."""
    stop, before = Stop(), signal.getsignal(signal.SIGINT)
    with stop_on_signals(stop):
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.is_stopping, stop.is_interrupting) == (True, False)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_interrupting
        stop.wait(60)
    assert signal.getsignal(signal.SIGINT) is before


def test_driver_runs_in_a_thread(tmp_path: Path) -> None:
    """Signals are then left to the program around it."""
    bench, ends = wide_bench(tmp_path, 1), list[Severity]()
    thread = threading.Thread(target=lambda: ends.append(bench.run()))
    thread.start()
    thread.join()
    assert ends == [Severity.OK]


def test_approved_plan_is_what_runs(tmp_path: Path) -> None:
    """A person sees the plan and types the wave's name; each stack runs with the digest of its own plan."""
    bench = wide_bench(tmp_path, 2, approval="prompt")
    bench.answers = ["all"]
    assert bench.run() == Severity.OK
    assert [(task.verb, task.plan_digest) for task in bench.scheduler.tasks] == [
        (Verb.PLAN, None),
        (Verb.PLAN, None),
        (Verb.ROTATE, "plan of s0"),
        (Verb.ROTATE, "plan of s1"),
    ]
    (approval,) = (record for record in bench.ledger if isinstance(record, WaveApproved))
    assert approval.plans == {"s0": "plan of s0", "s1": "plan of s1"}
    assert "all: plans 2 stacks for its approval" in bench.text


def test_withheld_approval_changes_nothing(tmp_path: Path) -> None:
    """The command ends, and says what is missing."""
    bench = wide_bench(tmp_path, 2, approval="file")
    assert bench.run() == Severity.WARNING
    assert bench.summary == "WARNING: wave all waits for its approval: commit its digest in approvals/all"
    assert bench.scheduler.stacks(Verb.ROTATE) == []
    digest = next(line.split()[1] for line in bench.text.splitlines() if line.startswith("  digest"))
    (tmp_path / "approvals").mkdir()
    (tmp_path / "approvals/all").write_text(digest)
    assert bench.run() == Severity.OK


def test_resumed_wave_keeps_its_approval(tmp_path: Path) -> None:
    """For the stacks that are left, without another plan."""
    bench = wide_bench(tmp_path, 2, approval="prompt")
    bench.answers = ["all"]
    assert bench.run(script=ending(s0=StackState.FAILED), parallel=1) == Severity.CRITICAL
    bench.answers = []
    assert bench.run() == Severity.OK
    assert bench.scheduler.stacks(Verb.PLAN) == []


def test_changed_plan_asks_again(tmp_path: Path) -> None:
    """A stack that was refused, because its plan differs from the approved one."""
    bench = wide_bench(tmp_path, 1, approval="prompt")
    bench.answers = ["all", "all"]
    assert bench.run(script=ending(s0=StackState.REFUSED)) == Severity.CRITICAL
    assert bench.run() == Severity.OK
    assert bench.answers == []


def test_wave_without_changes_needs_nobody(tmp_path: Path) -> None:
    """There is nothing to see."""
    bench = wide_bench(tmp_path, 1, approval="prompt")

    def unchanged(task: StackTask) -> StackOutcome:
        return outcome_of(task.stack, StackState.UNCHANGED, plan_digest="none")

    assert bench.run(script=unchanged) == Severity.OK


def test_plan_that_fails_counts(tmp_path: Path) -> None:
    """As a failure of its stack; the others are approved, as long as the wave may go on."""
    bench = wide_bench(tmp_path, 2, approval="prompt", stop_after=2)
    bench.answers = ["all"]

    def script(task: StackTask) -> StackOutcome:
        is_broken = (task.stack, task.verb) == ("s0", Verb.PLAN)
        return outcome_of(task.stack, StackState.FAILED) if is_broken else green(task)

    assert bench.run(script=script) == Severity.CRITICAL
    assert bench.scheduler.stacks(Verb.ROTATE) == ["s1"]
    bench = wide_bench(tmp_path, 2, approval="prompt", generation='"3"')
    write_table(tmp_path, wide_table(2, approval="prompt").replace('"2"', '"3"'))
    assert bench.run(script=script) == Severity.CRITICAL
    assert bench.scheduler.stacks(Verb.ROTATE) == []


def test_slow_plan_is_waited_for(tmp_path: Path) -> None:
    """A preview may take longer than a look."""
    bench, slow = wide_bench(tmp_path, 2, approval="prompt"), ["s0"]
    bench.answers = ["all"]
    assert bench.run(script=lambda task: None if slow and slow.pop() else green(task)) == Severity.OK


def test_lost_plan_is_made_again(tmp_path: Path) -> None:
    """A worker may be gone while it plans."""
    bench, left = wide_bench(tmp_path, 1, approval="prompt"), [StackState.LOST]
    bench.answers = ["all"]

    def script(task: StackTask) -> StackOutcome:
        return outcome_of(task.stack, left.pop()) if left else green(task)

    assert bench.run(script=script) == Severity.OK


def test_missing_person_ends_without_a_change(tmp_path: Path) -> None:
    """In a pipeline, with what to do."""
    bench = wide_bench(tmp_path, 1, approval="prompt")
    bench.has_person = False
    with pytest.raises(ConfigurationError, match="needs a person who approves it"):
        bench.run()
    assert bench.scheduler.stacks(Verb.ROTATE) == []


def test_postponed_rotation_is_for_later(tmp_path: Path) -> None:
    """Its program waits for a window; the summary says so."""
    bench = wide_bench(tmp_path, 1)
    assert bench.run(script=ending(s0=StackState.POSTPONED)) == Severity.WARNING
    assert bench.summary == "WARNING: rotations of wave all wait for their time; run the command again then"
    assert bench.run() == Severity.OK


def test_later_wave_waits_for_earlier(bench: Bench) -> None:
    """Also when it is chosen alone."""
    assert bench.run(wave="production") == Severity.WARNING
    assert bench.summary == "WARNING: wave canary comes first, and has stacks that are still to run"
    assert bench.scheduler.tasks == []


def test_pipeline_keeps_the_order(bench: Bench) -> None:
    """A job of it runs its own stack or wave, on a machine that has no ledger."""
    assert bench.run(stacks=("live",), in_pipeline=True) == Severity.OK
    assert bench.run(wave="2", in_pipeline=True) == Severity.OK
    assert bench.scheduler.stacks() == ["acme-qa"]
    assert bench.run(Verb.PREPARE, in_pipeline=True) == Severity.OK
    assert len(bench.scheduler.tasks) == 3


def test_again_runs_what_is_done(bench: Bench) -> None:
    """The ledger has it as done; `--again` runs it once more."""
    bench.run(Verb.PREPARE)
    bench.run(Verb.PREPARE)
    assert bench.scheduler.tasks == []
    assert bench.run(Verb.PREPARE, again=True) == Severity.OK
    assert len(bench.scheduler.tasks) == 3


def test_again_leaves_rejected_stacks(tmp_path: Path) -> None:
    """So does the name of another stack beside their wave: a person has to name each of them."""
    bench = wide_bench(tmp_path, 3, stop_after=2)
    assert bench.run(script=ending(s1=StackState.REJECTED)) == Severity.CRITICAL
    assert bench.run(again=True) == Severity.CRITICAL
    assert bench.scheduler.stacks() == ["s0", "s2"]
    assert bench.run(wave="all", stacks=("s2",)) == Severity.CRITICAL
    assert bench.scheduler.stacks() == ["s2"]
    assert bench.run(stacks=("s1",), again=True) == Severity.OK
    assert bench.scheduler.stacks() == ["s1"]


def test_rotation_after_a_rollback_runs(bench: Bench) -> None:
    """The ledger is about what the table declares now."""
    assert bench.run(wave="canary") == Severity.OK
    write_table(bench.folder, TABLE.replace('generation: "2028-11"', 'generation: "2026-11"'))
    assert bench.run(Verb.ROLL_BACK, wave="canary") == Severity.OK
    write_table(bench.folder)
    assert bench.run(wave="canary") == Severity.OK
    assert bench.scheduler.stacks() == ["acme-dev"]


def fail_to_show(*_: object) -> Any:
    """Fail as a terminal does whose disk is full."""
    raise ConfigurationError("The output cannot be written.", "No space left.", "Redirect it.")


def test_full_disk_interrupts_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that cannot record any more waits for the stacks that it interrupts."""
    bench = wide_bench(tmp_path, 3)
    sync = os.fsync
    left = [True] * 4

    def fail_later(descriptor: int) -> None:
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_later)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        bench.run(parallel=2)
    assert bench.scheduler.interruptions == 1
    assert bench.scheduler.next_outcome(0) is None


def test_failing_driver_records_what_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejection, for example, while the output is full: a later command leaves the stack as it is."""
    bench = wide_bench(tmp_path, 2, stop_after=2)
    monkeypatch.setattr(ScriptedScheduler, "interrupt", lambda _: None)
    monkeypatch.setattr(PlainView, "ended", fail_to_show)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        bench.run(script=ending(s1=StackState.REJECTED))
    monkeypatch.undo()
    assert [record.state for record in bench.ledger[-2:]] == [StackState.CHANGED, StackState.REJECTED]
    assert bench.run() == Severity.CRITICAL
    assert bench.scheduler.tasks == []


def test_failing_plan_records_no_end(tmp_path: Path) -> None:
    """A preview that is interrupted has changed nothing."""
    bench = wide_bench(tmp_path, 2, approval="prompt")

    def script(task: StackTask) -> StackOutcome:
        return fail_to_show() if task.stack == "s0" else green(task)

    with pytest.raises(ConfigurationError, match="cannot be written"):
        bench.run(script=script)
    assert len(bench.ledger) == 1


def test_screen_has_the_progress(tmp_path: Path) -> None:
    """On a terminal the summary takes the place of the table."""
    bench = wide_bench(tmp_path, 3)

    def script(task: StackTask) -> StackOutcome:
        return outcome_of(task.stack, change=Change.ROTATE, signer_before=SIGNERS[0], signer_after=SIGNERS[1])

    bench.run(script=script, terminal=screen({"NO_COLOR": "1", "TERM": "xterm"}), stacks=("s0",))
    assert "OK: 1 stack is what the table declares" in bench.text
    assert "started" not in bench.text


def test_machine_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe there is nobody to ask."""
    monkeypatch.setattr("sys.stdin", None)
    assert Machine.of_process().ask is None


def test_scheduler_is_that_of_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of this process, or an address."""
    write_table(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr("btp_trust_fleet.schedulers.dask_cluster.DaskScheduler", opened.append)
    local = DriveRequest(tmp_path).open_scheduler()
    assert isinstance(local, LocalScheduler)
    local.close()
    DriveRequest(tmp_path, scheduler="tls://here:8786").open_scheduler()
    assert opened == ["tls://here:8786"]


def test_ledger_may_be_elsewhere(bench: Bench) -> None:
    """In the folder of the command."""
    bench.run(Verb.PREPARE, ledger=Path("there/ledger"))
    assert read_records(bench.folder / "there/ledger")[0]


def test_ledger_of_another_project_is_refused(bench: Bench) -> None:
    """Stacks of both may have the same names; one whose name is unknown is let through."""
    project = bench.folder / "Pulumi.yaml"
    project.write_text("name: one\n")
    bench.run(Verb.PREPARE)
    project.write_text("name: two\n")
    with pytest.raises(ConfigurationError, match="is that of the project 'one'"):
        bench.run(Verb.PREPARE)
    for text in ("name: one\n", "name: [\n", "- two\n", "name: 1\n"):
        project.write_text(text)
        bench.run(Verb.PREPARE)
    project.unlink()
    bench.run(Verb.PREPARE)
