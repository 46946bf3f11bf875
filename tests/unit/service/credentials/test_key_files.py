"""Keys in files: a folder of one each, a file of all; what leaves the folder, waits, or is read by others."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, CredentialsMissing, Refused, TrustError
from btp_trust.service.credentials.communication_user import CommunicationUsers
from btp_trust.service.credentials.key_files import KeyFiles
from support.credential_places import configured, key_places
from support.error_text import error_text
from support.s4_tenant import USER

KEY = {"clientid": "c", "clientsecret": "S3CRET", "uri": "https://a.example", "url": "https://b.example"}
TEXT = json.dumps(KEY)


def write(path: Path, content: str | bytes = TEXT, mode: int = 0o600) -> Path:
    """Write a file with its rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def no_warning(what: str, why: str, remedy: str) -> None:
    """Fail: a warning is out of place."""
    raise AssertionError(what, why, remedy)


def files(path: str | Path, base: Path, warn: Callable[[str, str, str], None] = no_warning) -> KeyFiles:
    """Return the keys below a path."""
    return KeyFiles(str(path), base, warn)


def refusal(find: Callable[..., object], *arguments: object) -> str:
    """Return the message of a refusal in three parts, and require that it hides the content."""
    with pytest.raises(TrustError) as caught:
        find(*arguments)
    assert "S3CRET" not in error_text(caught.value)
    assert all((caught.value.what, caught.value.why, caught.value.remedy))
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        pytest.param("{url:https://a.example,user:u,password:S3CRET}", id="a shell took the quotation marks away"),
        pytest.param("'{user:u,password:S3CRET}'", id="quotation marks of another shell"),
    ],
)
def test_misplaced_key_is_hidden(tmp_path: Path, text: str) -> None:
    """Credentials in place of the path are refused without being shown, for each command that lists or reads."""
    keys = files(text, tmp_path)
    assert "holds credentials" in refusal(keys.find, "prod")
    assert "holds credentials" in refusal(keys.names)


def test_folder_has_one_file_each(tmp_path: Path) -> None:
    """A used connection costs one file; the others stay unread, also unusable ones."""
    write(tmp_path / "keys/prod.json")
    os.mkfifo(tmp_path / "keys/dev.json")
    write(tmp_path / "keys/.hidden.json")
    write(tmp_path / "keys/README.md")
    keys = files("keys", tmp_path)
    found = keys.find("prod")
    assert found is not None
    assert (found.text, found.where) == (TEXT, "keys/prod.json")
    assert keys.find("absent") is None
    assert keys.find("x" * 5000) is None
    assert keys.names() == ["dev", "prod"]
    assert "S3CRET" not in repr(found)


def test_one_file_has_all(tmp_path: Path) -> None:
    """The JSON object of `btp-trust:connections`, in the notations of common tools; a relative path and a whole one."""
    path = write(tmp_path / "keys.json", f"\ufeff{json.dumps({'prod': KEY, 'a/b': KEY})}\r\n".encode("utf-16"))
    for given_path in ("keys.json", path):
        keys = files(given_path, tmp_path)
        found = keys.find("a/b")
        assert found is not None
        assert json.loads(found.text) == KEY
        assert found.where == f"{given_path}, 'a/b'"
        assert keys.find("absent") is None
        assert keys.names() == ["prod", "a/b"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"\ufeff{TEXT}".encode(), id="a byte order mark"),
        pytest.param(json.dumps(KEY, indent=2).replace("\n", "\r\n").encode(), id="line ends of Windows"),
        pytest.param(TEXT.encode("utf-16"), id="a redirection of PowerShell"),
        pytest.param(f"Getting key a for service instance b as c …\n\n{TEXT}\n".encode(), id="the output of cf"),
        pytest.param(json.dumps({"credentials": KEY}).encode(), id="a wrapper"),
    ],
)
def test_formats_are_those_of_all_places(tmp_path: Path, content: bytes) -> None:
    """A file has any notation that other places may have."""
    write(tmp_path / "keys/prod.json", content)
    config = {"btp-trust:connectionsFile": "keys"}
    assert key_places(config, folder=tmp_path).find("prod").key.clientid == "c"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "It is empty"),
        (b"\xff\x00\x01S3CRET", "binary"),
        (b"S3CRET" * 200_000, "more than 1 MiB"),
        (b'{"clientsecret": "S3CRET"', "cut off"),
        (b"<html>S3CRET", "web page"),
    ],
)
def test_unusable_content_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """The message names the file and what is wrong, and hides the content."""
    write(tmp_path / "keys/prod.json", content)
    message = refusal(key_places({"btp-trust:connectionsFile": "keys"}, folder=tmp_path).find, "prod")
    assert "keys/prod.json" in message
    assert why in message


