"""What the driver does next."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.decision import Action, Approve, End, Ending, Start, Wait, next_action
from btp_trust_fleet.driver.standing import LOCKED_PAUSE, Position, standing_of
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.records import StackEnded, StackStarted, WaveApproved
from btp_trust_fleet.stack_run.task import Change, StackState, Verb
from btp_trust_fleet.table.fleet import Fleet
from support.fleet_samples import START, TABLE, sample_fleet, wide_table

DEV, QA, LIVE = "acme-dev", "acme-qa", "live"
LATER = START + timedelta(days=1)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three waves of one stack each; the first one soaks for a week."""
    return sample_fleet(tmp_path)


def campaign_of(fleet: Fleet, **fields: Any) -> Campaign:
    """Return a campaign that rotates."""
    return Campaign(**{"verb": Verb.ROTATE, "waves": fleet.waves, "run": "now", "parallel": 4, **fields})


def ended(stack: str, state: StackState = StackState.CHANGED, **fields: Any) -> StackEnded:
    """Return the end of a stack, by default in this command."""
    values = {"at": START, "run": "now", "wave": "", "verb": Verb.ROTATE, "generation": "2028-11", "passive": "2028-11"}
    return StackEnded(**{**values, "stack": stack, "state": state, "started_at": START, **fields})


def started(stack: str, run: str = "before") -> StackStarted:
    """Return the start of a stack, by default in an earlier command."""
    return StackStarted(at=START, run=run, wave="", stack=stack, verb=Verb.ROTATE, generation="2028-11")


def action_of(campaign: Campaign, *records: Any, running: tuple[str, ...] = (), **fields: Any) -> Action:
    """Return the next action a day after the records."""
    return next_action(campaign, History(records), running, fields.pop("now", LATER), **fields)


def stacks_of(action: Action) -> list[str]:
    """Return the stacks that start, or are planned."""
    assert isinstance(action, Start | Approve), action
    return [stack.stack for stack in action.stacks]


def ending_of(action: Action) -> tuple[Ending, str | None]:
    """Return how the command ends, and in which wave."""
    assert isinstance(action, End), action
    return action.ending, action.wave.name if action.wave else None


def test_first_wave_starts(fleet: Fleet) -> None:
    """The canary, alone; then its outcome is waited for."""
    assert stacks_of(action_of(campaign_of(fleet))) == [DEV]
    assert action_of(campaign_of(fleet), started(DEV, "now"), running=(DEV,)) == Wait()


def test_soak_of_the_canary_holds(fleet: Fleet) -> None:
    """Counted from its swap, by the ledger; another run that changes nothing leaves it."""
    records = (ended(DEV, change=Change.ROTATE), ended(DEV, StackState.UNCHANGED, at=LATER))
    assert action_of(campaign_of(fleet), *records) == End(Ending.SOAK, fleet.waves[1], START + timedelta(days=7))
    assert stacks_of(action_of(campaign_of(fleet), *records, now=START + timedelta(days=7))) == [QA]


def test_soak_begins_again_with_a_swap(fleet: Fleet) -> None:
    """A failure in between, or another swap: the users meet the signer anew."""
    for state, change in ((StackState.FAILED, Change.NONE), (StackState.CHANGED, Change.RESTORE)):
        records = (ended(DEV), ended(DEV, state, change=change, at=LATER), ended(DEV, at=LATER))
        action = action_of(campaign_of(fleet), *records)
        assert action == End(Ending.SOAK, fleet.waves[1], LATER + timedelta(days=7))


@pytest.mark.parametrize("verb", [Verb.PREPARE, Verb.ROLL_BACK])
def test_other_verbs_skip_soaks(fleet: Fleet, verb: Verb) -> None:
    """A new passive certificate signs nothing, and a rollback is urgent."""
    assert stacks_of(action_of(campaign_of(fleet, verb=verb), ended(DEV, verb=verb))) == [QA]


def test_started_wave_goes_on(fleet: Fleet, tmp_path: Path) -> None:
    """In the middle of a wave the soak before it is over."""
    wide = sample_fleet(tmp_path, TABLE.replace("[acme-qa]", "[acme-qa, acme-prod]").partition("  - name: prod")[0])
    records = (ended(DEV, at=LATER), ended(QA, at=LATER))
    assert stacks_of(action_of(campaign_of(wide), *records)) == [LIVE]
    assert action_of(campaign_of(wide), ended(DEV, at=LATER), running=(QA,)) != End(Ending.SOAK, fleet.waves[1])


def test_all_green_is_done(fleet: Fleet) -> None:
    """Nothing is left."""
    records = (ended(DEV), ended(QA), ended(LIVE, StackState.UNCHANGED))
    assert ending_of(action_of(campaign_of(fleet), *records, now=START + timedelta(days=9))) == (Ending.DONE, None)


def test_parallel_is_the_limit(tmp_path: Path) -> None:
    """Of stacks at a time."""
    campaign = campaign_of(sample_fleet(tmp_path, wide_table(9, stop_after=3)), parallel=3)
    assert stacks_of(action_of(campaign)) == ["s0", "s1", "s2"]
    assert stacks_of(action_of(campaign, running=("s0", "s1"))) == ["s2"]
    assert action_of(campaign, running=("s0", "s1", "s2")) == Wait()


