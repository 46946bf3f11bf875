"""The state survives a restart; an answered write is on the disk."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Emulator, Invalid, Slots, Target
from btp_trust_emulator.services.xsuaa import tokens
from support.saml import NOW, Signer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Provide the path of the state file."""
    return tmp_path / "state.json"


@pytest.mark.parametrize("socket", [pytest.param(False, id="in process"), pytest.param(True, id="over a socket")])
def test_state_survives_restart(file: Path, make_caller: Any, *, socket: bool) -> None:
    """Subaccounts, certificates, service keys, tokens and the clock survive; the journal does not."""
    with Emulator(socket=socket, key_size=1024, state=file) as first:
        caller = make_caller(first, generate=True)
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


def test_propagation_state_survives_restart(file: Path) -> None:
    """Users, destinations, targets and used assertions survive, so a replay stays one."""
    signer = Signer()
    with Emulator(key_size=1024, state=file) as first:
        first.set_clock(NOW)
        guid = first.create_subaccount().guid
        first.create_user(guid, "joe", "secret", groups=["admins"])
        first.create_destination(guid, {"Name": "a", "Type": "HTTP"}, "instance")
        first.create_target("s4", holds=1)
        target = first.upload_certificate("s4", signer.certificate)
        meant = {"audience": target.entity_id, "recipient": target.token_service_url}
        octets = signer.assertion(changes=meant)
        assert presented(first, target, octets) == 200
        first.misreport("s4", "a fingerprint")
        token, key = first.user_token(guid, "joe"), first.api_access_key(guid)
        users, state = first._landscape.account(guid).users, first._landscape.state.systems
    with Emulator(key_size=1024, state=file) as second:
        assert second._landscape.account(guid).users == users
        assert second._landscape.state.systems == state
        assert [destination.name for destination in second.destinations(guid)] == ["a"]
        assert (second.target("s4"), second.api_access_key(guid)) == (target, key)
        assert tokens.parse_token(second._landscape.token_key, token) is not None
        second.set_clock(NOW)
        assert presented(second, target, octets) == 400
        assert second.journal()[-1].note == "rejected: it was used before"


def presented(emulator: Emulator, target: Target, octets: bytes) -> int:
    """Return the status with which a target answers an assertion."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": base64.b64encode(octets).decode(),
    }
    with httpx.Client(transport=emulator.transport) as http:
        client = (target.client_id, target.client_secret)
        return http.post(target.token_service_url, data=form, auth=client).status_code


def test_first_version_file_is_read(file: Path) -> None:
    """A file without users, destinations and targets is read, and gets one lasting API client."""
    with Emulator(key_size=1024, state=file) as emulator:
        guid = emulator.create_subaccount().guid
    content = json.loads(file.read_text())
    for name in ("systems", "used_assertions"):
        del content["state"][name]
    for name in ("api_instance_id", "api_client_secret", "users", "destinations", "identity_providers"):
        del content["state"]["accounts"][guid][name]
    file.write_text(json.dumps(content))
    keys = []
    for _ in range(2):
        with Emulator(key_size=1024, state=file) as emulator:
            assert emulator.destinations(guid) == []
            keys.append(emulator.api_access_key(guid))
    assert keys[0] == keys[1]


def test_answered_write_is_on_disk(file: Path, make_caller: Any) -> None:
    """A second emulator that reads the file right after the response sees the write."""
    with Emulator(key_size=1024, state=file) as emulator:
        caller = make_caller(emulator)
        pem = caller.call("POST", "/certificate").json()["certificate"]
        with Emulator(key_size=1024, state=file) as other:
            assert other.certificates(caller.subaccount.guid) == (pem, None)


def test_file_is_private_and_warns(file: Path) -> None:
    """The file has mode 0600, and begins with the warning."""
    with Emulator(key_size=1024, state=file) as emulator:
        emulator.create_subaccount(generate=True)
    first, *_ = json.loads(file.read_text()).values()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE KEYS" in first
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_failed_write_changes_nothing(file: Path) -> None:
    """Memory and disk stay as they were, free of half-written files."""
    with Emulator(key_size=1024, state=file) as emulator:
        guid = emulator.create_subaccount().guid
        file.unlink()
        file.mkdir()
        with pytest.raises(OSError, match=r"state\.json"):
            emulator.generate_active(guid)
        assert emulator.slots(guid) == Slots(None, None)
        assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text[:-2], id="cut short"),
        pytest.param(lambda text: text.replace('"version": 1', '"version": 2'), id="of another version"),
        pytest.param(lambda _: "[]", id="of something else"),
    ],
)
def test_foreign_file_is_refused(file: Path, change: Any) -> None:
    """The error names the file and what to do, and the file stays as it was."""
    with Emulator(key_size=1024, state=file):
        text = file.read_text()
    file.write_text(change(text))
    with pytest.raises(Invalid, match="was not read"), Emulator(key_size=1024, state=file):
        pass
    assert file.read_text() == change(text)