@pytest.mark.parametrize("content", ["S3CRET", '["S3CRET"]', '{"prod": "S3CRET"}', '{"prod": {"a": "S3CRET"'])
def test_malformed_file_of_all_is_refused(tmp_path: Path, content: str) -> None:
    """One file for all connections is an object of objects."""
    write(tmp_path / "keys.json", content)
    message = refusal(files("keys.json", tmp_path).find, "prod")
    assert "maps connection names to service keys" in message
    assert "keys.json" in message.splitlines()[-1]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f'{{"prod": {TEXT}, "prod": {TEXT.replace("S3CRET", "S3CRET2")}}}', id="two keys"),
        pytest.param(f'{{"dev": {{}}, "a": {{"prod": 1, "prod": 2}}, "b": {TEXT}}}', id="two values of a field"),
    ],
)
def test_name_that_is_there_twice_is_refused(tmp_path: Path, content: str) -> None:
    """Of two keys with one name, the last would count silently; both the same are one."""
    write(tmp_path / "keys.json", content)
    assert "It has the name 'prod' twice, with different values." in refusal(files("keys.json", tmp_path).find, "prod")
    write(tmp_path / "keys.json", f'{{"prod": {TEXT}, "prod": {TEXT}}}')
    assert files("keys.json", tmp_path).names() == ["prod"]


@pytest.mark.parametrize(
    "name", ["../prod", "/prod", "a/b", "a\\b", "C:prod", "a\0b", "", ".", "..", ".git", "a\udcffb\ud800"]
)
def test_name_that_leaves_is_refused(tmp_path: Path, name: str) -> None:
    """A name with a separator, NUL, a leading dot, or without an encoding names no file."""
    write(tmp_path / "prod.json")
    (tmp_path / "keys").mkdir()
    message = refusal(files("keys", tmp_path).find, name)
    assert repr(name) in message


@given(name=st.text() | st.text(alphabet="./\\~%$*?:\0-a", max_size=6))
def test_any_name_stays_inside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Each name finds its own file in the folder, or no file, or is refused; it never reads another file."""
    folder = tmp_path_factory.mktemp("base")
    for outside in (folder / "prod.json", folder / ".json", folder / "a.json"):
        write(outside, '{"other": {}}')
    (folder / "keys").mkdir()
    keys = files("keys", folder)
    try:
        first = keys.find(name)
    except ConfigurationError:
        return
    assert first is None
    try:
        write(folder / f"keys/{name}.json")
    except OSError:  # a name that this file system refuses, as it is too long
        return
    found = keys.find(name)
    assert found is not None
    assert found.text == TEXT


def test_links_must_stay_inside(tmp_path: Path) -> None:
    """Those of a mounted Kubernetes Secret do; one to another folder is refused, and a broken one is named."""
    keys = tmp_path / "keys"
    write(keys / "..2026/prod.json")
    (keys / "..data").symlink_to("..2026")
    (keys / "prod.json").symlink_to("..data/prod.json")
    write(tmp_path / "elsewhere.json")
    (keys / "outside.json").symlink_to(tmp_path / "elsewhere.json")
    (keys / "broken.json").symlink_to("nowhere")
    (keys / "circle.json").symlink_to("circle.json")
    (tmp_path / "link").symlink_to("keys")
    for path in ("keys", "link"):
        found = files(path, tmp_path).find("prod")
        assert found is not None
        assert found.text == TEXT
        assert "leaves the folder" in refusal(files(path, tmp_path).find, "outside")
    for name in ("broken", "circle"):
        assert "Remove the link" in refusal(files("keys", tmp_path).find, name)


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    """A pipe without a writer keeps nobody waiting; a folder and a device are named as such."""
    (tmp_path / "keys/folder.json").mkdir(parents=True)
    os.mkfifo(tmp_path / "keys/pipe.json")
    started = time.monotonic()
    for name in ("folder", "pipe"):
        assert "no regular file" in refusal(files("keys", tmp_path).find, name)
    assert "no regular file" in refusal(files("/dev/zero", tmp_path).find, "prod")
    assert time.monotonic() - started < 10


def test_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the system's reason and the right that is missing."""
    write(tmp_path / "keys/prod.json")

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    message = refusal(files("keys", tmp_path).find, "prod")
    assert "PermissionError" in message
    assert "chmod u+r" in message


