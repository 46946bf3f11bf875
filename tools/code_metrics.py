"""Print the figures by which this project keeps its code readable, each with what is wanted.

Models are httpx, stamina, trustme, h11, starlette, moto, cert-manager, terraform-provider-tls and pulumi-command,
measured the same way: docs/design/20261129.language.md has their figures.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from check_language import prose_of

ROOT = Path(__file__).parents[1]
PROVIDER = ROOT / "provider"
EMULATOR = PROVIDER / "btp_trust_emulator"
LONGEST_FUNCTION = 20
"""Lines, from `def` to its end, the docstring included."""


@dataclass(frozen=True)
class Figure:
    """A measured figure."""

    name: str
    wanted: str
    value: str
    is_reached: bool


def modules(folder: Path) -> list[Path]:
    """Return the modules below a folder."""
    return sorted(folder.rglob("*.py"))


def short_functions() -> Figure:
    """Measure how many functions of the provider and the emulator fit on a screen without scrolling."""
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in modules(PROVIDER)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    share = 100 * sum(length <= LONGEST_FUNCTION for length in lengths) / len(lengths)
    return Figure("functions of at most 20 lines", ">= 90 %", f"{share:.0f} %", share >= 90)  # noqa: PLR2004 - wanted


def comments() -> Figure:
    """Measure how many lines of the provider say why: comments of their own and texts below attributes."""
    lines = comments = 0
    for path in modules(PROVIDER / "btp_trust"):
        text = path.read_text()
        lines += sum(bool(line.strip()) for line in text.splitlines())
        comments += sum(
            token.type == tokenize.COMMENT and "noqa" not in token.string and "type: ignore" not in token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
        )
    share = 100 * comments / lines
    return Figure("`#` comments", "about 3 %", f"{share:.1f} %", share >= 2)  # noqa: PLR2004 - about


def negations() -> Figure:
    """Measure negations in the strings and comments of the provider and the emulator."""
    texts = [prose_of(path) for path in modules(PROVIDER)]
    share = 1000 * sum(text.negations for text in texts) / sum(text.words for text in texts)
    return Figure("negations per 1,000 words of strings", "<= 20", f"{share:.0f}", share <= 20)  # noqa: PLR2004 - wanted


def test_names() -> Figure:
    """Measure the words in names of tests."""
    words = [
        len(node.name.removeprefix("test_").split("_"))
        for path in modules(ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_")
    ]
    value = f"{median(words):.0f}, at most {max(words)}"
    return Figure("words in a test's name", "<= 6", value, max(words) <= 6)  # noqa: PLR2004 - wanted


def top_modules() -> Figure:
    """Count the modules at the emulator's top."""
    count = sum(path.stem not in {"__init__", "__main__"} for path in EMULATOR.glob("*.py"))
    return Figure("modules of the emulator at its top", "<= 10", str(count), count <= 10)  # noqa: PLR2004 - wanted


def main() -> int:
    """Print a table; a figure that is not reached is the exit code."""
    figures = [short_functions(), comments(), negations(), test_names(), top_modules()]
    print("| figure | wanted | here |\n|---|---|---|")
    for figure in figures:
        print(f"| {figure.name} | {figure.wanted} | {figure.value}{'' if figure.is_reached else ' (missed)'} |")
    return sum(not figure.is_reached for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
