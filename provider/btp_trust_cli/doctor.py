"""The text and the JSON of `btp-trust doctor`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.text import Text

from btp_trust_cli.diagnosis import Diagnosis, Step
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.rendering import PIPE_WIDTH, STYLES, error_document, indented, render

FORMAT: Final = 1
_NAME_WIDTH: Final = len("identity providers")
_INDENT: Final = " " * 8


def doctor_text(diagnoses: Sequence[Diagnosis], *, width: int = PIPE_WIDTH, is_colored: bool = False) -> str:
    """Return a line for each step, and below a failed one why it failed and what to do."""
    lines = [Text(_summary(diagnoses))]
    for diagnosis in diagnoses:
        lines += [Text(""), Text(f"{diagnosis.title}:")]
        for step in diagnosis.steps:
            lines += _step_lines(step, width)
    return render(lines, width=width, is_colored=is_colored)


def doctor_document(diagnoses: Sequence[Diagnosis]) -> dict[str, Any]:
    """Return the same for other programs."""
    severity = worst(diagnosis.severity for diagnosis in diagnoses)
    return {
        "format": FORMAT,
        "state": severity.name,
        "exit_code": int(severity),
        "checks": [
            {"title": diagnosis.title, "steps": [_step_document(step) for step in diagnosis.steps]}
            for diagnosis in diagnoses
        ],
    }


def _summary(diagnoses: Sequence[Diagnosis]) -> str:
    steps = [step for diagnosis in diagnoses for step in diagnosis.steps]
    failed = sum(step.error is not None for step in steps)
    outcome = f"{failed} of {len(steps)} steps failed" if failed else f"all {len(steps)} steps passed"
    return f"{worst(diagnosis.severity for diagnosis in diagnoses).name}: {outcome}"


def _step_lines(step: Step, width: int) -> Iterator[Text]:
    name = step.name.ljust(_NAME_WIDTH)
    if step.error is None:
        yield Text.assemble("  ", ("ok  ", STYLES[Severity.OK]), f"  {name}  {step.detail}")
        return
    yield Text.assemble("  ", ("FAIL", STYLES[Severity.CRITICAL]), f"  {name}  {step.error.what}")
    yield Text(indented(step.error.why, width, _INDENT))
    yield Text(indented(step.error.remedy, width, _INDENT))


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "step": step.name,
        "passed": step.error is None,
        "detail": step.detail or None,
        "error": error_document(step.error),
    }
