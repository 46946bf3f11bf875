"""How many events the history keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.history import MAX_CHANGES, MAX_VERIFICATIONS, bounded


@given(st.lists(st.sampled_from(EventKind), max_size=80))
def test_verifications_leave_changes_alone(kinds: list[EventKind]) -> None:
    """The latest of both sorts are kept, in their order, however many there are of the other one."""
    events = [
        Event(at="2028-11-20T08:00:00Z", step=kind, signer="a", why=str(number)) for number, kind in enumerate(kinds)
    ]
    kept = bounded(events)
    changes, verifications = (
        [event for event in events if (event.step is EventKind.VERIFY) is is_verification]
        for is_verification in (False, True)
    )
    assert [event for event in kept if event in changes] == changes[-MAX_CHANGES:]
    assert [event for event in kept if event in verifications] == verifications[-MAX_VERIFICATIONS:]
    assert kept == [event for event in events if event in kept]
