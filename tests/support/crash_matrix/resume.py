"""Resume after an interruption, as a user would who reads the last line of what Pulumi said and does just that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.pulumi_project import CommandOutput, PulumiProject

MAX_UPS = 2
"""How often `pulumi up` may be needed."""
WAIT = re.compile(r"Wait a minute, then run `pulumi up` again\b")
"""The way out that an interruption needs; one that is not known here fails the cell, and has to be learned."""
AT_ONCE = re.compile(r"Run `pulumi up` again at once\b")
"""The way out of a swap back that failed."""
REVERT = re.compile(r"was rejected by the target of .*\n(.*\n)*.*Revert the change of `generation` \(generation=")
"""A target has refused, all is undone, and the program is to be reverted."""
MINUTE = 60


@dataclass(frozen=True)
class ResumeResult:
    """How resuming ended."""

    refused: bool = False
    """Our provider refused, and its way out was taken."""
    problems: tuple[str, ...] = ()


def resume(project: PulumiProject, output: CommandOutput | None, reverted: str | None = None) -> ResumeResult:
    """Go on until nothing is left to do.

    Args:
        project: The stack.
        output: What the interrupted command said to its end; None if it was killed.
        reverted: If a target's refusal has to be the end of it, the program before.
    """
    refused = False
    for _ in range(MAX_UPS + 1):
        if output is not None and reverted is not None and REVERT.search(output.text):
            return ResumeResult(refused, _revert(project, reverted))
        if output is not None and output.status != 0:
            if refused:
                return ResumeResult(refused=True, problems=("refuses again", output.text))
            refused = True
            if not apply_remedy(project, output):
                return ResumeResult(problems=("no way out", output.text))
        elif output is not None and reverted is None and _has_no_changes(project):
            return ResumeResult(refused)
        output = project.up(status=None)
    return ResumeResult(refused, problems=("is never settled", "" if output is None else output.text))


def resume_naively(project: PulumiProject, output: CommandOutput | None) -> ResumeResult:
    """Go on until a deployment succeeds; the state of that provider has nothing to compare."""
    for _ in range(MAX_UPS):
        if output is not None and output.status == 0:
            return ResumeResult()
        output = project.up(status=None)
    return ResumeResult() if output is not None and output.status == 0 else ResumeResult(problems=("never succeeds",))


def unlock(project: PulumiProject) -> None:
    """Take the lock of a command away that is dead."""
    if any(each.is_file() for each in (project.folder / "backend/.pulumi/locks").rglob("*")):
        project.pulumi("cancel", "--yes")


def _has_no_changes(project: PulumiProject) -> bool:
    return project.preview("--expect-no-changes", "--refresh", status=None).status == 0


def apply_remedy(project: PulumiProject, output: CommandOutput) -> bool:
    """Do what the last line of an error says, `pulumi up` excepted, which follows; False if that is something else."""
    remedy = _remedy(output)
    if AT_ONCE.search(remedy):
        return True
    if WAIT.search(remedy) is None:
        return False
    project.emulator.advance(MINUTE)
    return True


def _revert(project: PulumiProject, program: str) -> tuple[str, ...]:
    """Deploy once more, which must be refused without a swap, then revert; return what is wrong with that."""
    slots, again = project.slots(), project.up(status=None)
    if again.status == 0 or not REVERT.search(again.text) or project.slots() != slots:
        return ("the refusal is forgotten", again.text)
    project.write(program)
    back = project.up(status=None)
    return () if back.status == 0 and _has_no_changes(project) else ("cannot be reverted", back.text)


def _remedy(output: CommandOutput) -> str:
    """Return the last line of the error of one of our resources; nothing if something else stopped the command."""
    return output.message[-1] if re.search(r"^  pulumi-python:.*\n    error: ", output.text, re.MULTILINE) else ""
