"""The table of the page, which the tests compare with the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.page_sections import replace_section
from support.paths import ROOT

PAGE = ROOT / "docs/explanation/continuity.md"
PICTURE = ROOT / "docs/continuity.svg"
RESULTS = ROOT / "benchmarks/results/continuity.json"
MARK = "continuity"
ONE_PICTURE = ROOT / "docs/continuity-one-certificate.svg"
ONE_RESULTS = ROOT / "benchmarks/results/continuity-one-certificate.json"
ONE_MARK = "one-certificate"
"""The same for a target that holds one certificate."""
TITLES = {
    "rotation": "btp-trust: prepare, publish, rotate, retire",
    "renew-in-place": "renewed in place, then the targets follow",
    "swap-without-publishing": "generated and swapped by a script, then the targets follow",
}


def table(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the numbers of all scenarios as a table."""
    rows = (
        f"| {title} | {numbers[name]['calls']} | {numbers[name]['rejected']} | {seconds(numbers[name])} |"
        for name, title in TITLES.items()
    )
    return "\n".join(["| | Calls made | Calls rejected | Longest gap |", "|---|---|---|---|", *rows])


def seconds(measured: Mapping[str, Any]) -> str:
    """Return the longest gap as text."""
    return f"{measured['longest_gap_seconds']:.1f} s" if measured["rejected"] else "none"


def write_table(page: Path, mark: str, rows: str) -> None:
    """Replace a table in the page."""
    page.write_text(replace_section(page.read_text(), mark, rows))
