"""The session of a process: made once, handed to each operation with a deadline."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest

from btp_trust.errors import ServiceUnavailable, WriteNotApplied
from btp_trust.runtime import process_session
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from support.fake_clock import FakeClock

UNSET: dict[str, str] = {}


@pytest.fixture
def no_session() -> Iterator[None]:
    """A process in which Pulumi has configured nothing yet, and which is left so."""
    process_session.set_current(None)
    yield
    process_session.set_current(None)


@pytest.mark.usefixtures("no_session")
def test_process_has_one_session() -> None:
    """The first `configure` makes the session of the process, and later ones keep it."""
    with pytest.raises(RuntimeError, match="configure"):
        process_session.current()
    process_session.configure({"btp-trust:strict": "true"}.get)
    first = process_session.current()
    process_session.configure(UNSET.get)
    assert process_session.current() is first
    assert first.strict


@pytest.mark.usefixtures("no_session")
def test_operation_has_deadline() -> None:
    """An operation gets the session of the process and a deadline."""
    clock = FakeClock()
    host = Host(environ={}, sleep=clock.sleep, monotonic=lambda: clock.now)
    chosen = Session({"btp-trust:operationTimeout": "20"}.get, host)
    process_session.set_current(chosen)
    with process_session.operation() as shared:
        assert shared is chosen
        clock.now += 15.0
        assert shared.retry_policy.remaining == 5.0
    assert chosen.retry_policy.remaining == 20.0


@pytest.mark.usefixtures("no_session")
def test_operation_shows_last_error_only() -> None:
    """A traceback has the last error only: its class and remedy stand first."""
    process_session.set_current(Session(UNSET.get, Host(environ={})))

    def fail(*, again: bool) -> None:
        try:
            if again:
                fail(again=False)
        finally:
            raise (WriteNotApplied if again else ServiceUnavailable)("It happened.", "Evidence.", "Repair it.")

    with pytest.raises(WriteNotApplied) as stopped, process_session.operation():
        fail(again=True)
    printed = "".join(traceback.format_exception(stopped.value))
    assert printed.count("btp_trust.errors.") == 1
    assert printed.endswith("btp_trust.errors.WriteNotApplied: It happened.\nEvidence.\nRepair it.\n")


@pytest.mark.usefixtures("no_session")
def test_set_current_replaces_session() -> None:
    """`set_current` chooses the session of the process, and removes it."""
    chosen = Session(UNSET.get, Host(environ={}))
    process_session.set_current(chosen)
    assert process_session.current() is chosen
    process_session.set_current(None)
    with pytest.raises(RuntimeError):
        process_session.current()
