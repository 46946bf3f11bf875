"""Resume after an interruption, as a user would who reads the last line of what Pulumi said and does just that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.pulumi_project import Project, Said

UPS = 2
"""How often `pulumi up` may be needed."""
WAIT = re.compile(r"Wait a minute, then run `pulumi up` again\b")
"""The way out that an interruption needs; one that is not known here fails the cell, and has to be learned."""
AT_ONCE = re.compile(r"Run `pulumi up` again at once\b")
"""The way out of a swap back that failed."""
REVERT = re.compile(r"was refused by the target of .*\n(.*\n)*.*Revert the change of `generation` \(generation=")
"""A target has refused, all is undone, and the program is to be reverted."""
MINUTE = 60


@dataclass(frozen=True)
class End:
    """How resuming ended."""

    refused: bool = False
    """Our provider refused, and its way out was taken."""
    complaints: tuple[str, ...] = ()


def resume(project: Project, said: Said | None, reverted: str | None = None) -> End:
    """Go on until nothing is left to do.

    Args:
        project: The stack.
        said: What the interrupted command said to its end; None if it was killed.
        reverted: If a target's refusal has to be the end of it, the program before.
    """
    refused = False
    for _ in range(UPS + 1):
        if said is not None and reverted is not None and REVERT.search(said.text):
            return End(refused, _revert(project, reverted))
        if said is not None and said.status != 0:
            if refused:
                return End(refused=True, complaints=("refuses again", said.text))
            refused = True
            if not take_way_out(project, said):
                return End(complaints=("no way out", said.text))
        elif said is not None and reverted is None and _is_settled(project):
            return End(refused)
        said = project.up(status=None)
    return End(refused, complaints=("is never settled", "" if said is None else said.text))


def resume_naively(project: Project, said: Said | None) -> End:
    """Go on until a deployment succeeds; the state of that provider has nothing to compare."""
    for _ in range(UPS):
        if said is not None and said.status == 0:
            return End()
        said = project.up(status=None)
    return End() if said is not None and said.status == 0 else End(complaints=("never succeeds",))


def unlock(project: Project) -> None:
    """Take the lock of a command away that is dead."""
    if any(each.is_file() for each in (project.folder / "backend/.pulumi/locks").rglob("*")):
        project.pulumi("cancel", "--yes")


def _is_settled(project: Project) -> bool:
    return project.preview("--expect-no-changes", "--refresh", status=None).status == 0


def take_way_out(project: Project, said: Said) -> bool:
    """Do what the last line of an error says, `pulumi up` excepted, which follows; False if that is something else."""
    remedy = _remedy(said)
    if AT_ONCE.search(remedy):
        return True
    if WAIT.search(remedy) is None:
        return False
    project.emulator.advance(MINUTE)
    return True


def _revert(project: Project, program: str) -> tuple[str, ...]:
    """Deploy once more, which must be refused without a swap, then revert; return what is wrong with that."""
    slots, again = project.slots(), project.up(status=None)
    if again.status == 0 or not REVERT.search(again.text) or project.slots() != slots:
        return ("the refusal is forgotten", again.text)
    project.write(program)
    back = project.up(status=None)
    return () if back.status == 0 and _is_settled(project) else ("cannot be reverted", back.text)


def _remedy(said: Said) -> str:
    """Return the last line of the error of one of our resources; nothing if something else stopped the command."""
    return said.message[-1] if re.search(r"^  pulumi-python:.*\n    error: ", said.text, re.MULTILINE) else ""
