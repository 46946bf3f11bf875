"""Service bindings that the environment provides: Cloud Foundry, servicebinding.io, SAP's folder convention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from btp_trust.errors import ConfigurationError
from btp_trust.service.documents import Unreadable, decode
from btp_trust.service.key import DESTINATION

SECRETS_ROOT: Final = Path("/etc/secrets/sapbtp")
"""Where SAP's folder convention mounts bindings: <root>/<service>/<instance>/."""
_DOCUMENTS: Final = ("credentials.json", "binding.json")


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of an instance of a service."""

    names: frozenset[str]
    """Names by which a connection may select it."""
    credentials: bytes
    """JSON of the service key."""
    where: str

    def __repr__(self) -> str:
        """Name the place, never the credentials."""
        return f"Binding({self.where})"


def find_bindings(
    environ: Mapping[str, str], secrets_root: Path = SECRETS_ROOT, service: str = DESTINATION.name
) -> list[Binding]:
    """List the bindings of instances of a service.

    Raises:
        ConfigurationError: `VCAP_SERVICES` is not what Cloud Foundry writes.
    """
    return [
        *_cloud_foundry(environ.get("VCAP_SERVICES", ""), service),
        *_service_binding_root(environ.get("SERVICE_BINDING_ROOT", ""), service),
        *_folders(secrets_root / service),
    ]


class _VcapEntry(msgspec.Struct):
    credentials: dict[str, Any]
    name: str = ""
    instance_name: str | None = None
    binding_name: str | None = None


def _cloud_foundry(text: str, service: str) -> Iterator[Binding]:
    if not text:
        return
    try:
        services = decode(text, dict[str, msgspec.Raw])
        entries = decode(bytes(services.get(service, msgspec.Raw(b"[]"))), list[_VcapEntry])
    except Unreadable:
        raise ConfigurationError(
            "VCAP_SERVICES cannot be read.",
            f"It is not JSON with a list `{service}` of bindings that have `credentials`.",
            "Correct the environment variable, or unset it and give the connection a service key.",
        ) from None
    for entry in entries:
        names = frozenset(filter(None, (entry.name, entry.instance_name, entry.binding_name)))
        where = f"VCAP_SERVICES, instance {entry.instance_name or entry.name}"
        yield Binding(names, msgspec.json.encode(entry.credentials), where)


def _service_binding_root(root: str, service: str) -> Iterator[Binding]:
    """Bindings after servicebinding.io: a folder each, with a file `type`."""
    if not root:
        return
    for folder in _subfolders(Path(root)):
        if _files(folder).get("type", "").strip() == service:
            yield from _folder_binding(folder, "$SERVICE_BINDING_ROOT")


def _folders(root: Path) -> Iterator[Binding]:
    for folder in _subfolders(root):
        yield from _folder_binding(folder, str(root))


def _folder_binding(folder: Path, root: str) -> Iterator[Binding]:
    files = _files(folder)
    names = {folder.name, files.get("instance_name", "").strip()}
    document = next((files[name] for name in _DOCUMENTS if name in files), None)
    credentials = document.encode() if document is not None else msgspec.json.encode(files)
    if files:
        yield Binding(frozenset(filter(None, names)), credentials, f"{root}/{folder.name}")


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in _within(root) if path.is_dir())


def _within(folder: Path) -> list[Path]:
    """List a folder; one that is not there, or may not be looked into, has nothing."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _files(folder: Path) -> dict[str, str]:
    """Read the files of a mounted secret; names with a leading dot are the mount's own, key stores are no text."""
    paths = (path for path in _within(folder) if path.is_file() and not path.name.startswith("."))
    texts = ((path.name, _text(path)) for path in paths)
    return {name: text for name, text in texts if text is not None}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return None
