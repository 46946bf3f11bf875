"""Sentences for people about a preview or a failure: of this provider's own words, and redacted where Pulumi speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.service.transport.redaction import redact
from btp_trust_fleet.stack_run.classification import changing_steps, other_changes
from btp_trust_fleet.stack_run.preview_document import Diagnostic, PreviewDocument, Step, TriggerInputs, trigger_inputs

_FINGERPRINT: Final = re.compile(r"\b[0-9a-f]{64}\b", re.IGNORECASE)
_GUID: Final = re.compile(r"\b([0-9a-f]{8})-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_PREFIX: Final = re.compile(r"^(?:error: )?(?:pulumi-python:dynamic/btp-trust:\w+ resource '[^']*': )?", re.IGNORECASE)
_PROBLEM: Final = re.compile(r"^property \S+(?: value .*?)? has a problem: ", re.DOTALL)
_PLAN_VIOLATED: Final = "violates plan: "
_CONSEQUENCES: Final = ("Resource monitor has terminated, shutting down", _PLAN_VIOLATED)
"""What Pulumi adds to the error of a resource."""
DIFFERENT_UPDATE: Final = (
    "The update would have differed from its preview, and was stopped.",
    "Slots, settings or targets have changed between both; what came before that resource is done and recorded.",
    "Run this stack again: it is previewed anew.",
)
_TRACEBACK: Final = "Traceback (most recent call last):"
_MAX_LINES: Final = 12
WAITS: Final = "waits until "
"""Words of RotationTrigger about a rotation that waits for its time."""


def preview_lines(preview: PreviewDocument) -> tuple[str, ...]:
    """Say what would be done with each resource, and what the preview warns of."""
    steps = (line for step in changing_steps(preview) if step.kind for line in _step_lines(step))
    warnings = (line.message for line in preview.diagnostics if line.severity == "warning")
    return readable([*steps, *(f"No verb allows: {line}" for line in other_changes(preview)), *warnings])


def _step_lines(step: Step) -> Iterator[str]:
    inputs = trigger_inputs(step.new_inputs) if step.kind == "RotationTrigger" else TriggerInputs()
    if inputs.swap is not None and step.plans("swap") is not None:
        yield from _swap_lines(inputs.swap)
        if inputs.switchover is not None and step.plans("switchover") is not None:
            yield inputs.switchover.step
    elif step.kind == "RotationTrigger" and (declared := _declared_line(step)):
        yield declared
    else:
        sentence = step.old_inputs.get("removal") if step.op == "delete" else step.sentence
        yield f"{step.op} {step.label}{f': {sentence}' if sentence else ''}"


def _declared_line(step: Step) -> str:
    """Say which signer is recorded without a swap: that of an earlier run, or of a colleague."""
    old, new = trigger_inputs(step.old_inputs).fingerprint, trigger_inputs(step.new_inputs).fingerprint
    if old is None or new is None or old == new:
        return ""
    signers = f"{short_fingerprint(new)} in place of {short_fingerprint(old)}"
    return f"{step.op} {step.label}: records the signer {signers}, as the slots have it"


def _swap_lines(swap: PlannedSwap) -> Iterator[str]:
    yield swap.step
    yield f"verification: {swap.verification}"
    yield f"rollback: {swap.rollback}"
    yield from (f"target {name}: {status}" for name, status in swap.targets.items())


def waiting_lines(preview: PreviewDocument) -> tuple[str, ...]:
    """Return what a RotationTrigger says about a rotation that waits for its time: no input has it."""
    lines = [line.message for line in preview.diagnostics if line.is_of_trigger and WAITS in line.message]
    return readable(lines)


def error_lines(errors: Sequence[Diagnostic]) -> tuple[str, ...]:
    """Return what went wrong: the three parts of an error of this provider, a line each."""
    causes = [error for error in errors if not any(text in error.message for text in _CONSEQUENCES)]
    if not causes and any(_PLAN_VIOLATED in error.message for error in errors):
        return DIFFERENT_UPDATE
    return readable(
        dict.fromkeys(_PROBLEM.sub("", _PREFIX.sub("", _without_frames(error.message))) for error in causes or errors)
    )


def _without_frames(message: str) -> str:
    """Leave of the traceback of a program its error and the last place: the frames before it are those of Pulumi."""
    before, traceback, _ = message.partition(_TRACEBACK)
    if not traceback:
        return message
    lines = message.rpartition(_TRACEBACK)[2].splitlines()
    places = [line.strip() for line in lines if line.lstrip().startswith('File "')]
    return "\n".join([before, *(line for line in lines if not line.startswith(" ")), *places[-1:]])


def readable(texts: Iterable[str]) -> tuple[str, ...]:
    """Redact each line, and leave out the empty ones and those that are too many."""
    lines = (redact(_shorten(line)) for text in texts for line in text.splitlines())
    return tuple(line for line in lines if line)[:_MAX_LINES]


def _shorten(line: str) -> str:
    """Shorten fingerprints and GUIDs: whole ones would be taken for keys."""
    return _GUID.sub(r"\1", _FINGERPRINT.sub(lambda found: short_fingerprint(found[0]), line))
