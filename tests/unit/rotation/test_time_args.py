"""Arguments about time: how they are recorded, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from btp_trust.errors import Refused
from btp_trust.property_bag import from_program, to_bag
from btp_trust.rotation.schema import RotationArgs
from btp_trust.rotation.time_args import When
from support.fake_engine import assert_three_part_message


def args(**given: Any) -> RotationArgs:
    """Read the arguments of a program."""
    return from_program({"generation": "one", **given}, RotationArgs)


@pytest.mark.parametrize(
    "limit",
    [
        {"soak": 14},
        {"window": {"cron": "0 2 * * SUN", "duration": "4h"}},
        {"freeze": [{"from": "2028-12-15", "to": "2029-01-05", "why": "closing"}]},
    ],
)
def test_each_limit_can_be_waited_for(limit: dict[str, Any]) -> None:
    """`when` is recorded beside what it waits for; its default leaves no trace in the state."""
    assert args(**limit, when="next_window").when is When.NEXT_WINDOW
    assert to_bag(args(**limit, when="next_window"))["when"] == "next_window"
    assert "when" not in to_bag(args(**limit, when="now"))


def test_waiting_needs_a_limit() -> None:
    """A rotation would pass at once where the program says that it waits."""
    with pytest.raises(Refused) as caught:
        args(when="next_window")
    assert_three_part_message(str(caught.value), "`when` is", "`window`, `soak` and `freeze`", "remove `when`")
    assert caught.value.prop == "when"


@pytest.mark.parametrize("when", ["later", "", "NEXT_WINDOW", 1, True])
def test_other_words_are_refused(when: object) -> None:
    """A misspelt word would be taken for the default."""
    with pytest.raises(Refused, match="when"):
        args(soak=14, when=when)


def test_misspelt_zone_is_refused() -> None:
    """A window with `timezone` would be one of UTC, unseen."""
    with pytest.raises(Refused) as caught:
        args(window={"cron": "0 2 * * SUN", "duration": "4h", "timezone": "Europe/Berlin"})
    assert_three_part_message(str(caught.value), "`window` cannot be used", "unknown field `timezone`")
