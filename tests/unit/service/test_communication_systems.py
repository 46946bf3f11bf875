"""The API of communication systems: what is asked, what is read, and the errors of a tenant in its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from btp_trust.errors import (
    CredentialsRejected,
    NotAuthorized,
    Refused,
    ServiceUnavailable,
    SystemRefused,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.service.communication_systems import TrustBlock
from support.error_text import error_text
from support.s4_tenant import CONNECTION, SYSTEM, USER, UUID, S4Tenant, answer, odata_error


def client_of(tenant: S4Tenant) -> Any:
    """Return the client of a process that reaches the tenant."""
    return tenant.session().communication_system(CONNECTION, SYSTEM, tenant.block).client


def answered(response: httpx.Response) -> S4Tenant:
    """Return a tenant that gives this response to each GET."""
    return S4Tenant(faults={"GET": [lambda _, request: httpx.Response(**_parts(response, request))] * 4})


def _parts(response: httpx.Response, request: httpx.Request) -> dict[str, Any]:
    return {"status_code": response.status_code, "content": response.content, "headers": {}, "request": request}


@pytest.mark.parametrize("block", TrustBlock)
def test_block_is_read_by_id(block: TrustBlock) -> None:
    """The system is found by its text ID, quotation marks doubled; its block has the documented properties."""
    tenant = S4Tenant(text="MII", subject="CN=a", issuer="CN=b", block=block, has_etags=True)
    seen: list[httpx.URL] = []
    tenant.faults["GET"] = [lambda _, request: seen.append(request.url)]
    trust = client_of(tenant).read(SYSTEM, block)
    assert (trust.uuid, trust.etag, trust.is_active, trust.provider_name) == (UUID, 'W/"1"', True, "shop")
    assert (trust.subject, trust.issuer, trust.field) == ("CN=a", "CN=b", "MII")
    assert dict(seen[0].params) == {"sap-client": "100", "$filter": f"ID eq '{SYSTEM}'"}
    tenant.faults["GET"] = [lambda _, request: seen.append(request.url)]
    with pytest.raises(Refused):
        client_of(tenant).read("a'b", block)
    assert seen[1].params["$filter"] == "ID eq 'a''b'"


@pytest.mark.parametrize("entities", [[], [{"ID": "OTHER", "UUID": UUID, TrustBlock.OAUTH2.field: "MII"}]])
def test_other_system_is_not_taken(entities: list[dict[str, Any]]) -> None:
    """A service that ignores the filter is refused before a write, like one that finds nothing."""
    with pytest.raises(Refused, match=f"communication system '{SYSTEM}'") as caught:
        client_of(answered(httpx.Response(200, json={"value": entities}))).read(SYSTEM, TrustBlock.OAUTH2)
    assert caught.value.prop == "system"


@pytest.mark.parametrize(
    "changes",
    [
        *({"UUID": text} for text in (None, 1, "", "1", f"{UUID})/../x", "a\nb", "ü")),
        *({TrustBlock.OAUTH2.field: value} for value in (1, ["MII"])),
    ],
)
def test_other_shape_is_unexpected(changes: dict[str, Any]) -> None:
    """A key that fits no URL, and a certificate field of another kind, are refused before a write."""
    entity = {"ID": SYSTEM, "UUID": UUID, TrustBlock.OAUTH2.field: "MII", **changes}
    with pytest.raises(UnexpectedResponse):
        client_of(answered(httpx.Response(200, json={"value": [entity]}))).read(SYSTEM, TrustBlock.OAUTH2)


def test_absent_field_is_unexpected() -> None:
    """Only null is an empty field: one that is left out would show a system without a certificate."""
    entity = {"ID": SYSTEM, "UUID": UUID, TrustBlock.SAML_BEARER.field: None}
    client = client_of(answered(httpx.Response(200, json={"value": [entity]})))
    assert client.read(SYSTEM, TrustBlock.SAML_BEARER).field == ""
    with pytest.raises(UnexpectedResponse):
        client.read(SYSTEM, TrustBlock.OAUTH2)


@pytest.mark.parametrize(
    ("etag", "read"),
    [('"1"', '"1"'), ('W/"1"', 'W/"1"'), ("1", None), ('"ä"', None), ('"a"\r\nX: "b"', None), ("*", None), (1, None)],
)
def test_etag_fits_header(etag: object, read: str | None) -> None:
    """Strong and weak ETags are kept; a text that is none, or fits no header, is left out."""
    entity = {"ID": SYSTEM, "UUID": UUID, TrustBlock.OAUTH2.field: "MII", "@odata.etag": etag}
    client = client_of(answered(httpx.Response(200, json={"value": [entity]})))
    assert client.read(SYSTEM, TrustBlock.OAUTH2).etag == read


@pytest.mark.parametrize("system", ["A B", "a+b", "a&b", "ü", "a%27", "a/b", "\n"])
def test_filter_has_no_plus_signs(system: str) -> None:
    """An ID with any characters is found: OData decodes percent signs alone, a plus sign stands for itself."""
    tenant = S4Tenant()
    seen: list[httpx.URL] = []
    tenant.faults["GET"] = [lambda _, request: seen.append(request.url)]
    with pytest.raises(Refused):
        client_of(tenant).read(system, TrustBlock.OAUTH2)
    assert b"+" not in seen[0].query
    assert unquote(seen[0].query.decode()) == f"sap-client=100&$filter=ID eq '{system}'"


def test_missing_properties_are_empty() -> None:
    """An empty block is inactive, and its texts are empty."""
    entity = {"ID": SYSTEM, "UUID": UUID, TrustBlock.OAUTH2.field: None}
    tenant = answered(httpx.Response(200, json={"value": [entity]}))
    trust = client_of(tenant).read(SYSTEM, TrustBlock.OAUTH2)
    assert (trust.etag, trust.is_active, trust.provider_name, trust.field) == (None, False, "", "")


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        (odata_error(401, "locked"), CredentialsRejected, "locked after a few failed logons"),
        (odata_error(403, "Missing authorization"), NotAuthorized, "It says: CM_APS_CS/026: Missing authorization."),
        (odata_error(404, "Service unknown"), UnexpectedResponse, "It says: CM_APS_CS/026: Service unknown."),
        (odata_error(500, "down"), ServiceUnavailable, "S/4HANA Cloud Private Edition answers so"),
        (odata_error(503, "down"), ServiceUnavailable, "503"),
        (httpx.Response(404, json={"error": {"code": 5, "message": {"value": "Gone"}}}), UnexpectedResponse, "5: Gone"),
        (httpx.Response(404, json={"error": {"code": "", "message": {}}}), UnexpectedResponse, "bytes.\n"),
    ],
)
def test_error_quotes_tenant(response: httpx.Response, kind: type[TrustError], words: str) -> None:
    """Each answer has its error, with the tenant's own words and a remedy."""
    calls: list[Callable[[Any], Any]] = [
        lambda client: client.read(SYSTEM, TrustBlock.OAUTH2),
        lambda client: client.fetch_csrf_token(),
    ]
    for call in calls:
        with pytest.raises(kind) as caught:
            call(client_of(answered(response)))
        assert words in str(caught.value)
        assert USER["password"] not in error_text(caught.value)
    hint = "Private Edition" in caught.value.remedy
    assert hint is (response.status_code == 500)


