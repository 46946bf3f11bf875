"""The state survives a restart; what was answered is on the disk."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Emulator, Invalid, Slots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the state goes."""
    return tmp_path / "state.json"


@pytest.mark.parametrize("socket", [pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def test_all_survives_a_restart(file: Path, caller_of: Any, *, socket: bool) -> None:
    """Subaccounts, certificates, service keys, tokens and the clock; the journal does not."""
    with Emulator(socket=socket, key_size=1024, state=file) as first:
        caller = caller_of(first, generate=True)
        caller.call("POST", "/certificate/passive")
        first.advance(3600)
        token, guid, pems, now = caller.token(), caller.subaccount.guid, first.certificates, first.now
        before = pems(guid)
    with Emulator(socket=socket, key_size=1024, state=file) as second, httpx.Client(transport=second.transport) as http:
        again = type(caller)(second, caller.subaccount, http, second.service_key(guid))
        assert second.journal() == []
        assert second.certificates(guid) == before
        assert second.now > now
        assert again.key["clientsecret"] == caller.key["clientsecret"]
        assert again.call("GET", "/certificate", authorization=f"Bearer {token}").json() == {"certificate": before[0]}


def test_a_write_is_on_the_disk_when_it_is_answered(file: Path, caller_of: Any) -> None:
    """A second emulator that reads the file right after the answer sees it."""
    with Emulator(key_size=1024, state=file) as emulator:
        caller = caller_of(emulator)
        pem = caller.call("POST", "/certificate").json()["certificate"]
        with Emulator(key_size=1024, state=file) as other:
            assert other.certificates(caller.subaccount.guid) == (pem, None)


def test_the_file_is_its_owners_alone_and_says_why(file: Path) -> None:
    """Mode 0600; the first thing in it is the warning."""
    with Emulator(key_size=1024, state=file) as emulator:
        emulator.create_subaccount(generate=True)
    first, *_ = json.loads(file.read_text()).values()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEYS" in first
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_write_that_fails_changes_nothing(file: Path) -> None:
    """Neither in memory nor on the disk, where no half-written file stays."""
    with Emulator(key_size=1024, state=file) as emulator:
        guid = emulator.create_subaccount().guid
        file.unlink()
        file.mkdir()
        with pytest.raises(OSError, match=r"state\.json"):
            emulator.generate_active(guid)
        assert emulator.slots(guid) == Slots(None, None)
        assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text[:-2], id="cut short"),
        pytest.param(lambda text: text.replace('"version": 1', '"version": 2'), id="of another version"),
        pytest.param(lambda _: "[]", id="of something else"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_left_alone(file: Path, change: Any) -> None:
    """The refusal names the file and what to do."""
    with Emulator(key_size=1024, state=file):
        text = file.read_text()
    file.write_text(change(text))
    with pytest.raises(Invalid, match="was not read"), Emulator(key_size=1024, state=file):
        pass
    assert file.read_text() == change(text)
