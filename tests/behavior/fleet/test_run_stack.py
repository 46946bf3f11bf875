"""Ends of a run that are hard to cause with the real command: a fake `pulumi` prints what that one printed then."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.process import SignalTimes
from btp_trust_fleet.stack_run.run import Machine, run_stack
from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState, Verb
from support.fake_pulumi_runs import FakePulumiRuns
from support.fleet_previews import NEW, OLD, PREPARING, ROTATING, line, printed, urn
from support.stack_runs import stack_task

ONE_LOCK = (
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the "
    "lock file with `pulumi cancel`.\n  file:///b/dev/4.json: created by root@vm (pid 1) at 2026-11-30T13:14:27Z\n"
)
SIGNER = {"urn": urn("RotationTrigger"), "outputs": {"fingerprint": OLD}}
FAILED = {**SIGNER, "outputs": {"fingerprint": OLD, "failed_generation": "b"}}
SLEEPS = "trap 'echo interrupted >&2; exit 1' INT; sleep 60 & wait"
DEAD = Machine("vm", lambda _: False, sees_all_processes=True)
ALIVE = Machine("vm", lambda _: True, sees_all_processes=True)


def _events(*events: dict[str, Any]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, events))


def _error(message: str) -> dict[str, Any]:
    return {"diagnosticEvent": line(message)}


def _outputs(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resOutputsEvent": {"metadata": {"urn": resource["urn"], "new": {"outputs": resource["outputs"]}}}}


def _export(resource: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"deployment": {"resources": [resource]}})


def _run(pulumi: FakePulumiRuns, verb: Verb = Verb.ROTATE, machine: Machine = ALIVE, **more: Any) -> StackOutcome:
    times = SignalTimes(until_second_interrupt=5, until_kill=5)
    control = more.pop("control", None)
    return run_stack(stack_task(pulumi.folder, verb, **more), control, signal_times=times, machine=machine)


def test_update_follows_preview(pulumi: FakePulumiRuns) -> None:
    """The outcome has the change, its digest and both signers; the saved plan is gone, logs and home are its own."""
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", _events(_outputs({**SIGNER, "outputs": {"fingerprint": NEW}})))
    began = datetime.now(UTC)
    outcome = _run(pulumi)
    assert (outcome.state, outcome.change) == (StackState.CHANGED, Change.ROTATE)
    assert (outcome.signer_before, outcome.signer_after) == (OLD, NEW)
    assert began <= outcome.started_at <= outcome.ended_at
    logs = Path(outcome.log or "")
    assert {file.name for file in logs.iterdir()} == {"preview.out", "preview.err", "up.out", "up.err"}
    assert (pulumi.folder / "homes/dev").is_dir()
    assert msgspec.json.decode(msgspec.json.encode(outcome), type=StackOutcome) == outcome
    assert pulumi.commands == ["preview", "up"]


def test_unseen_signer_is_the_recorded_one(pulumi: FakePulumiRuns) -> None:
    """An update that touches no resource with the signer leaves the one of the state; a postponed rotation says so."""
    waits = line("s-1: waits until 2026-12-01T02:00:00Z (window): rotate", "info")
    pulumi.answer("preview", printed(*PREPARING, diagnostics=(waits,)))
    pulumi.answer("up", b"")
    outcome = _run(pulumi)
    assert (outcome.state, outcome.signer_after) == (StackState.POSTPONED, OLD)


@pytest.mark.parametrize("verb", [Verb.PLAN, Verb.PREPARE])
def test_forbidden_change_ends_before_update(pulumi: FakePulumiRuns, verb: Verb) -> None:
    """A plan and a refusal run one command alone."""
    pulumi.answer("preview", printed(*ROTATING))
    outcome = _run(pulumi, verb)
    assert outcome.state is (StackState.PLANNED if verb is Verb.PLAN else StackState.REFUSED)
    assert pulumi.commands == ["preview"]


@pytest.mark.parametrize(
    ("stdout", "stderr", "export", "end"),
    [
        (b"", "error: no stack named 'dev' found\n", SIGNER, (StackState.FAILED, "error: no stack named 'dev' found")),
        (b"", "", SIGNER, (StackState.FAILED, "Pulumi ended with status 1, and gave no reason.")),
        (printed(diagnostics=(line("error: no", kind=None),)), "", FAILED, (StackState.FAILED, "no")),
        (printed(diagnostics=(line("error: unknown"),)), "", SIGNER, (StackState.FAILED, "unknown")),
        (printed(diagnostics=(line("error: 'b' went"),)), "", FAILED, (StackState.REJECTED, "'b' went")),
    ],
)
def test_failed_preview_says_why(
    pulumi: FakePulumiRuns, stdout: bytes, stderr: str, export: dict[str, Any], end: tuple[StackState, str]
) -> None:
    """By its JSON, or by its text; a rejection that the state records is one of the trigger's errors."""
    pulumi.answer("preview", stdout, stderr, status=1)
    pulumi.answer("stack", _export(export))
    outcome = _run(pulumi)
    assert (outcome.state, outcome.lines[0]) == end


