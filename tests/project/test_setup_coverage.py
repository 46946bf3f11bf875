"""Every line that is excluded from coverage has its reason beside it."""

from __future__ import annotations

import re

import pytest

from support.paths import ROOT

PROVIDER = ROOT / "provider"
PRAGMA = re.compile(r"#\s*pragma:\s*no\s*(?:cover|branch)(?P<reason>.*)")
REASON = re.compile(r" - \S+ \S+")


def without_reason(text: str) -> list[int]:
    """Return the numbers of excluded lines whose reason has fewer than two words."""
    found = ((number, PRAGMA.search(line)) for number, line in enumerate(text.splitlines(), start=1))
    return [number for number, pragma in found if pragma and not REASON.match(pragma["reason"])]


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("x = 1  # pragma: no cover", [1]),
        ("x = 1  # pragma: no cover - reason", [1]),
        ("x = 1  # pragma: no cover - only Windows comes here", []),
        ("x = 1  # pragma: no cover - call() never returns", []),
        ("if x:  # pragma: no branch", [1]),
        ("x = 1", []),
    ],
)
def test_a_pragma_needs_a_reason(line: str, refused: list[int]) -> None:
    """A pragma needs ` - ` and words after it."""
    assert without_reason(line) == refused


def test_excluded_lines_have_reasons() -> None:
    """Every line that is excluded from coverage has a reason, in the provider and the emulator."""
    files = {str(file): without_reason(file.read_text(encoding="utf-8")) for file in PROVIDER.rglob("*.py")}
    assert {file: lines for file, lines in files.items() if lines} == {}
