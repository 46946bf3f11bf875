"""The sentence of the page: written by a run, compared with the numbers by the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.page_sections import replace_section
from support.paths import ROOT

PAGE = ROOT / "docs/explanation/performance.md"
RESULTS = ROOT / "benchmarks/results/status.json"
MARK = "status"
LIMIT_SECONDS = 15.0
"""For a thousand subaccounts at 100 ms."""


def sentence(numbers: Mapping[str, float]) -> str:
    """Write the numbers as a sentence."""
    return (
        f"`btp-trust status` for {numbers['subaccounts']:,} subaccounts whose service answers after "
        f"{numbers['latency_ms']} ms: {numbers['seconds']:.1f} s."
    )


def write_sentence(page: Path, numbers: Mapping[str, float]) -> None:
    """Put the sentence into the page."""
    page.write_text(replace_section(page.read_text(), MARK, sentence(numbers)))