@pytest.mark.parametrize(
    ("states", "ending"),
    [
        ([StackState.FAILED], None),
        ([StackState.FAILED, StackState.REFUSED], Ending.FAILED),
        ([StackState.REJECTED, StackState.INTERRUPTED], Ending.FAILED),
        ([StackState.LOST], None),
        ([StackState.LOST, StackState.LOCKED], None),
    ],
)
def test_failures_stop_the_wave(tmp_path: Path, states: list[StackState], ending: Ending | None) -> None:
    """`stop_after: 2`; a lost worker and a lock are no failures yet."""
    campaign = campaign_of(sample_fleet(tmp_path, wide_table(4, stop_after=2)))
    records = [ended(f"s{index}", state, generation="2") for index, state in enumerate(states)]
    action = action_of(campaign, *records)
    assert (ending_of(action)[0] if isinstance(action, End) else None) == ending
    assert action_of(campaign, *records, running=("s3",)) == Wait() or ending is None


def test_failure_below_the_limit_ends(tmp_path: Path) -> None:
    """All others run, and the wave stays red."""
    campaign = campaign_of(sample_fleet(tmp_path, wide_table(2, stop_after=2)))
    records = (ended("s0", StackState.FAILED, generation="2"), ended("s1", generation="2"))
    assert ending_of(action_of(campaign, *records)) == (Ending.FAILED, "all")


@pytest.mark.parametrize("state", [state for state in StackState if not state.is_green and state != "rejected"])
def test_next_command_runs_again(fleet: Fleet, state: StackState) -> None:
    """All that failed in an earlier one: again means to bring the stack to what its program says."""
    assert stacks_of(action_of(campaign_of(fleet), ended(DEV, state, run="before"))) == [DEV]


def test_unknown_outcome_runs_again(fleet: Fleet) -> None:
    """A start without an end: the driver was killed."""
    assert stacks_of(action_of(campaign_of(fleet), started(DEV))) == [DEV]
    records = (ended(DEV, run="before"), started(DEV))
    assert stacks_of(action_of(campaign_of(fleet), *records)) == [DEV]


@pytest.mark.parametrize("since", [(), (started(DEV),)])
def test_rejection_waits_for_a_person(fleet: Fleet, since: tuple[StackStarted, ...]) -> None:
    """In every later command, until one names the stack; a kill in between changes nothing."""
    records = (ended(DEV, StackState.REJECTED, run="before"), *since)
    assert ending_of(action_of(campaign_of(fleet), *records)) == (Ending.FAILED, "canary")
    named = campaign_of(fleet, chosen=frozenset({DEV}), named=frozenset({DEV}))
    assert stacks_of(action_of(named, *records)) == [DEV]
    assert ending_of(action_of(named, *records, ended(DEV, StackState.REJECTED))) == (Ending.FAILED, "canary")
    assert ending_of(action_of(named, *records, ended(DEV))) == (Ending.DONE, None)


def test_rejection_outlasts_another_spelling(fleet: Fleet) -> None:
    """The table may name the organization and the project of a stack, or leave them out."""
    rejected = ended(f"acme/trust-fleet/{DEV}", StackState.REJECTED, run="before")
    assert ending_of(action_of(campaign_of(fleet), rejected)) == (Ending.FAILED, "canary")


def test_postponed_rotation_waits(fleet: Fleet) -> None:
    """For a later command; the next wave too."""
    postponed = ended(DEV, StackState.POSTPONED)
    assert ending_of(action_of(campaign_of(fleet), postponed)) == (Ending.POSTPONED, "canary")


def test_lost_worker_has_another_attempt(fleet: Fleet) -> None:
    """One, in each command."""
    lost = ended(DEV, StackState.LOST)
    assert stacks_of(action_of(campaign_of(fleet), lost)) == [DEV]
    assert ending_of(action_of(campaign_of(fleet), lost, lost)) == (Ending.FAILED, "canary")
    earlier = ended(DEV, StackState.LOST, run="before")
    assert stacks_of(action_of(campaign_of(fleet), earlier, earlier, lost)) == [DEV]


def test_lock_is_waited_for(fleet: Fleet) -> None:
    """A minute at a time; ten attempts end that."""
    locked = ended(DEV, StackState.LOCKED, at=LATER)
    assert action_of(campaign_of(fleet), locked) == Wait(LATER + LOCKED_PAUSE)
    assert stacks_of(action_of(campaign_of(fleet), locked, now=LATER + LOCKED_PAUSE)) == [DEV]
    assert stacks_of(action_of(campaign_of(fleet), locked, now=START)) == [DEV]  # the clock was set back
    assert ending_of(action_of(campaign_of(fleet), *[locked] * 10)) == (Ending.FAILED, "canary")


