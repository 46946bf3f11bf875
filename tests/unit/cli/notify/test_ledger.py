"""The ledger: each matter is sent once, and again once it was over."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError
from btp_trust_cli.notify.ledger import EMPTY, Delivery, Entry, Ledger
from btp_trust_cli.notify.ledger_file import locked_ledger, read_ledger
from btp_trust_cli.notify.notifications import Notification, find_notifications
from support.statuses import ROTATING

(TEMPLATE,) = find_notifications([ROTATING])
KEYS, PLACES = ("expiry 1", "expiry 2", "drift"), ("live/a", "live/b")


def notice(key: str, place: str = "live/a") -> Notification:
    """Return a notification of this matter."""
    return replace(TEMPLATE, key=key, place=place)


def entry(key: str, delivery: Delivery = Delivery.SENT, place: str = "live/a") -> Entry:
    """Return the entry of a message to Slack."""
    return Entry("slack", key, place, f"id of {key}", delivery, "2028-11-20T08:00:00Z")


@given(
    entries=st.dictionaries(st.sampled_from(KEYS), st.tuples(st.sampled_from(Delivery), st.sampled_from(PLACES))),
    now=st.sets(st.sampled_from(KEYS)),
    read=st.sets(st.sampled_from(PLACES)),
    resend=st.booleans(),
)
def test_matter_is_sent_once(
    entries: dict[str, tuple[Delivery, str]], now: set[str], read: set[str], *, resend: bool
) -> None:
    """A recorded one stays silent while it lasts, or while its place is unread; an unknown one unless it is wanted."""
    ledger = Ledger(1, tuple(entry(key, delivery, place) for key, (delivery, place) in entries.items()))
    notifications = [notice(key) for key in sorted(now)]
    after = ledger.after_restart().of_lasting(notifications, read)
    kept = {key for key, (_, place) in entries.items() if key in now or place not in read}
    assert {each.key for each in after.entries} == kept
    assert all(each.delivery is not Delivery.SENDING for each in after.entries)
    sent = {each.key for each in after.to_send("slack", notifications, resend=resend)}
    lost = {key for key in kept if entries[key][0] is not Delivery.SENT}
    assert sent == (now - kept) | (now & lost if resend else set())
    assert {each.key for each in after.to_send("webhook", notifications, resend=resend)} == now


def test_entry_replaces_an_earlier_one() -> None:
    """One for each matter of a channel."""
    ledger = EMPTY.having(entry("a", Delivery.SENDING)).having(entry("b")).having(entry("a"))
    assert ledger.entries == (entry("b"), entry("a"))
    assert ledger.lacking("slack", "a").find("slack", "a") is None
    assert ledger.find("slack", "a") == entry("a")


def test_file_keeps_the_ledger(tmp_path: Path) -> None:
    """What was about to leave is unknown for the next run; a missing file is empty."""
    file = tmp_path / "notified.json"
    assert read_ledger(file) == EMPTY
    with locked_ledger(file) as opened:
        opened.save(EMPTY.having(entry("a", Delivery.SENDING)))
        written = file.read_bytes()
        opened.save(opened.ledger)
        assert file.read_bytes() == written
    found = read_ledger(file).find("slack", "a")
    assert found is not None
    assert found.delivery is Delivery.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"format": 2, "entries": []}', b'{"format": 1, "entries": [], "more": 1}'],
)
def test_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty ledger in its place would notify people again."""
    file = tmp_path / "notified.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_ledger(file)
    assert file.read_bytes() == content


def test_folder_is_refused(tmp_path: Path) -> None:
    """As a file that cannot be read, or whose folder refuses the lock."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_ledger(tmp_path)
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match="cannot be locked"),
        locked_ledger(tmp_path / "file/notified.json"),
    ):
        raise AssertionError


def test_second_run_waits_for_the_lock(tmp_path: Path) -> None:
    """Across processes; the lock of a killed one is free."""
    file = tmp_path / "notified.json"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from btp_trust_cli.notify.ledger_file import locked_ledger\n"
        "with locked_ledger(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError, match="Another run has the state file"), locked_ledger(file, 0.1):
            raise AssertionError
        other.kill()
    with locked_ledger(file, 30) as opened:
        assert opened.ledger == EMPTY
