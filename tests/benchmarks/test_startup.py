"""What `make bench-startup` measures: the ratio of pairs, the numbers, the page."""

from __future__ import annotations

import json

from startup.page import MARK, PAGE, RESULTS, table
from startup.pairs import Pair, ratio, to_json
from support.page_sections import section


def test_ratio_compares_within_pairs() -> None:
    """A machine that is slow for one pair slows both of its commands, and the median drops an outlier."""
    pairs = [Pair(1.1, 1.0), Pair(11.0, 10.0), Pair(9.0, 1.0)]

    assert ratio(pairs) == 1.1


def test_numbers_have_medians() -> None:
    """The numbers are the medians in seconds, the ratio and the count."""
    measured = {"up": [Pair(2.2, 2.0), Pair(2.4, 2.0), Pair(2.3, 2.0)]}

    assert to_json(measured) == {"up": {"pairs": 3, "ours_seconds": 2.3, "empty_seconds": 2.0, "ratio": 1.15}}


def test_page_has_the_results() -> None:
    """The table of the page is that of the last run."""
    numbers = json.loads(RESULTS.read_text())

    assert section(PAGE.read_text(), MARK) == table(numbers)
    assert set(numbers) == {"preview", "up"}
