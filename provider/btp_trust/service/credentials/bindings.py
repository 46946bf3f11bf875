"""Service bindings that the environment provides: Cloud Foundry, servicebinding.io, SAP's folder convention.

Folders are read as SAP/btp-environment-variable-access does: `.metadata` tells which files are credentials, which are
JSON and which hold all; without it, a file a field, or one file that holds all. What SAP's service operator writes for
`secretKey` and `secretRootKey` is such a file of any name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from btp_trust.errors import ConfigurationError
from btp_trust.parsing.text_decoding import decode as decode_text
from btp_trust.service.credentials.key_formats import as_object, find_credentials
from btp_trust.service.credentials.service_key import DESTINATION, Service, parse_service_key
from btp_trust.service.transport.decoding import DecodingError, decode, find_json_object

SECRETS_ROOT: Final = Path("/etc/secrets/sapbtp")
"""Where SAP's convention mounts bindings: <root>/<service>/<instance>/; with `.metadata` also <root>/<binding>/."""
_CREDENTIAL_FILES: Final = ("credentials.json", "binding.json")
_METADATA: Final = ".metadata"
_USER_PROVIDED: Final = "user-provided"
_TYPE_FILES: Final = ("type", "label")
"""Files that name the service."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of an instance of a service."""

    names: frozenset[str]
    """Names by which a connection may select it."""
    credentials: str
    """The service key, in any shape that a key may have."""
    where: str
    is_user_provided: bool = False
    """Whether somebody wrote the credentials by hand (`cf create-user-provided-service`)."""
    is_for_service: bool = True
    """Whether it is for the service; of one that somebody wrote, its tags or its credentials tell."""

    def __repr__(self) -> str:
        """Name the place, never the credentials."""
        return f"Binding({self.where})"


def find_bindings(
    environ: Mapping[str, str], secrets_root: Path = SECRETS_ROOT, service: Service = DESTINATION
) -> list[Binding]:
    """List the bindings of instances of a service, and user-provided credentials, which may be selected by name.

    Raises:
        ConfigurationError: `VCAP_SERVICES` is not what Cloud Foundry writes.
    """
    return [
        *_cloud_foundry(environ.get("VCAP_SERVICES", ""), service),
        *_service_binding_root(environ.get("SERVICE_BINDING_ROOT", ""), service.name),
        *_secrets_root_bindings(secrets_root, service.name),
    ]


class _VcapEntry(msgspec.Struct):
    credentials: dict[str, Any] | str
    name: str = ""
    instance_name: str | None = None
    binding_name: str | None = None
    tags: Any = None

    def binding(self, *, is_user_provided: bool = False) -> Binding:
        """Name it as Cloud Foundry does."""
        names = frozenset(filter(None, (self.name, self.instance_name, self.binding_name)))
        where = f"VCAP_SERVICES, instance {self.instance_name or self.name}"
        return Binding(names, json.dumps(self.credentials), where, is_user_provided)


def _cloud_foundry(text: str, service: Service) -> Iterator[Binding]:
    if not text.strip():
        return
    try:
        found = find_json_object(text)
        services = as_object(found.get("VCAP_SERVICES")) or found  # as `cf env` and default-env.json have it
        entries = _parse_entries(services.get(service.name, []))
    except DecodingError:
        raise ConfigurationError(
            "VCAP_SERVICES cannot be read.",
            f"It is not JSON with a list `{service.name}` of bindings that have `credentials`.",
            "Correct the environment variable, or unset it and give the connection a service key.",
        ) from None
    for entry in entries:
        yield entry.binding()
    for entry in _parse_readable(services.get(_USER_PROVIDED)):
        binding = entry.binding(is_user_provided=True)
        is_tagged = isinstance(entry.tags, list) and service.name in entry.tags
        if is_tagged or "clientid" in find_credentials({"credentials": entry.credentials}):
            yield replace(binding, is_for_service=is_tagged or _is_service_key(binding, service))


def _parse_entries(listed: Any) -> list[_VcapEntry]:
    return decode(json.dumps(listed), list[_VcapEntry])


