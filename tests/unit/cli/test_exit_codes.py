"""The numbers of monitoring plugins, and which result counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity, worst


def test_numbers_are_those_of_plugins() -> None:
    """As the Monitoring Plugins guidelines have them."""
    assert {severity.name: int(severity) for severity in Severity} == {
        "OK": 0,
        "WARNING": 1,
        "CRITICAL": 2,
        "UNKNOWN": 3,
    }


@given(st.lists(st.sampled_from(Severity)))
def test_worst_is_never_hidden(severities: list[Severity]) -> None:
    """The result is one of them, and none before it in the order is among them; UNKNOWN for an empty list."""
    result = worst(severities)
    before = MOST_SERIOUS_FIRST[: MOST_SERIOUS_FIRST.index(result)]
    assert (result in severities) if severities else (result is Severity.UNKNOWN)
    assert not set(before) & set(severities)
