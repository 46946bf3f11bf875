"""Resume after an interruption, as a user who follows the last line of the error literally."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.pulumi_project import CommandOutput, PulumiProject

MAX_UPS = 2
"""Permitted number of `pulumi up`."""
WAIT = re.compile(r"Wait a minute, then run `pulumi up` again\b")
"""The remedy after an interruption. An unknown remedy fails the cell."""
AT_ONCE = re.compile(r"Run `pulumi up` again at once\b")
"""The remedy after a failed rollback."""
REVERT = re.compile(
    r"(was rejected by the target of|was rolled back: .* failed to switch over).*\n(.*\n)*"
    r".*Revert the change of `generation` \(generation="
)
"""The message after a rejection and a completed rollback: the program is to be reverted."""
RESTORE = re.compile(r'To return to the previous signer: declare its generation and on_drift="restore", and deploy\b')
"""The remedy if a system refuses the signer for good, and its swap was interrupted before it was rolled back."""
MINUTE = 60


@dataclass(frozen=True)
class ResumeResult:
    """The end of resuming."""

    remedy_applied: bool = False
    """True if our provider stopped with an error, and its remedy was applied."""
    problems: tuple[str, ...] = ()


def resume(
    project: PulumiProject, output: CommandOutput | None, reverted: str | None = None, restored: str | None = None
) -> ResumeResult:
    """Run `pulumi up` and the remedies of errors until a preview shows no changes.

    Args:
        project: The stack.
        output: The output of the interrupted command; None if it was killed.
        reverted: The program before, if a rejection is the expected end.
        restored: The same with `on_drift="restore"`.
    """
    remedy_applied = False
    for _ in range(MAX_UPS + 1):
        if output is not None and reverted is not None and REVERT.search(output.text):
            return ResumeResult(remedy_applied, _revert(project, reverted))
        if output is not None and restored is not None and RESTORE.search(_remedy(output)):
            return ResumeResult(remedy_applied=True, problems=_deploy(project, restored))
        if output is not None and output.status != 0:
            if remedy_applied:
                return ResumeResult(remedy_applied=True, problems=("refuses again", output.text))
            remedy_applied = True
            if not apply_remedy(project, output):
                return ResumeResult(problems=("unknown remedy", output.text))
        elif output is not None and reverted is None and _has_no_changes(project):
            return ResumeResult(remedy_applied)
        output = project.up(status=None)
    return ResumeResult(remedy_applied, problems=("does not converge", "" if output is None else output.text))


def resume_naively(project: PulumiProject, output: CommandOutput | None) -> ResumeResult:
    """Run `pulumi up` until it succeeds; a preview of the naive provider would compare nothing."""
    for _ in range(MAX_UPS):
        if output is not None and output.status == 0:
            return ResumeResult()
        output = project.up(status=None)
    succeeded = output is not None and output.status == 0
    return ResumeResult() if succeeded else ResumeResult(problems=("all attempts fail",))


def unlock(project: PulumiProject) -> None:
    """Remove the lock of a killed command."""
    if any(path.is_file() for path in (project.folder / "backend/.pulumi/locks").rglob("*")):
        project.pulumi("cancel", "--yes")


def _has_no_changes(project: PulumiProject) -> bool:
    return project.preview("--expect-no-changes", "--refresh", status=None).status == 0


def apply_remedy(project: PulumiProject, output: CommandOutput) -> bool:
    """Apply the remedy in the last line of an error, up to its `pulumi up`; return False if the remedy is unknown."""
    remedy = _remedy(output)
    if AT_ONCE.search(remedy):
        return True
    if WAIT.search(remedy) is None:
        return False
    project.emulator.advance(MINUTE)
    return True


def _revert(project: PulumiProject, program: str) -> tuple[str, ...]:
    """Deploy once more, which must fail with the same slots, then revert; return the problems."""
    slots, again = project.slots(), project.up(status=None)
    if again.status == 0 or not REVERT.search(again.text) or project.slots() != slots:
        return ("the rejection is forgotten", again.text)
    return _deploy(project, program)


def _deploy(project: PulumiProject, program: str) -> tuple[str, ...]:
    """Deploy the program of a remedy, which must leave no changes; return the problems."""
    project.write(program)
    output = project.up(status=None)
    is_done = output.status == 0 and _has_no_changes(project)
    return () if is_done else ("the remedy fails", output.text)


def _remedy(output: CommandOutput) -> str:
    """Return the last line of the error of a resource of ours, "" for errors of others."""
    return output.message[-1] if output.has_resource_error else ""