def _parse_readable(listed: Any) -> Iterator[_VcapEntry]:
    """Take what can be read: user-provided services are anybody's."""
    for each in listed if isinstance(listed, list) else []:
        try:
            yield from _parse_entries([each])
        except DecodingError:
            continue


def _is_service_key(binding: Binding, service: Service) -> bool:
    try:
        parse_service_key(binding.credentials, binding.where, service)
    except ConfigurationError:
        return False
    return True


def _service_binding_root(root: str, service: str) -> Iterator[Binding]:
    """Bindings after servicebinding.io: a folder each, with a file `type`; or in SAP's convention."""
    if not root:
        return
    yield from _bindings_by_type(_subfolders(Path(root)), "$SERVICE_BINDING_ROOT", service)
    yield from _bindings_in(Path(root) / service, f"$SERVICE_BINDING_ROOT/{service}")


def _secrets_root_bindings(root: Path, service: str) -> Iterator[Binding]:
    yield from _bindings_in(root / service, str(root / service))
    yield from _bindings_by_type(
        [each for each in _subfolders(root) if (each / _METADATA).is_file()], str(root), service
    )


def _bindings_by_type(folders: list[Path], root: str, service: str) -> Iterator[Binding]:
    for folder in folders:
        described = _descriptions(_read_files(folder))
        if service in [described.get(name) for name in _TYPE_FILES]:
            yield from _folder_binding(folder, root)


def _bindings_in(root: Path, shown: str) -> Iterator[Binding]:
    for folder in _subfolders(root):
        yield from _folder_binding(folder, shown)


def _folder_binding(folder: Path, root: str) -> Iterator[Binding]:
    files = _read_files(folder)
    names = {folder.name, _descriptions(files).get("instance_name", "")}
    if files:
        yield Binding(frozenset(filter(None, names)), _credentials_of(files, folder), f"{root}/{folder.name}")


def _descriptions(files: Mapping[str, str]) -> dict[str, str]:
    """Return what describes the binding: files, or the fields of the one file that holds all."""
    inner = as_object(next(iter(files.values()))) if len(files) == 1 else None
    return {name: value.strip() for name, value in {**(inner or {}), **files}.items() if isinstance(value, str)}


def _credentials_of(files: Mapping[str, str], folder: Path) -> str:
    document = next((files[name] for name in _CREDENTIAL_FILES if name in files), None)
    if document is not None:
        return document
    return json.dumps(_credentials_by_metadata(files, _read_text(folder / _METADATA)) or files)


class _Property(msgspec.Struct, rename="camel"):
    name: str
    source_name: str | None = None
    container: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    credential_properties: list[_Property] = []


def _credentials_by_metadata(files: Mapping[str, str], metadata: str | None) -> dict[str, Any]:
    """Read the credentials that `.metadata` lists; nothing if it lists none that are there."""
    try:
        listed = decode(metadata or "", _Metadata).credential_properties
    except DecodingError:
        return {}
    found: dict[str, Any] = {}
    for each in listed:
        value = files.get(each.source_name or each.name)
        inner = as_object(value) if each.container else None
        if value is not None:
            found |= inner or {each.name: value}
    return found


def _subfolders(root: Path) -> list[Path]:
    """List folders; those with a leading dot are the mount's own, to which what stands beside them leads."""
    return sorted(path for path in _list_folder(root) if path.is_dir() and not path.name.startswith("."))


def _list_folder(folder: Path) -> list[Path]:
    """List a folder; one that is not there, or may not be looked into, has nothing."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read_files(folder: Path) -> dict[str, str]:
    """Read the files of a mounted secret; names with a leading dot are the mount's own, key stores are no text."""
    paths = (path for path in _list_folder(folder) if path.is_file() and not path.name.startswith("."))
    texts = ((path.name, _read_text(path)) for path in paths)
    return {name: text for name, text in texts if text is not None}


def _read_text(path: Path) -> str | None:
    try:
        return decode_text(path.read_bytes())
    except (ValueError, OSError):
        return None