@pytest.mark.parametrize(
    ("events", "state", "after"),
    [
        ((_error("error: btp_trust.errors.SlotsChanged: s-1: what\nwhy\nremedy"),), StackState.FAILED, OLD),
        ((_outputs(FAILED), _error("error: 'b' was rejected")), StackState.REJECTED, OLD),
        ((_error("error: btp_trust.errors.RollbackFailed: s-1: act now"),), StackState.REJECTED, OLD),
        ((), StackState.FAILED, OLD),
    ],
)
def test_failed_update_has_its_state(
    pulumi: FakePulumiRuns, events: tuple[dict[str, Any], ...], state: StackState, after: str
) -> None:
    """A rejection by a target is its own end, also if the rollback failed; the signer is read from the state."""
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", _events(*events), status=1)
    pulumi.answer("stack", _export({**SIGNER, "outputs": {"fingerprint": after}}))
    outcome = _run(pulumi)
    assert (outcome.state, outcome.change, outcome.signer_after) == (state, Change.ROTATE, after)
    assert outcome.lines


def test_unreadable_preview_fails(pulumi: FakePulumiRuns) -> None:
    """Another program called `pulumi` ends the run before any update."""
    pulumi.answer("preview", b"hello")
    outcome = _run(pulumi)
    assert (outcome.state, pulumi.commands) == (StackState.FAILED, ["preview"])
    assert "`pulumi preview --json` is unreadable" in outcome.lines[0]


def test_missing_pulumi_is_named(pulumi: FakePulumiRuns) -> None:
    """A machine without Pulumi gets the remedy."""
    (pulumi.folder / "bin/pulumi").unlink()
    outcome = _run(pulumi)
    assert outcome.state is StackState.FAILED
    assert "PATH lacks the command `pulumi`" in outcome.lines[1]


def test_missing_folder_is_named(pulumi: FakePulumiRuns) -> None:
    """A worker without the program says so, and has no log."""
    outcome = run_stack(stack_task(pulumi.folder / "missing"))
    assert (outcome.state, outcome.log) == (StackState.FAILED, None)
    assert "Give the folder of the Pulumi project" in outcome.lines[-1]


def test_unwritable_logs_are_named(pulumi: FakePulumiRuns) -> None:
    """A folder that is a file ends the run before the first command."""
    (pulumi.folder / "file").touch()
    outcome = _run(pulumi, logs=str(pulumi.folder / "file"))
    assert outcome.state is StackState.FAILED
    assert "Give folders in which this user may write." in outcome.lines[-1]


def test_plugins_are_shared(pulumi: FakePulumiRuns) -> None:
    """The home of a stack has the user's plugins and login, also when it runs again."""
    (pulumi.folder / ".pulumi/plugins").mkdir(parents=True)
    pulumi.answer("preview", printed(), lines='echo "$PULUMI_CREDENTIALS_PATH $PULUMI_HOME" > homes-of-run')
    for _ in range(2):
        assert _run(pulumi).state is StackState.UNCHANGED
    home = pulumi.folder / "homes/dev"
    assert (home / "plugins").readlink() == pulumi.folder / ".pulumi/plugins"
    assert (pulumi.folder / "homes-of-run").read_text().split() == [str(pulumi.folder / ".pulumi"), str(home)]


