"""The plan of a fleet as a table for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.rendering import PIPE_WIDTH, STYLES, indented, render
from btp_trust_fleet.plan.model import PlannedStack, WavePlan

_COLUMNS: Final = ("STEP", "SUBACCOUNT", "FROM", "TO", "STACK")


def plan_text(plans: Sequence[WavePlan], *, width: int = PIPE_WIDTH, is_colored: bool = False) -> str:
    """Return the line of all, and for each wave a table, what its previews say, and its digest."""
    severity, line = plan_severity(plans), plan_line(plans)
    parts: list[RenderableType] = [Text.assemble((severity.name, STYLES[severity]), f": {line}")]
    for plan in plans:
        parts += wave_parts(plan, width)
    return render(parts, width=width, is_colored=is_colored)


def wave_parts(plan: WavePlan, width: int) -> list[RenderableType]:
    """Return the parts of one wave."""
    approval = [Text(f"\n  digest {plan.digest}")] if plan.digest else []
    return [Text(f"\n{wave_heading(plan)}"), plan_table(plan), *_paragraphs(plan, width), *approval]


def wave_heading(plan: WavePlan) -> str:
    """Return the wave and what it declares, in a line."""
    declared = plan.wave.stacks[0]
    passive = f", passive {declared.passive}" if declared.passive else ""
    return f"wave {plan.wave.number}, {plan.wave.name}: {declared.generation} signs{passive}"


def plan_table(plan: WavePlan) -> Table:
    """Return a row for each stack."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in _COLUMNS:
        table.add_column(title, overflow="fold")
    for each in plan.stacks:
        table.add_row(Text(each.step, STYLES[each.severity]), *map(Text, plan_cells(each)[1:]))
    return table


def plan_cells(planned: PlannedStack) -> tuple[str, ...]:
    """Return the cells of a row."""
    return planned.step, planned.stack.name, *planned.signers, planned.stack.stack


def plan_line(plans: Iterable[WavePlan]) -> str:
    """Return how many stacks have which step."""
    steps = Counter(each.step for plan in plans for each in plan.stacks)
    return ", ".join([plural(sum(steps.values()), "stack"), *(f"{number} {step}" for step, number in steps.items())])


def plan_severity(plans: Iterable[WavePlan]) -> Severity:
    """Return the most serious state of all stacks."""
    return worst(each.severity for plan in plans for each in plan.stacks)


def plural(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _paragraphs(plan: WavePlan, width: int) -> Iterator[RenderableType]:
    for each in plan.stacks:
        if each.outcome.lines:
            yield Text(f"\n{each.stack.name}:")
            yield from (Text(indented(line, width)) for line in each.outcome.lines)
