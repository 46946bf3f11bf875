"""Whether a preview is carried out. Pure: the verb and the approval on one side, the changes on the other."""

from __future__ import annotations

import msgspec

from btp_trust_fleet.stack_run.classification import ALLOWED, classify, only_records
from btp_trust_fleet.stack_run.digest import digest_changes
from btp_trust_fleet.stack_run.lines import preview_lines, readable, waiting_lines
from btp_trust_fleet.stack_run.preview_document import PreviewDocument
from btp_trust_fleet.stack_run.task import Change, StackState, StackTask, Verb

_MEANINGS = {
    Change.PREPARE: "changes resources and leaves the signer as it is",
    Change.ROTATE: "rotates",
    Change.ROLL_BACK: "rolls back",
    Change.RESTORE: "restores the signer after a drift",
    Change.OTHER: "has changes that no verb allows",
}


class PreviewDecision(msgspec.Struct, frozen=True):
    """What becomes of a preview."""

    change: Change
    digest: str
    state: StackState | None
    """How the run ends with the preview; None: the update follows."""
    lines: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    """What the program says about a rotation that waits for its time."""


def decide(task: StackTask, preview: PreviewDocument) -> PreviewDecision:
    """Decide whether the update follows.

    Raises:
        UnreadableState: The inputs of a RotationTrigger are unreadable.
    """
    change, digest, waits = classify(preview), digest_changes(preview), waiting_lines(preview)
    lines = (*preview_lines(preview), *waits)
    if change is Change.NONE:
        state = StackState.POSTPONED if waits else StackState.UNCHANGED
        return PreviewDecision(change, digest, state, lines, waits)
    if task.verb is Verb.PLAN:
        return PreviewDecision(change, digest, StackState.PLANNED, lines, waits)
    refusal = _refusal(task, preview, change, digest)
    if refusal:
        return PreviewDecision(change, digest, StackState.REFUSED, (*readable(refusal), *lines), waits)
    return PreviewDecision(change, digest, None, lines, waits)


def _refusal(task: StackTask, preview: PreviewDocument, change: Change, digest: str) -> tuple[str, ...]:
    if change not in ALLOWED[task.verb]:
        what = f"The preview of {task.stack} {_MEANINGS[change]}; {task.verb} stops before the first write."
        return what, _remedy(task, change)
    if task.plan_digest not in {None, digest} and not only_records(preview):
        return (
            f"The preview of {task.stack} differs from the one that was approved.",
            "The program, its settings or the certificates in the slots have changed since then.",
            "Plan again, read the new preview, and approve that.",
        )
    return ()


def _remedy(task: StackTask, change: Change) -> str:
    verb = {Change.PREPARE: Verb.PREPARE, Change.ROTATE: Verb.ROTATE, Change.ROLL_BACK: Verb.ROLL_BACK}.get(change)
    by_hand = f"pulumi preview --diff --stack {task.stack}, then pulumi up"
    if verb is None:
        return f"Read what is planned, and let a person deploy this stack: {by_hand}"
    return f"If that is intended, run {verb}; otherwise correct what the program declares for this stack."
