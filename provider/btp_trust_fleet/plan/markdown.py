"""The plan of a fleet in Markdown, for a comment on a pull request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from btp_trust_cli.rendering import printable
from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.plan.text import plan_cells, plan_line, plan_severity, wave_heading
from btp_trust_fleet.table.schema import Approval

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|&~])")


def plan_markdown(plans: Sequence[WavePlan]) -> str:
    """Return a section for each wave: who changes from what to what, what the previews say, and the digest."""
    lines = [f"## Fleet: {plan_severity(plans).name}", "", plan_line(plans), ""]
    for plan in plans:
        lines += _wave(plan)
    return printable("\n".join(lines))


def _wave(plan: WavePlan) -> Iterator[str]:
    yield from (f"### {_escaped(wave_heading(plan))}", "", "| Step | Subaccount | From | To | Stack |")
    yield "|---|---|---|---|---|"
    for each in plan.stacks:
        yield f"| {' | '.join(map(_escaped, plan_cells(each)))} |"
    yield ""
    for each in plan.stacks:
        yield from _details(each)
    if plan.digest:
        yield from (f"Digest of this plan: `{plan.digest}`", "")
        if plan.wave.approval is Approval.FILE:
            yield from (f"To approve it, commit a line with this digest in `approvals/{plan.wave.name}`.", "")


def _details(planned: PlannedStack) -> Iterator[str]:
    if planned.outcome.lines:
        yield f"<details><summary>{_element(planned.stack.name)}: {planned.step}</summary>"
        yield ""
        yield from (f"- {_escaped(line)}" for line in planned.outcome.lines)
        yield from ("", "</details>", "")


def _escaped(text: str) -> str:
    """Keep texts of programs and targets from being markup: a table's cell, a link, an element."""
    return _unaddressed(_MARKUP.sub(r"\\\1", " ".join(text.splitlines())))


def _element(text: str) -> str:
    """Keep a text within an element as it is: a backslash, which Markdown leaves out, would be shown there."""
    return _unaddressed(escape(text))


def _unaddressed(text: str) -> str:
    """Keep a text from telling somebody of the pull request."""
    return text.replace("@", "@\u200b")
