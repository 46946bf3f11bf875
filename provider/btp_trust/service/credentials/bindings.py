"""Service bindings of the environment: Cloud Foundry, servicebinding.io, SAP's folder convention.

Folders are read as SAP/btp-environment-variable-access does: `.metadata` lists which files are credentials, which are
JSON and which hold all fields; without it, each file is a field, or one file holds all. SAP's service operator writes
such a file, of any name, for `secretKey` and `secretRootKey`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from btp_trust.errors import ConfigurationError
from btp_trust.parsing.text_decoding import decode as decode_text
from btp_trust.service.credentials.key_formats import as_object, find_credentials
from btp_trust.service.credentials.service_key import DESTINATION, Service, parse_service_key
from btp_trust.service.transport.decoding import DecodingError, decode, find_json_object

SECRETS_ROOT: Final = Path("/etc/secrets/sapbtp")
"""Folder of bindings in SAP's convention: <root>/<service>/<instance>/; with `.metadata` also <root>/<binding>/."""
_CREDENTIAL_FILES: Final = ("credentials.json", "binding.json")
_METADATA: Final = ".metadata"
_USER_PROVIDED: Final = "user-provided"
_TYPE_FILES: Final = ("type", "label")
"""Files that name the service."""


class Binding(Struct, frozen=True):
    """Binding of an instance of a service."""

    names: frozenset[str]
    """Names by which a connection may select the binding."""
    credentials: str
    """The service key, in any notation."""
    where: str
    is_user_provided: bool = False
    """True if somebody wrote the credentials by hand (`cf create-user-provided-service`)."""
    is_for_service: bool = True
    """True if the binding is for the service; tags or credentials decide for a user-provided one."""

    def __repr__(self) -> str:
        """Name the place; hide the credentials."""
        return f"Binding({self.where})"


def find_bindings(
    environ: Mapping[str, str], secrets_root: Path = SECRETS_ROOT, service: Service = DESTINATION
) -> list[Binding]:
    """List the bindings of a service's instances, and user-provided credentials, which may be selected by name.

    Raises:
        ConfigurationError: `VCAP_SERVICES` is not in Cloud Foundry's format.
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

    def to_binding(self, *, is_user_provided: bool = False) -> Binding:
        """Return the binding, with all its names in Cloud Foundry."""
        names = frozenset(filter(None, (self.name, self.instance_name, self.binding_name)))
        where = f"VCAP_SERVICES, instance {self.instance_name or self.name}"
        # Text again: one parser then reads the keys of all places.
        return Binding(names, json.dumps(self.credentials), where, is_user_provided)


def _cloud_foundry(text: str, service: Service) -> Iterator[Binding]:
    if not text.strip():
        return
    try:
        variable = find_json_object(text)
        # `cf env` and default-env.json have the services one level deeper.
        services = as_object(variable.get("VCAP_SERVICES")) or variable
        entries = _parse_entries(services.get(service.name, []))
    except DecodingError:
        raise ConfigurationError(
            "VCAP_SERVICES cannot be read.",
            f"It must be JSON with a list `{service.name}` of bindings that have `credentials`.",
            "Correct the environment variable, or unset it and give the connection a service key.",
        ) from None
    for entry in entries:
        yield entry.to_binding()
    # User-provided services have no label of their service, so tags and credentials are compared.
    for entry in _parse_readable(services.get(_USER_PROVIDED)):
        binding = entry.to_binding(is_user_provided=True)
        is_tagged = isinstance(entry.tags, list) and service.name in entry.tags
        if is_tagged or "clientid" in find_credentials({"credentials": entry.credentials}):
            yield replace(binding, is_for_service=is_tagged or _is_service_key(binding, service))


def _parse_entries(entries: Any) -> list[_VcapEntry]:
    return decode(json.dumps(entries), list[_VcapEntry])


def _parse_readable(entries: Any) -> Iterator[_VcapEntry]:
    """Give the entries of the expected shape: user-provided services may have any."""
    for entry in entries if isinstance(entries, list) else []:
        try:
            yield from _parse_entries([entry])
        except DecodingError:
            continue


def _is_service_key(binding: Binding, service: Service) -> bool:
    try:
        parse_service_key(binding.credentials, binding.where, service)
    except ConfigurationError:
        return False
    return True


def _service_binding_root(root: str, service: str) -> Iterator[Binding]:
    """Give the bindings of servicebinding.io, a folder each with a file `type`, and those in SAP's convention."""
    if not root:
        return
    yield from _bindings_by_type(_subfolders(Path(root)), "$SERVICE_BINDING_ROOT", service)
    yield from _bindings_in(Path(root) / service, f"$SERVICE_BINDING_ROOT/{service}")


def _secrets_root_bindings(root: Path, service: str) -> Iterator[Binding]:
    yield from _bindings_in(root / service, str(root / service))
    yield from _bindings_by_type(
        [folder for folder in _subfolders(root) if (folder / _METADATA).is_file()], str(root), service
    )


def _bindings_by_type(folders: list[Path], root: str, service: str) -> Iterator[Binding]:
    for folder in folders:
        descriptions = _descriptions(_read_files(folder))
        if service in [descriptions.get(name) for name in _TYPE_FILES]:
            yield from _folder_binding(folder, root)


def _bindings_in(root: Path, label: str) -> Iterator[Binding]:
    for folder in _subfolders(root):
        yield from _folder_binding(folder, label)


def _folder_binding(folder: Path, root: str) -> Iterator[Binding]:
    files = _read_files(folder)
    names = {folder.name, _descriptions(files).get("instance_name", "")}
    if files:
        yield Binding(frozenset(filter(None, names)), _credentials_of(files, folder), f"{root}/{folder.name}")


def _descriptions(files: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that describe the binding: of files, or of the one file that holds all."""
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
    """Read the credentials that `.metadata` lists and a file has."""
    try:
        properties = decode(metadata or "", _Metadata).credential_properties
    except DecodingError:
        return {}
    credentials: dict[str, Any] = {}
    for prop in properties:
        value = files.get(prop.source_name or prop.name)
        inner = as_object(value) if prop.container else None
        if value is not None:
            credentials |= inner or {prop.name: value}
    return credentials


def _subfolders(root: Path) -> list[Path]:
    """List folders; those with a leading dot are the mount's own, and links beside them lead there."""
    return sorted(path for path in _list_folder(root) if path.is_dir() and not path.name.startswith("."))


def _list_folder(folder: Path) -> list[Path]:
    """List a folder; treat a missing or inaccessible one as empty."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read_files(folder: Path) -> dict[str, str]:
    """Read the files of a mounted secret; skip the mount's own, with a leading dot, and binary ones (key stores)."""
    paths = (path for path in _list_folder(folder) if path.is_file() and not path.name.startswith("."))
    texts = ((path.name, _read_text(path)) for path in paths)
    return {name: text for name, text in texts if text is not None}


def _read_text(path: Path) -> str | None:
    try:
        return decode_text(path.read_bytes())
    except (ValueError, OSError):
        return None
