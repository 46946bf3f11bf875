"""The form of every message of this provider."""

from __future__ import annotations


def assert_three_part_message(message: str, *quoted: str | None) -> None:
    """Assert that a message has three parts (what, why, what to do), and quotes these texts."""
    lines = message.splitlines()
    assert len(lines) >= 3
    assert all(line.strip() for line in lines)
    assert [text for text in quoted if str(text) not in message] == []
