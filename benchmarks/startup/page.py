"""The table of the page: written by a run, compared with the numbers by the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.page_sections import replace_section
from support.paths import ROOT

PAGE = ROOT / "docs/explanation/performance.md"
RESULTS = ROOT / "benchmarks/results/startup.json"
MARK = "startup"


def table(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the numbers of all commands as a table."""
    rows = (
        f"| `pulumi {name}` | {each['ours_seconds']:.2f} s | {each['empty_seconds']:.2f} s | {each['ratio']:.2f} |"
        for name, each in numbers.items()
    )
    return "\n".join(["| Without changes | btp-trust | Empty resources | Ratio |", "|---|---|---|---|", *rows])


def write_table(page: Path, numbers: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the table into the page."""
    page.write_text(replace_section(page.read_text(), MARK, table(numbers)))