def test_folder_without_rights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that hides which files it has is an error: the next place may have the key of another subaccount."""
    write(tmp_path / "keys/prod.json")
    keys = files("keys", tmp_path)
    assert keys.names() == ["prod"]

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "S3CRET")

    monkeypatch.setattr(os, "lstat", refuse)
    message = refusal(keys.find, "prod")
    monkeypatch.undo()
    assert "keys/prod.json cannot be used.\nPermissionError for its folder." in message
    monkeypatch.setattr(Path, "iterdir", refuse)
    message = refusal(keys.names)
    monkeypatch.undo()
    assert "folder keys of btp-trust:connectionsFile cannot be listed.\nPermissionError for" in message


@pytest.mark.parametrize("path", ["missing", "keys.json/below", "a\0b"])
def test_missing_path_is_refused(tmp_path: Path, path: str) -> None:
    """The path of the setting is required: its keys would otherwise be looked for elsewhere."""
    write(tmp_path / "keys.json")
    with pytest.raises(CredentialsMissing) as caught:
        files(path, tmp_path).find("prod")
    assert "relative path counts from the folder of Pulumi.yaml" in caught.value.why
    refusal(files(path, tmp_path).names)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_readable_file_is_reported_once(tmp_path: Path, mode: int) -> None:
    """A file of this user that others can read: one warning for the folder, with its mode and the remedy."""
    warnings: list[tuple[str, str, str]] = []
    for name in ("a", "b"):
        write(tmp_path / f"keys/{name}.json", mode=mode)
    keys = files("keys", tmp_path, lambda *parts: warnings.append(parts))
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keys.find, "abaabbab"))
    ((what, _, remedy),) = warnings
    assert f"{mode:04o}" in what
    assert "chmod go= keys/" in remedy


def test_strict_refuses_each_readable_file(tmp_path: Path) -> None:
    """In strict mode the warning is an error, of each connection."""

    def refuse(what: str, why: str, remedy: str) -> None:
        raise Refused(what, why, remedy)

    for name in ("a", "b"):
        write(tmp_path / f"keys/{name}.json", mode=0o644)
    keys = files("keys", tmp_path, refuse)
    for name in ("a", "b"):
        assert f"keys/{name}.json" in refusal(keys.find, name)


def test_rights_of_others_are_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for ssh, the rights of a file that another user owns (a mounted Secret) are that user's matter."""
    write(tmp_path / "keys/prod.json", mode=0o644)
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    assert files("keys", tmp_path).find("prod")
    monkeypatch.delattr(os, "getuid")  # Windows
    assert files("keys", tmp_path).find("prod")


def test_communication_user_has_a_file(tmp_path: Path) -> None:
    """Credentials of other kinds are looked for in the same files."""
    write(tmp_path / "keys/s4.json", json.dumps(USER))
    places = configured({"btp-trust:connectionsFile": "keys"}, folder=tmp_path)
    found = CommunicationUsers(places, {}).find("s4")
    assert (found.user.url, found.where) == (USER["url"], "keys/s4.json")
    with pytest.raises(CredentialsMissing, match="config btp-trust:connectionsFile; environment variable"):
        CommunicationUsers(places, {}).find("absent")
