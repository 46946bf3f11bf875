"""Resemblance of an unusable service key to other formats and services, for the message that refuses it.

Messages show names from the tables here only, and no value of the key. Field names after SAP's documentation of the
services' keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from btp_trust.parsing import text_decoding
from btp_trust.service.credentials.key_formats import as_object
from btp_trust.service.transport.decoding import NO_JSON

_TEXT_HINTS: Final = (
    (r"\A\Z", "It is empty."),
    (r"(?ia)\A(?:bearer\s+)?eyJ[\w-]*\.[\w-]+\.[\w-]*\Z", "It resembles an access token; tokens are got with a key."),
    (r"-----BEGIN", "It resembles a certificate or a private key in PEM: the whole JSON of the key is needed."),
    (r"\A<", "It resembles XML or a web page, and JSON is needed."),
    (
        r"\A\{\s*[\w.-]+\s*:",
        "It resembles JSON without its quotation marks, which a shell took away: give it in a file.",
    ),
    (r"\{", "It resembles JSON that is cut off or was edited."),
    (
        r"(?im)^[^\S\n]*Client (?:ID|Secret)\s*:",
        "It resembles the table that a command line prints: ask it for JSON (`btp --format json …`).",
    ),
    (
        r"(?m)^[^\S\n]*(?:apiVersion|kind|data|stringData|credentials|client_?id|client_?secret|uri|url)\s*:(?:\s|$)",
        "It resembles YAML, and JSON is needed (`kubectl get secret <name> -o json`).",
    ),
    (r"(?m)^FAILED\b|Getting key ", "It resembles what `cf service-key` prints when it fails: no JSON is in it."),
    (
        r"\A(?=.{1,300}\Z)@?(?:(?:~?/|\.{1,2}[\\/]|[A-Za-z]:[\\/]|\\\\)[^<>\"]*|[^<>\"]+\.(?:json|txt|ya?ml|key|pem))\Z",
        "It resembles the path of a file, and what the file holds is needed; a variable takes `@` and a path.",
    ),
)
"""Pattern of a text, and its hint; the first match counts."""
_MAX_NESTING: Final = 3
_FIELD_HINTS: Final = (
    (("apptid", "authorizationendpoint", "osburl", "prooftokenurl"), "SAP Cloud Identity Services (IAS)"),
    (("smurl",), "SAP Service Manager"),
    (("onpremiseproxyhost", "connectivityservice"), "the Connectivity service"),
    (("html5appsrepo",), "the HTML5 Application Repository"),
    (("serviceurls",), "SAP AI Core"),
    (("catalogs", "systemid"), "the ABAP environment"),
    (("saasregistryurl",), "the SaaS Provisioning service"),
    (("hdiuser", "schema", "driver"), "SAP HANA"),
    (("encryption",), "SAP Credential Store"),
    (("hostname", "dbname"), "a database"),
)
"""Fields, in small letters without separators, that hint at the service."""
_SERVICE_FIELD: Final = "sap.cloud.service"
_SERVICE_NAMES: Final = {
    "connectivity": "the Connectivity service",
    "html5-apps-repo": "the HTML5 Application Repository",
    "abap": "the ABAP environment",
    "service-manager": "SAP Service Manager",
    "credstore": "SAP Credential Store",
    "it-rt": "Process Integration Runtime",
    "it!": "Process Integration Runtime",
    "saas-registry": "the SaaS Provisioning service",
    "sap.core.commercial": "SAP Cloud Management (CIS)",
    "cis-": "SAP Cloud Management (CIS)",
    "uas": "Usage Data Management",
    "jobscheduler": "SAP Job Scheduling",
    "feature-flags": "SAP Feature Flags",
    "auditlog": "SAP Audit Log",
    "portal": "the Portal service",
    "workflow": "SAP Workflow Management",
    "bpm": "SAP Build Process Automation",
    "aicore": "SAP AI Core",
    "document-information": "SAP Document Information Extraction",
    "transport": "SAP Cloud Transport Management",
    "alert": "SAP Alert Notification",
}
"""Parts of `sap.cloud.service`, or of `xsappname` after its bar, and their services."""


def describe_text(text: str) -> str:
    """Return a hint about a text without a JSON object."""
    plain = text_decoding.strip_invisible(text).strip()
    return next((sentence for pattern, sentence in _TEXT_HINTS if re.search(pattern, plain)), NO_JSON)


def describe_document(document: Mapping[str, Any], address: str) -> str:
    """Return a hint about an object that lacks fields of a key; empty if it resembles nothing known.

    Args:
        document: The object of the configuration.
        address: `uri` for the Destination service, `apiurl` for XSUAA.
    """
    levels = list(_levels(document, _MAX_NESTING))
    names = _field_names(levels)
    if any("attested" in value for value in _values_of(levels, "credentialtype")):
        return (
            "Its `credential-type` is `x509_attested`: its certificate is fetched from the platform at run time and is "
            "no part of the key."
        )
    # A stated name is a stronger sign than a field that only this service has.
    if (service := _stated_service(levels, names) or _hinted_service(names)) is not None:
        return f"It resembles a key of {service}."
    if address == "uri" and "apiurl" in names:
        return "It resembles a key of XSUAA."
    if address == "apiurl" and "uri" in names:
        return "It resembles a key of the Destination service."
    return _describe_fields(names)


def _describe_fields(names: set[str]) -> str:
    """Return a hint by the fields of an object that is for no known service."""
    if {"url", "user", "password"} <= names:
        return "It is a communication user, as CommunicationSystemTrust takes one, and no service key."
    if "certificate" in names and not names.intersection(("key", "clientsecret")):
        return (
            "It resembles an X.509 key without its private key, as one is that was created for a certificate of your "
            "own: add the private key as `key`."
        )
    return ""


def find_other_service(document: Mapping[str, Any], address: str) -> str | None:
    """Name the service of a complete key, if that is another one than Destination and XSUAA.

    The evidence is `sap.cloud.service`, which keys of these two lack, or the text after the bar in `xsappname`. Other
    fields count only if the address of the service comes from a field that many services have.
    """
    levels = list(_levels(document, _MAX_NESTING))
    names = _field_names(levels)
    return _stated_service(levels, names) or (None if address in names else _hinted_service(names))


def _stated_service(levels: list[Mapping[str, Any]], names: set[str]) -> str | None:
    for text in (*_values_of(levels, _SERVICE_FIELD), *map(_application_name, _values_of(levels, "xsappname"))):
        for part, service in _SERVICE_NAMES.items():
            if part in text:
                return service
    return f"another service (it has `{_SERVICE_FIELD}`)" if _SERVICE_FIELD in names else None


def _hinted_service(names: set[str]) -> str | None:
    return next((service for fields, service in _FIELD_HINTS if names.intersection(fields)), None)


def _field_names(levels: list[Mapping[str, Any]]) -> set[str]:
    return {_normalize_name(name) for level in levels for name in level}


def _application_name(xsappname: str) -> str:
    """Return the name of the service's application, after the instance's own name and a bar."""
    return xsappname.partition("|")[2]


def _levels(document: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """Give an object and the objects inside, also those in texts."""
    yield document
    for value in document.values() if depth else ():
        if (inner := as_object(value)) is not None:
            yield from _levels(inner, depth - 1)


def _values_of(levels: list[Mapping[str, Any]], name: str) -> list[str]:
    values = [value for level in levels for key, value in level.items() if name in (key, _normalize_name(key))]
    return [value.casefold() for value in values if isinstance(value, str)]


def _normalize_name(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.casefold())
