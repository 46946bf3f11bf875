"""The responses conform to SAP's API description, where that is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from btp_trust_emulator import Emulator
from support.paths import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = REFERENCE / "destination-service-openapi.yaml"
if not SPECIFICATION.exists():
    pytest.skip("SAP's API description is missing", allow_module_level=True)

TRUST = "/v1/saml2Metadata"
DESTINATIONS = ("/v1/destinations/{name}", "/v1/subaccountDestinations", "/v1/instanceDestinations")
EXAMPLES = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def emulated_operations() -> dict[str, Any]:
    """Provide the description, reduced to the emulated operations: all on trust, and the reads of destinations."""
    document = yaml.safe_load(SPECIFICATION.read_text())
    described = document["paths"]
    document["paths"] = {path: item for path, item in described.items() if path.startswith(TRUST)}
    assert sum(method in {"get", "post", "delete"} for item in document["paths"].values() for method in item) == 7
    document["paths"] |= {path: {"get": sendable(described[path]["get"])} for path in DESTINATIONS}
    for path in DESTINATIONS[1:]:
        either_or(document["paths"][path]["get"])
    return dict(document)


def either_or(operation: dict[str, Any]) -> None:
    """Let the list hold destinations: `oneOf` forbids them, because each of them has a name alone, too."""
    items = operation["responses"]["200"]["content"]["application/json"]["schema"]["items"]
    items["anyOf"] = items.pop("oneOf")


def sendable(operation: dict[str, Any]) -> dict[str, Any]:
    """Return an operation without the header whose name is a template, which HTTP forbids."""
    parameters = [parameter for parameter in operation["parameters"] if "<" not in parameter.get("name", "")]
    return {**operation, "parameters": parameters}


schema = schemathesis.openapi.from_dict(emulated_operations())


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    """Provide one emulator for all examples: what they leave behind is one more state to answer in."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture(scope="module")
def authorization(listening: Emulator) -> str:
    """Provide the token of a subaccount that starts empty."""
    key = listening.service_key(listening.create_subaccount().guid)
    form = {
        "grant_type": "client_credentials",
        "client_id": key["clientid"],
        "client_secret": key["clientsecret"],
    }
    token = httpx.post(f"{key['url']}/oauth/token", data=form, timeout=10).json()["access_token"]
    return f"Bearer {token}"


def base_url(listening: Emulator) -> str:
    """Return where the description's paths begin."""
    return f"{listening.url}/destination-configuration"


def in_words(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks to leave out: the description restricts combinations only in its prose."""
    return [positive_data_acceptance] if case.path in DESTINATIONS else []


@schema.parametrize()
@EXAMPLES
def test_operation_conforms_for_client(case: schemathesis.Case[Any], listening: Emulator, authorization: str) -> None:
    """Status, media type and body of every response to a known client are in the description."""
    response = case.call(base_url=base_url(listening), headers={"Authorization": authorization})
    case.validate_response(response, excluded_checks=in_words(case))


@schema.parametrize()
@EXAMPLES
def test_operation_conforms_without_token(case: schemathesis.Case[Any], listening: Emulator) -> None:
    """A caller without a token gets a described response: 401, or 405 for another method."""
    response = case.call(base_url=base_url(listening))
    case.validate_response(response)
    assert response.status_code in {401, 405}


PLAIN = {"Name": "plain", "Type": "HTTP", "Authentication": "NoAuthentication"}
FOUND = {
    "plain": PLAIN,
    "basic": {**PLAIN, "Name": "basic", "Authentication": "BasicAuthentication", "User": "u", "Password": "p"},
    "saml": {**PLAIN, "Name": "saml", "Authentication": "SAMLAssertion", "audience": "https://example.com"},
}


@pytest.fixture(scope="module")
def user_authorization(listening: Emulator) -> str:
    """Provide the token of a user in a subaccount with destinations at both levels, one of them to a target."""
    guid = listening.create_subaccount(generate=True).guid
    active, _ = listening.certificates(guid)
    listening.create_target("s4")
    properties = listening.upload_certificate("s4", str(active)).properties("bearer")
    for fields in (*FOUND.values(), properties):
        listening.create_destination(guid, fields)
        listening.create_destination(guid, fields, "instance")
    listening.create_user(guid, "joe", "secret")
    return f"Bearer {listening.user_token(guid, 'joe')}"


@pytest.mark.parametrize("name", [*FOUND, "bearer"])
def test_found_destination_conforms(listening: Emulator, user_authorization: str, name: str) -> None:
    """A found destination conforms, with its token, or with an error that lacks `http_header`."""
    case = schema["/v1/destinations/{name}"]["GET"].Case(path_parameters={"name": name})
    response = case.call(base_url=base_url(listening), headers={"Authorization": user_authorization})
    case.validate_response(response)
    content = response.json()
    assert ("authTokens" in content, "error" in str(content)) == (name != "plain", False)


@pytest.mark.parametrize("path", DESTINATIONS[1:])
@pytest.mark.parametrize(
    "query", [{}, {"$select": "Name"}, {"$page": 1, "$pageSize": 2, "$pageCount": "true"}], ids=str
)
def test_list_conforms(listening: Emulator, user_authorization: str, path: str, query: dict[str, object]) -> None:
    """A list conforms whole, by names, and by pages."""
    case = schema[path]["GET"].Case(query=query)
    response = case.call(base_url=base_url(listening), headers={"Authorization": user_authorization})
    case.validate_response(response)
    assert len(response.json()) == (2 if "$page" in query else 4)
