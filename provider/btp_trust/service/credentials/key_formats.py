"""The shapes in which the credentials of an instance come, and which fields of them are needed.

Where a rule comes from:

- a wrapper `credentials`: `cf service-key` of version 8 (cloudfoundry/docs-cf-cli, pull request 85), the btp CLI;
- `uaa` within, the address of the service outside: keys of many SAP services (SAP/btp-environment-variable-access);
- other names (`client_id`, `token_url`, `api_url`, `certificate_received`): `btp_subaccount_api_credential` of
  SAP/terraform-provider-btp; with `attribute.` before them, the secrets that Crossplane makes of it;
- a key of any name that holds all, with texts for objects: `secretKey` and `secretRootKey` of a ServiceBinding
  (SAP/sap-btp-service-operator, "Service Binding Secret Formats");
- a list of bindings: VCAP_SERVICES, `resources` of Cloud Foundry's API;
- `data` and `stringData`: a Kubernetes Secret, as `kubectl get secret -o json` prints it; or its `data` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from btp_trust.parsing import text_decoding
from btp_trust.parsing.pem import decode_base64
from btp_trust.service.transport.decoding import DecodingError, find_json_object

CREDENTIAL_FIELDS: Final = ("uri", "apiurl", "clientid", "clientsecret", "url", "certurl", "certificate", "key")
"""What may be needed of a key."""
_ALIASES: Final = {
    "tokenurl": "tokenurl",
    "certificatereceived": "certificate",
    "certificatepem": "certificate",
    "privatekey": "key",
    "keypem": "key",
}
_PEM_FIELDS: Final = ("certificate", "key")
_MAX_NESTING: Final = 4
"""How often an object may hold the one that is looked for."""
_TOKEN_PATH: Final = re.compile(r"/oauth/token/?$")


def find_credentials(document: Mapping[str, Any]) -> dict[str, str]:
    """Find the credentials in an object of any known shape.

    Returns:
        Those of FIELDS that are texts and not empty, without blanks and line breaks around them.
    """
    fields = _known_fields(_unwrap(document, _MAX_NESTING))
    token_url = fields.pop("tokenurl", "")
    fields.setdefault("certurl" if "clientsecret" not in fields else "url", token_url)
    for name in ("url", "certurl"):
        fields[name] = _TOKEN_PATH.sub("", fields.get(name, ""))
    return {name: value for name, value in fields.items() if value}


def _unwrap(document: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    """Take wrappers off, as long as there are no credentials at this level."""
    if not depth:
        return document
    inner = as_object(document.get("credentials")) or _unwrap_kubernetes_secret(document)
    if inner is not None:
        return _unwrap(inner, depth - 1)
    if "clientid" in _known_fields(document):
        return document
    uaa = as_object(document.get("uaa"))
    if uaa is not None:
        return _merge_uaa(document, uaa)
    found = [each for each in _inner_objects(document, depth) if "clientid" in _known_fields(each)]
    return found[0] if len(found) == 1 else document


def _inner_objects(document: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    for value in document.values():
        for each in value if isinstance(value, list) else [value]:
            if (inner := as_object(each)) is not None:
                yield _unwrap(inner, depth - 1)


def _merge_uaa(document: Mapping[str, Any], uaa: Mapping[str, Any]) -> dict[str, Any]:
    """Put the address of the service beside the credentials: `url` outside is one, where `uaa` has its own."""
    outside, inside = _known_fields(document), _known_fields(uaa)
    if "url" in inside and "url" in outside:
        address = outside.pop("url")
        outside.setdefault("uri", address)
    return {**outside, **inside}


def _unwrap_kubernetes_secret(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Read a Kubernetes Secret, or the `data` of one: its values are base64."""
    if document.get("kind") == "Secret":
        coded, plain = (as_object(document.get(name)) or {} for name in ("data", "stringData"))
        return {**{name: _decode_base64_text(value) for name, value in coded.items()}, **plain}
    addresses = [value for name, value in _known_fields(document).items() if name.endswith(("uri", "url"))]
    if addresses and all(_decode_base64_text(value).lstrip().startswith("http") for value in addresses):
        return {name: _decode_base64_text(value) for name, value in document.items()}
    return None


def _decode_base64_text(value: Any) -> str:
    try:
        return text_decoding.decode(decode_base64(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""


def as_object(value: Any) -> Mapping[str, Any] | None:
    """Return an object, or the one that a text holds."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return None
    try:
        return find_json_object(value)
    except DecodingError:
        return None


def _known_fields(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the known fields; one with its own name before one with another tool's name for it."""
    found: dict[str, str] = {}
    for name, given in sorted(document.items(), key=lambda item: item[0] in CREDENTIAL_FIELDS):
        known = _canonical_name(name)
        value = _decode_pem(given) if known in _PEM_FIELDS else given
        if known is not None and isinstance(value, str) and (clean := text_decoding.strip_invisible(value).strip()):
            found[known] = clean
    return found


def _decode_pem(value: Any) -> Any:
    """Read PEM: also in base64, and as a list of lines or of blocks."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = "\n".join(value)
    decoded = _decode_base64_text("".join(value.split())) if isinstance(value, str) else ""
    return decoded if "-----BEGIN" in decoded else value


def _canonical_name(name: str) -> str | None:
    plain = re.sub(r"[-_ ]", "", name.strip().casefold().removeprefix("attribute."))
    return plain if plain in CREDENTIAL_FIELDS else _ALIASES.get(plain)
