"""The files of a stack as `pulumi stack init` and `pulumi config` write them, without half a second for each."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from support import vault

PASSPHRASE = "test"
ITERATIONS, KEY_BYTES, NONCE_BYTES = 1_000_000, 32, 12

_created: dict[tuple[str, ...], dict[Path, bytes]] = {}
"""{words of `pulumi stack init`: the files that it has added in this process}"""


def create_or_copy(folder: Path, words: tuple[str, ...], init: Callable[[], object]) -> None:
    """Create a stack of the tests' own project, or write the files of the one that was created before."""
    if words not in _created:
        before = _read_all(folder)
        init()
        _created[words] = {name: content for name, content in _read_all(folder).items() if name not in before}
    for name, content in _created[words].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def set_config(file: Path, name: str, value: str, *, secret: bool) -> None:
    """Write a value of the configuration."""
    settings = _settings(file)
    shown = {"secure": _encrypt(_key(settings), value)} if secret else value
    _write(file, {**settings, "config": {**settings.get("config", {}), name: shown}})


def remove_config(file: Path, name: str) -> None:
    """Remove a value from the configuration, if it is there."""
    settings = _settings(file)
    config = {key: value for key, value in settings.get("config", {}).items() if key != name}
    _write(file, {**settings, "config": config})


def _read_all(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _settings(file: Path) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    return settings


def _write(file: Path, settings: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(settings))


def _encrypt(key: bytes, text: str) -> str:
    """Encrypt as Pulumi does."""
    nonce = os.urandom(NONCE_BYTES)
    encrypted = AESGCM(key).encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(encrypted).decode()}"


def _key(settings: dict[str, Any]) -> bytes:
    """Return the key of a stack, which is in its settings, or follows from the passphrase."""
    if encrypted := settings.get("encryptedkey"):
        return vault.decrypt(base64.b64decode(encrypted).decode())
    return _derived_key(settings["encryptionsalt"].split(":")[1])


@cache
def _derived_key(salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), base64.b64decode(salt), ITERATIONS, KEY_BYTES)