def test_program_gets_the_row(pulumi: FakePulumiRuns) -> None:
    """By its environment: the program compares the row with the one that it finds."""
    pulumi.answer("preview", printed(), lines='echo "$BTP_TRUST_FLEET_ROW" > row-of-run')
    _run(pulumi, row='{"stack": "dev"}')
    assert (pulumi.folder / "row-of-run").read_text() == '{"stack": "dev"}\n'


def test_living_lock_ends_as_locked(pulumi: FakePulumiRuns) -> None:
    """Its holder is named, whole; it stays."""
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", stderr=ONE_LOCK, status=1)
    outcome = _run(pulumi)
    assert (outcome.state, pulumi.commands) == (StackState.LOCKED, ["preview", "up"])
    assert outcome.lines[1] == "The lock is that of root@vm (pid 1) since 2026-11-30T13:14:27Z."
    assert outcome.lines[2].endswith("pulumi cancel --stack dev")


def test_lock_is_waited_for(pulumi: FakePulumiRuns) -> None:
    """After the wait, the stack is previewed anew: the other command has changed it."""
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("preview", printed())
    pulumi.answer("up", stderr=ONE_LOCK, status=1)
    assert _run(pulumi, lock_wait_seconds=1).state is StackState.UNCHANGED
    assert pulumi.commands == ["preview", "up", "preview"]


@pytest.mark.parametrize("machine", [DEAD, Machine("vm", lambda _: False, sees_all_processes=False)])
def test_dead_lock_is_taken_away_once(pulumi: FakePulumiRuns, machine: Machine) -> None:
    """The lock of a dead process is cancelled, and one that is there again is left; a container leaves all."""
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", stderr=ONE_LOCK, status=1)
    pulumi.answer("cancel")
    assert _run(pulumi, machine=machine).state is StackState.LOCKED
    assert pulumi.commands.count("cancel") == (machine is DEAD)


def test_interrupted_wait_ends(pulumi: FakePulumiRuns) -> None:
    """The wait for a lock ends with an interruption."""
    control = RunControl()
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", stderr=ONE_LOCK, status=1)
    timer = threading.Timer(1.5, control.interrupt)
    timer.start()
    outcome = _run(pulumi, control=control, lock_wait_seconds=600)
    timer.join()
    assert outcome.state is StackState.INTERRUPTED


def test_interruption_before_start(pulumi: FakePulumiRuns) -> None:
    """A run that begins after the interruption starts no command."""
    control = RunControl()
    control.interrupt()
    assert _run(pulumi, control=control).state is StackState.INTERRUPTED
    assert not (pulumi.folder / "calls").exists()


def test_interrupted_update_is_read(pulumi: FakePulumiRuns) -> None:
    """The update gets SIGINT; afterwards the signer is read from the state all the same."""
    control = RunControl()
    pulumi.answer("preview", printed(*ROTATING))
    pulumi.answer("up", lines=f"mkdir began; {SLEEPS}")
    pulumi.answer("stack", _export({**SIGNER, "outputs": {"fingerprint": NEW}}))

    def interrupt() -> None:
        while not (pulumi.folder / "began").exists():
            control.wait(0.05)
        control.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcome = _run(pulumi, control=control)
    thread.join()
    assert (outcome.state, outcome.signer_after) == (StackState.INTERRUPTED, NEW)
    assert outcome.lines == ("interrupted",)


def test_slow_command_is_interrupted(pulumi: FakePulumiRuns) -> None:
    """A command that exceeds its limit fails, and names the limit."""
    pulumi.answer("preview", lines=SLEEPS)
    outcome = _run(pulumi, timeout_seconds=1)
    assert outcome.state is StackState.FAILED
    assert outcome.lines == ("The command took longer than 1 seconds, and was interrupted.", "interrupted")


def test_environment_of_process_is_default() -> None:
    """A machine knows its own processes."""
    assert Machine().host == os.uname().nodename
