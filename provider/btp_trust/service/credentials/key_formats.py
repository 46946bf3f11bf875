"""Notations of service keys: where tools put the credentials of an instance, and how they name the fields.

Sources of the rules:

- a wrapper `credentials`: `cf service-key` of version 8 (cloudfoundry/docs-cf-cli, pull request 85), the btp CLI;
- `uaa` inside, the address of the service outside: keys of many SAP services (SAP/btp-environment-variable-access);
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
"""Fields of a key that a connection may need."""
_ALIASES: Final = {
    "tokenurl": "tokenurl",
    "certificatereceived": "certificate",
    "certificatepem": "certificate",
    "privatekey": "key",
    "keypem": "key",
}
_PEM_FIELDS: Final = ("certificate", "key")
_MAX_NESTING: Final = 4
"""Levels of objects around the credentials."""
_TOKEN_PATH: Final = re.compile(r"/oauth/token/?$")


def find_credentials(document: Mapping[str, Any]) -> dict[str, str]:
    """Find the credentials in an object of any known notation.

    Returns:
        The `CREDENTIAL_FIELDS` that have a text, without blanks and line breaks around it.
    """
    fields = _known_fields(_unwrap(document, _MAX_NESTING))
    # Terraform has one name for both token URLs: the kind of the key decides which one is meant.
    token_url = fields.pop("tokenurl", "")
    fields.setdefault("certurl" if "clientsecret" not in fields else "url", token_url)
    # Some tools give the token endpoint in place of its base URL.
    for name in ("url", "certurl"):
        fields[name] = _TOKEN_PATH.sub("", fields.get(name, ""))
    return {name: value for name, value in fields.items() if value}


def _unwrap(document: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    """Remove wrappers, until there are credentials at this level."""
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
    # Two keys in one document are ambiguous, so neither is chosen.
    candidates = [inner for inner in _inner_objects(document, depth) if "clientid" in _known_fields(inner)]
    return candidates[0] if len(candidates) == 1 else document


def _inner_objects(document: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    for value in document.values():
        for item in value if isinstance(value, list) else [value]:
            if (inner := as_object(item)) is not None:
                yield _unwrap(inner, depth - 1)


def _merge_uaa(document: Mapping[str, Any], uaa: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the credentials with the service's address: that is the outer `url`, if `uaa` has a `url` of its own."""
    outside, inside = _known_fields(document), _known_fields(uaa)
    if "url" in inside and "url" in outside:
        address = outside.pop("url")
        outside.setdefault("uri", address)
    return {**outside, **inside}


def _unwrap_kubernetes_secret(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the decoded fields of a Kubernetes Secret, or of its `data` alone; None for all other objects."""
    if document.get("kind") == "Secret":
        encoded, plain = (as_object(document.get(name)) or {} for name in ("data", "stringData"))
        # `stringData` wins, as in Kubernetes.
        return {**{name: _decode_base64_text(value) for name, value in encoded.items()}, **plain}
    addresses = [value for name, value in _known_fields(document).items() if name.endswith(("uri", "url"))]
    # `data` alone lacks a label, so its addresses tell: decoded, each begins with http.
    if addresses and all(_decode_base64_text(value).lstrip().startswith("http") for value in addresses):
        return {name: _decode_base64_text(value) for name, value in document.items()}
    return None


def _decode_base64_text(value: Any) -> str:
    try:
        return text_decoding.decode(decode_base64(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""


def as_object(value: Any) -> Mapping[str, Any] | None:
    """Return an object, or the one in a text; None if there is none."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return None
    try:
        return find_json_object(value)
    except DecodingError:
        return None


def _known_fields(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the known fields by their canonical names; a field that has its canonical name wins over an alias."""
    fields: dict[str, str] = {}
    # Canonical names come last, so that they overwrite aliases.
    for name, raw_value in sorted(document.items(), key=lambda item: item[0] in CREDENTIAL_FIELDS):
        field = _canonical_name(name)
        value = _decode_pem(raw_value) if field in _PEM_FIELDS else raw_value
        if field is not None and isinstance(value, str) and (text := text_decoding.strip_invisible(value).strip()):
            fields[field] = text
    return fields


def _decode_pem(value: Any) -> Any:
    """Decode PEM: also in base64, and as a list of lines or of blocks; leave other values as they are."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    decoded = _decode_base64_text("".join(value.split())) if isinstance(value, str) else ""
    return decoded if "-----BEGIN" in decoded else value


def _canonical_name(name: str) -> str | None:
    plain = re.sub(r"[-_ ]", "", name.strip().casefold().removeprefix("attribute."))
    return plain if plain in CREDENTIAL_FIELDS else _ALIASES.get(plain)
