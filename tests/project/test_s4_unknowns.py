"""The page of unknowns: its commands print each of the answers that its tables have, if the emulator is switched so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from bootstrap.main import ROOT
from support.doc_pages.blocks import Block, sections
from support.doc_pages.stages import PageProjects
from support.doc_pages.surroundings import create_s4_tenant

PAGE = ROOT / "docs/reference/s4-unknowns.md"
QUESTIONS = 6
_ROW = re.compile(r"^\| `([^`]+)` \| .* \| `(\w+)`: `([^`]+)` \|$", re.MULTILINE)


class Answer(NamedTuple):
    """A row of a question's table: what is printed where the emulator has this switch."""

    number: int
    printed: str
    switch: str
    value: str


def answers() -> list[Answer]:
    """List the answers to all questions, the default of each first."""
    parts = re.split(r"^## (?=\d\. )", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return [Answer(int(part[0]), *row) for part in parts for row in _ROW.findall(part)]


def blocks_of(number: int) -> list[Block]:
    """List the blocks before the first question, and those of this one."""
    (section,) = sections(PAGE)
    starts = [line for line, text in enumerate(PAGE.read_text().splitlines()) if re.match(r"## \d\. ", text)]
    ends = [*starts[1:], section.blocks[-1].line + 1]
    own = range(starts[number - 1], ends[number - 1])
    return [block for block in section.blocks if block.line < starts[0] or block.line in own]


def expecting(block: Block, printed: str) -> Block:
    """Return a block whose last line of output is another one."""
    return replace(block, text=re.sub(r"[^\n]*\n\Z", lambda _: f"{printed}\n", block.text))


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> PageProjects:
    """Projects at the stages of the story, made at their first use."""
    return PageProjects(tmp_path_factory.mktemp("stages"))


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: f"{answer.number} {answer.printed}")
def test_each_answer_is_printed(answer: Answer, stages: PageProjects, tmp_path: Path) -> None:
    """The commands of a question print the answer of the emulator's switch."""
    bench = stages.workbench("subaccount", tmp_path)
    value = json.loads(answer.value) if answer.value.isdecimal() else answer.value
    try:
        create_s4_tenant(bench, {answer.switch: value})
        *before, last = blocks_of(answer.number)
        for block in (*before, expecting(last, answer.printed)):
            bench.run(block, {})
    finally:
        bench.close()


def test_default_answer_comes_first() -> None:
    """Each of six questions shows the answer of the default, the first in its table."""
    firsts = {answer.number: answer.printed for answer in reversed(answers())}
    shown = {number: blocks_of(number)[-1].text.splitlines()[-1] for number in range(1, QUESTIONS + 1)}
    assert firsts == shown
