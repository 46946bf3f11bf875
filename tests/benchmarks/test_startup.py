"""What `make bench-startup` measures: the ratio of pairs, the numbers, the page."""

from __future__ import annotations

import json
from typing import cast

import pytest

import startup.__main__ as startup
from startup.page import MARK, PAGE, RESULTS, table
from startup.pairs import Pair, ratio, to_json
from support.page_sections import section
from support.pulumi_project import PulumiProject


def test_ratio_compares_within_pairs() -> None:
    """A machine that is slow for one pair slows both of its commands, and the median drops an outlier."""
    pairs = [Pair(1.1, 1.0), Pair(11.0, 10.0), Pair(9.0, 1.0)]

    assert ratio(pairs) == 1.1


def test_numbers_have_medians() -> None:
    """The numbers are the medians in seconds, the ratio, its quartiles and the count."""
    measured = {"up": [Pair(2.2, 2.0), Pair(2.4, 2.0), Pair(2.3, 2.0)]}

    assert to_json(measured) == {
        "up": {"pairs": 3, "ours_seconds": 2.3, "empty_seconds": 2.0, "ratio": 1.15, "quartiles": [1.125, 1.175]}
    }


def test_first_pair_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command is timed in so many pairs after one to warm up; the programs take turns in being first."""
    ours, empty = (cast("PulumiProject", name) for name in ("ours", "empty"))
    commands: list[tuple[object, str]] = []

    def seconds_of(project: PulumiProject, words: tuple[str, ...]) -> float:
        commands.append((project, words[0]))
        return float(len(commands))

    monkeypatch.setattr(startup, "seconds_of", seconds_of)
    measured = startup.measure(ours, empty, 2)

    assert [project for project, word in commands if word == "up"] == [
        "empty",
        "ours",
        "ours",
        "empty",
        "empty",
        "ours",
    ]
    assert measured == {"preview": [Pair(5, 6), Pair(10, 9)], "up": [Pair(7, 8), Pair(12, 11)]}


def test_page_has_the_results() -> None:
    """The table of the page is that of the last run."""
    numbers = json.loads(RESULTS.read_text())

    assert section(PAGE.read_text(), MARK) == table(numbers)
    assert set(numbers) == {"preview", "up"}
