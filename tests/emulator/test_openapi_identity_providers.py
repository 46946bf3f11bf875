"""The responses about identity providers conform to SAP's API description, where that is at hand.

The description was generated. It leaves most errors out, describes some as providers, describes times as texts, and
`config` as an object for every value of `rawConfig`: there, it is read as servers of the UAA answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance, unsupported_method

from btp_trust_emulator import Emulator
from support.paths import REFERENCE
from support.saml import OLD, IdentityProviderApi, registration_body

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = REFERENCE / "xsuaa-identity-providers-openapi.yaml"
if not SPECIFICATION.exists():
    pytest.skip("SAP's API description is missing", allow_module_level=True)

COLLECTION = "/sap/rest/identity-providers"
ONE, BY_ORIGIN_KEY = f"{COLLECTION}/{{id}}", f"{COLLECTION}/originKey/{{originKey}}"
ANSWERED = (
    "IdentityProviderAbstractIdentityProviderDefinition",
    "XSIdentityProviderAbstractIdentityProviderDefinition",
)
REFUSALS = ("400", "401", "403", "404", "409", "500")
EXAMPLES = settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def description() -> dict[str, Any]:
    """Provide the description, with its errors corrected."""
    document = yaml.safe_load(SPECIFICATION.read_text())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 6
    for operation in operations:
        operation["responses"] |= {status: {"description": "As the UAA refuses."} for status in REFUSALS}
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        del schema["example"]  # with malformed times
    settings_of_all = schemas["AbstractIdentityProviderDefinition"]["properties"]
    settings_of_all["additionalConfiguration"] = {"type": "object"}  # the UAA keeps values of any type
    for setting in settings_of_all.values():
        setting["nullable"] = True
    for name in ANSWERED:
        properties = schemas[name]["properties"]
        properties["config"] = {"anyOf": [properties["config"], {"type": "string", "nullable": True}]}
        properties |= {name: {"type": "integer", "format": "int64"} for name in ("created", "last_modified")}
        schemas[name]["required"] = sorted(properties)
    return dict(document)


schema = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    """Provide one emulator for all examples: what they leave behind is one more state to answer in."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(listening: Emulator) -> Iterator[IdentityProviderApi]:
    """Provide the API of a subaccount."""
    with httpx.Client(transport=listening.transport) as http:
        yield IdentityProviderApi(listening, http, listening.create_subaccount().guid)


def unsaid(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks to leave out: the description is silent on the UAA's rejections and conversions."""
    writes = case.method in {"POST", "PUT"}
    return [negative_data_rejection, positive_data_acceptance, *([not_a_server_error] if writes else [])]


@schema.parametrize()
@EXAMPLES
def test_operation_conforms_for_client(case: schemathesis.Case[Any], trusting: IdentityProviderApi) -> None:
    """Status, media type and body of every response to a known client are in the description."""
    response = case.call(base_url=trusting.key["apiurl"], headers=trusting.headers)
    case.validate_response(response, excluded_checks=unsaid(case))
    assert response.status_code != 500 or response.json() == {} or "originKey" in response.json()


@schema.parametrize()
@EXAMPLES
def test_operation_conforms_without_token(case: schemathesis.Case[Any], trusting: IdentityProviderApi) -> None:
    """A caller without a token gets 401 for any method, at every path of the API."""
    response = case.call(base_url=trusting.key["apiurl"])
    case.validate_response(response, excluded_checks=[*unsaid(case), unsupported_method])
    assert response.status_code in {401, 404}
    assert response.text != "Provider not found."


@pytest.mark.parametrize("query", [{}, {"rawConfig": True}, {"rawConfig": False}], ids=str)
def test_registered_provider_conforms(trusting: IdentityProviderApi, query: dict[str, object]) -> None:
    """Each operation that returns a provider conforms."""
    identity = ""
    steps: list[tuple[str, str, dict[str, Any] | None, int]] = [
        ("POST", COLLECTION, registration_body(OLD), 201),
        ("GET", COLLECTION, None, 200),
        ("GET", ONE, None, 200),
        ("PUT", ONE, registration_body(OLD, name="Renamed", active=False), 200),
        ("DELETE", ONE, None, 200),
        ("POST", COLLECTION, registration_body(OLD), 201),
        ("DELETE", BY_ORIGIN_KEY, None, 200),
    ]
    for method, path, body, status in steps:
        names = {"id": identity} if path == ONE else {"originKey": "source"} if path == BY_ORIGIN_KEY else {}
        case = schema[path][method].Case(path_parameters=names, query=query)
        if body:
            case.body, case.media_type = body, "application/json"
        response = case.call(base_url=trusting.key["apiurl"], headers=trusting.headers)
        case.validate_response(response)
        assert response.status_code == status
        if status == 201:
            identity = response.json()["id"]
