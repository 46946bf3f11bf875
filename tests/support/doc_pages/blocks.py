"""The code blocks of Markdown pages, in sections.

A page is a sequence of sections. `<!-- begins: STAGE -->` starts one, in a project at that stage (`stages`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootstrap.main import ROOT

_FENCE = r"^```(?P<language>\w*)\n(?P<text>.*?)^```$"
_MARK = r"^<!-- begins: (?P<stage>[\w-]+) -->$"
_PART = re.compile(f"{_FENCE}|{_MARK}", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//) (?P<name>[\w./-]+\.(?:py|yaml|yml|json|sh))")
_FIRST_STAGE = {"examples/README.md": "examples"}
"""{page: the stage of its project before its first mark}"""


@dataclass(frozen=True)
class Block:
    """A fenced block: its page and line, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Return the page and line of the block."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file name in the first line of the block, if it is a comment with one."""
        match = _FILE.fullmatch(self.text.partition("\n")[0].strip())
        return match["name"] if match else None

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a console block, each with the lines shown below it."""
        commands: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            elif commands and _is_continued(commands[-1][0]) and not commands[-1][1]:
                commands[-1] = (f"{commands[-1][0]}\n{line}", [])
            else:
                commands[-1][1].append(line)
        return commands


def _is_continued(command: str) -> bool:
    """Return True if the next line belongs to the command: after a backslash, or inside quotes."""
    return command.endswith("\\") or command.count("'") % 2 == 1


@dataclass(frozen=True)
class Section:
    """The blocks from one mark of a page to the next."""

    page: str
    stage: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        """Return the page and line of the first block."""
        return f"{self.page}:{self.blocks[0].line}"


def sections(page: Path) -> list[Section]:
    """Return the sections of a page that have blocks."""
    name, text = page.relative_to(ROOT).as_posix(), page.read_text()
    parts: list[tuple[str, list[Block]]] = [(_FIRST_STAGE.get(name, "nothing"), [])]
    for part in _PART.finditer(text):
        if part["stage"]:
            parts.append((part["stage"], []))
        else:
            line = text.count("\n", 0, part.start()) + 1
            parts[-1][1].append(Block(name, line, part["language"], part["text"]))
    return [Section(name, stage, tuple(blocks)) for stage, blocks in parts if blocks]


def pages() -> Iterator[Path]:
    """Yield all pages: README, SECURITY, the README of the examples, docs."""
    yield ROOT / "README.md"
    yield ROOT / "SECURITY.md"
    examples = ROOT / "examples/README.md"
    if examples.exists():
        yield examples
    yield from sorted((ROOT / "docs").rglob("*.md"))
