"""What `make bench-status` measures and writes."""

from __future__ import annotations

import json

from btp_trust_emulator import Emulator
from status.__main__ import create_keys, seconds_of
from status.page import LIMIT_SECONDS, MARK, PAGE, RESULTS, sentence
from support.page_sections import section


def test_page_has_the_result() -> None:
    """The sentence of the page is that of the last run, which was within the limit."""
    numbers = json.loads(RESULTS.read_text())
    assert section(PAGE.read_text(), MARK) == sentence(numbers)
    assert (numbers["subaccounts"], numbers["latency_ms"]) == (1000, 100)
    assert numbers["seconds"] <= LIMIT_SECONDS


def test_every_subaccount_is_read(tmp_path: object) -> None:
    """The command that is timed finds all of them in order."""
    with Emulator(socket=True, key_size=1024) as emulator:
        assert seconds_of(create_keys(emulator, 3), str(tmp_path)) > 0
