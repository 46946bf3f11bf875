"""Whether a preview is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from btp_trust_fleet.stack_run.decision import decide
from btp_trust_fleet.stack_run.digest import digest_changes
from btp_trust_fleet.stack_run.task import StackState, Verb
from support.fleet_previews import NEW, PREPARING, ROTATING, line, preview, step, swap, switchover, trigger
from support.stack_runs import stack_task

_RESTORING = (step("update", "RotationTrigger", trigger(swap=swap("restore")), trigger()),)
_DELETING = (step("delete", "PassiveTrustCertificate", old={"removal": "deletes passive f7f4ba99"}),)
_WAITS = line("s-1: waits until 2026-12-01T02:00:00Z (window): rotate: passive …", "info")


@pytest.mark.parametrize(
    ("verb", "steps", "state"),
    [
        (Verb.PLAN, (), StackState.UNCHANGED),
        (Verb.PLAN, ROTATING, StackState.PLANNED),
        (Verb.PLAN, _DELETING, StackState.PLANNED),
        (Verb.PREPARE, PREPARING, None),
        (Verb.PREPARE, ROTATING, StackState.REFUSED),
        (Verb.ROTATE, ROTATING, None),
        (Verb.ROTATE, PREPARING, None),
        (Verb.ROLL_BACK, ROTATING, StackState.REFUSED),
        (Verb.ROTATE, _RESTORING, StackState.REFUSED),
        (Verb.ROTATE, _DELETING, StackState.REFUSED),
    ],
)
def test_verb_decides(verb: Verb, steps: tuple[dict[str, Any], ...], state: StackState | None) -> None:
    """The update follows only if the verb allows the change; a refusal names it, and what to do."""
    decision = decide(stack_task(Path("program"), verb), preview(*steps))
    assert decision.state is state
    if state is StackState.REFUSED:
        assert f"{verb} stops before the first write." in decision.lines[0]
        assert "run rotate" in decision.lines[1] or "let a person deploy this stack" in decision.lines[1]
    if steps is _DELETING:
        assert "No verb allows: PassiveTrustCertificate 'next' has the step 'delete'." in decision.lines


def test_green_is_what_program_says() -> None:
    """A wave may follow a stack that is as its program says, and only such a one."""
    assert {state for state in StackState if state.is_green} == {StackState.UNCHANGED, StackState.CHANGED}


def test_approval_is_of_exact_changes() -> None:
    """The digest of other changes is refused; a stack that is done already needs no approval."""
    digest = digest_changes(preview(*ROTATING))
    approved = stack_task(Path("program"), plan_digest=digest)
    assert decide(approved, preview(*ROTATING)).state is None
    assert decide(approved, preview(*PREPARING)).state is StackState.REFUSED
    assert "differs from the one that was approved." in decide(approved, preview(*PREPARING)).lines[0]
    assert decide(approved, preview()).state is StackState.UNCHANGED


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ((), True),
        ((step("update", "ActiveTrustCertificate", {"rotation": "b", **trigger()}, {"rotation": "a"}),), True),
        ((step("update", "TrustedIdentityProvider", {"step": "trust b"}),), False),
        ((PREPARING[0],), False),
        ((step("update", "RotationTrigger", trigger(NEW, switchover=switchover()), trigger()),), False),
    ],
)
def test_recording_needs_no_new_approval(more: tuple[dict[str, Any], ...], passes: bool) -> None:  # noqa: FBT001
    """An approved update that was killed after its swap is completed; what writes anything needs its own approval."""
    approved = stack_task(Path("program"), plan_digest=digest_changes(preview(*ROTATING)))
    recording = step("update", "RotationTrigger", trigger(NEW), trigger())
    assert (decide(approved, preview(recording, *more)).state is None) is passes


def test_waiting_rotation_is_postponed() -> None:
    """A rotation that waits for its window leaves the stack postponed, with the words of the program."""
    decision = decide(stack_task(Path("program")), preview(diagnostics=(_WAITS,)))
    assert decision.state is StackState.POSTPONED
    assert decision.lines[0].startswith("s-1: waits until 2026-12-01T02:00:00Z (window): ")
    assert decide(stack_task(Path("program")), preview(*PREPARING, diagnostics=(_WAITS,))).waits