def test_chosen_stacks_alone_run(fleet: Fleet) -> None:
    """After the waves before theirs; what others failed at is left to other commands."""
    live = campaign_of(fleet, chosen=frozenset({LIVE}))
    assert ending_of(action_of(live)) == (Ending.EARLIER_WAVE, "canary")
    records = (ended(DEV, at=START - timedelta(days=30)), ended(QA))
    assert stacks_of(action_of(live, *records)) == [LIVE]
    assert ending_of(action_of(live, *records, ended(LIVE))) == (Ending.DONE, None)
    canary = campaign_of(fleet, chosen=frozenset({DEV}))
    assert ending_of(action_of(canary, ended(DEV))) == (Ending.DONE, None)


def test_chosen_part_of_wave_is_done(tmp_path: Path) -> None:
    """Although others of the wave are still to run, or were rejected."""
    campaign = campaign_of(sample_fleet(tmp_path, wide_table(3)), chosen=frozenset({"s0"}), named=frozenset({"s0"}))
    rejected = ended("s1", StackState.REJECTED, run="before", generation="2")
    assert stacks_of(action_of(campaign, rejected, ended("s0", run="before", generation="2"))) == ["s0"]
    assert ending_of(action_of(campaign, rejected, ended("s0", generation="2"))) == (Ending.DONE, None)
    locked = ended("s1", StackState.LOCKED, at=LATER, generation="2")
    assert ending_of(action_of(campaign, locked, ended("s0", generation="2"))) == (Ending.DONE, None)


def test_interruption_starts_no_more(fleet: Fleet) -> None:
    """What runs is waited for."""
    assert ending_of(action_of(campaign_of(fleet), is_stopping=True)) == (Ending.STOPPED, "canary")
    assert action_of(campaign_of(fleet), running=(DEV,), is_stopping=True) == Wait()


def approval(plans: dict[str, str]) -> WaveApproved:
    """Return the approval of a rotation of the wave, in a command before."""
    return WaveApproved(
        at=START, run="before", wave="all", verb=Verb.ROTATE, generation="2", digest="d", plans=plans, by="jane"
    )


def test_approval_comes_first(tmp_path: Path) -> None:
    """Of a wave that needs one, for the verbs that swap; once, for each stack whose plan stays."""
    fleet = sample_fleet(tmp_path, wide_table(2, approval="prompt", stop_after=2))
    assert isinstance(action_of(campaign_of(fleet)), Approve)
    assert isinstance(action_of(campaign_of(fleet, verb=Verb.PREPARE)), Start)
    approved = approval({"s0": "a", "s1": "b"})
    assert stacks_of(action_of(campaign_of(fleet), approved)) == ["s0", "s1"]
    assert isinstance(action_of(campaign_of(fleet, verb=Verb.ROLL_BACK), approved), Approve)
    refused = ended("s0", StackState.REFUSED, run="before", generation="2")
    action = action_of(campaign_of(fleet), approved, refused)
    assert isinstance(action, Approve)
    assert stacks_of(action) == ["s0", "s1"]
    assert action_of(campaign_of(fleet), approved, refused, running=("s1",)) == Wait()


def test_approval_ends_with_its_declaration(tmp_path: Path) -> None:
    """A rollback in between: the same plan is to be approved anew."""
    fleet = sample_fleet(tmp_path, wide_table(1, approval="file"))
    approved = approval({"s0": "a", "gone": "b"})
    rolled_back = ended("s0", verb=Verb.ROLL_BACK, generation="1")
    assert isinstance(action_of(campaign_of(fleet), approved), Start)
    assert isinstance(action_of(campaign_of(fleet), approved, rolled_back), Approve)


@pytest.mark.parametrize(
    ("verb", "records", "position"),
    [
        (Verb.ROTATE, [{"generation": "old"}], Position.DUE),
        (Verb.ROTATE, [{}, {"verb": Verb.ROLL_BACK, "generation": "old"}], Position.DUE),
        (Verb.ROTATE, [{}, {"verb": Verb.ROLL_BACK, "generation": "old"}, {}], Position.DONE),
        (Verb.ROTATE, [{}, {"verb": Verb.ROLL_BACK}], Position.DONE),
        (Verb.ROTATE, [{}, {"verb": Verb.PREPARE, "passive": "next"}], Position.DONE),
        (Verb.ROTATE, [{"verb": Verb.PREPARE}], Position.DUE),
        (Verb.PREPARE, [{"verb": Verb.PREPARE}], Position.DONE),
        (Verb.PREPARE, [{"verb": Verb.PREPARE, "passive": "old"}], Position.DUE),
        (Verb.PREPARE, [{"verb": Verb.PREPARE, "generation": "old"}, {}], Position.DONE),
    ],
)
def test_ledger_is_about_the_declaration(
    fleet: Fleet, verb: Verb, records: list[dict[str, Any]], position: Position
) -> None:
    """What was done before the table declared it is over; each verb looks at its own declaration."""
    history = History(ended(DEV, **fields) for fields in records)
    stack = next(fleet.stacks)
    assert standing_of(stack, campaign_of(fleet, verb=verb), history, LATER).position is position