def test_page_is_unexpected() -> None:
    """A page in place of the service's answer, such as that of a logon, is named with its evidence."""
    with pytest.raises(UnexpectedResponse, match=r"Status 200, .* 6 bytes\."):
        client_of(answered(httpx.Response(200, text="<html>"))).read(SYSTEM, TrustBlock.OAUTH2)


def test_repeated_credentials_are_hidden() -> None:
    """A tenant that repeats the password or the user in its error has them replaced."""
    message = f"Logon of {USER['user']} with {USER['password']} failed"
    with pytest.raises(NotAuthorized) as caught:
        client_of(answered(odata_error(403, message))).read(SYSTEM, TrustBlock.OAUTH2)
    assert "Logon of *** with *** failed" in caught.value.why


@pytest.mark.parametrize(("status", "kind"), [(400, SystemRefused), (412, SystemRefused), (304, UnexpectedResponse)])
def test_refused_write_has_status(status: int, kind: type[TrustError]) -> None:
    """A 4xx leaves the system as it was; its status is for the caller."""
    tenant = S4Tenant(faults={"PATCH": [answer(status, "Impossible")]})
    with pytest.raises(kind) as caught:
        client_of(tenant).patch(UUID, None, {"a": "b"})
    assert "It says: CM_APS_CS/026: Impossible." in caught.value.why
    assert getattr(caught.value, "status", status) == status
