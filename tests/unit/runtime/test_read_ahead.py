"""Reading ahead: which connections are read before a resource needs them, and how many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, ServiceUnavailable
from btp_trust.runtime.read_ahead import READ_AHEAD, ReadAhead, parse_read_ahead

NAMES = [f"c{number}" for number in range(12)]


class Threads:
    """Threads that run when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def run(self, index: int = 0) -> None:
        """Run one to its end."""
        if self.waiting:
            self.waiting.pop(index % len(self.waiting))()


@given(
    limit=st.integers(0, 5),
    announced=st.lists(st.sampled_from(NAMES), unique=True),
    steps=st.lists(st.sampled_from(NAMES) | st.integers(0, 11)),
)
def test_window_bounds_readings(limit: int, announced: list[str], steps: list[str | int]) -> None:
    """Announced connections alone are read, each once, in their order, and at most `limit` are ahead of the resources.

    A step is a resource that needs a connection, or the end of a reading.
    """
    threads, read, needed = Threads(), list[str](), set[str]()
    ahead = ReadAhead(limit, read.append, threads.waiting.append)
    ahead.announce(dict.fromkeys(announced, 3))
    for step in steps:
        if isinstance(step, int):
            threads.run(step)
        else:
            needed.add(step)
            ahead.enter(step)
        assert len(threads.waiting) <= limit
        assert len(set(read) - needed) <= limit
    assert len(read) == len(set(read))
    assert set(read) <= set(announced)


@given(limit=st.integers(1, 5), entered=st.lists(st.sampled_from(NAMES), max_size=3))
def test_all_are_read_on_demand(limit: int, entered: list[str]) -> None:
    """`start_all` reads each connection that no resource has read, `limit` at a time; `wait` waits for that."""
    read, running, most, lock = list[str](), set[str](), [0], threading.Lock()

    def read_slots(name: str) -> None:
        with lock:
            running.add(name)
            most[0] = max(most[0], len(running))
        with lock:
            running.discard(name)
            read.append(name)

    ahead = ReadAhead(limit, read_slots, lambda function: threading.Thread(target=function).start())
    ahead.announce(dict.fromkeys(NAMES, 1))
    for name in entered:
        ahead.enter(name)
    ahead.start_all()
    assert ahead.wait() == []
    assert {*read, *entered} == set(NAMES)
    assert len(read) == len(set(read))
    assert most[0] <= limit


def test_failed_reading_leaves_others() -> None:
    """A reading that fails, in an unforeseen way too, ends neither the thread nor the readings after it."""
    read = []

    def fail(name: str) -> None:
        read.append(name)
        raise ServiceUnavailable("a", "b", "c") if name == "c1" else RuntimeError(name)

    ahead = ReadAhead(1, fail, lambda function: function())
    ahead.announce({"c0": 1, "c1": 1, "c2": 1})
    ahead.enter("c0")
    ahead.enter("c1")
    assert read == ["c1", "c2"]


def test_missing_threads_keep_nobody_waiting() -> None:
    """At the machine's limit of threads, the resources read by themselves, and a write goes on."""

    def refuse(_function: Callable[[], None]) -> None:
        raise RuntimeError("too many")

    ahead = ReadAhead(2, list[str]().append, refuse)
    ahead.announce(dict.fromkeys(NAMES, 1))
    ahead.enter("c0")
    ahead.start_all()
    assert ahead.wait(0) == []


def test_reading_begins_with_first_resource() -> None:
    """An announcement alone leaves the services alone: with `--target`, all of them may be out of use."""
    read = list[str]()
    ReadAhead(2, read.append, lambda function: function()).announce({"c0": 1})
    assert read == []


@pytest.mark.parametrize("text", ["0", "1", "256"])
def test_limit_is_read(text: str) -> None:
    """A whole number within the bounds is taken; 32 is the default."""
    assert parse_read_ahead({READ_AHEAD: text}.get) == int(text)
    assert parse_read_ahead(lambda _: None) == 32


@pytest.mark.parametrize("text", ["", "-1", "257", "1.5", "²", "many", "1e2", " 3"])
def test_malformed_limit_is_refused(text: str) -> None:
    """Anything else is an error that says what the key takes, and how to remove it."""
    with pytest.raises(ConfigurationError) as caught:
        parse_read_ahead({READ_AHEAD: text}.get)
    assert "from 0, which disables reading ahead, to 256" in caught.value.why
    assert caught.value.remedy.endswith("pulumi config rm btp-trust:readAhead")
