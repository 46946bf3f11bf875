"""The answers about identity providers conform to SAP's API description, where it is at hand.

It was generated, and says of most refusals nothing, of some that they are providers, of times that they are texts, and
of a `config` that it is never one, whatever `rawConfig` is: there, the description is read as servers of the UAA
answer.
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
    pytest.skip("SAP's API description is not here", allow_module_level=True)

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
    """Return the description, with what it gets wrong put right."""
    document = yaml.safe_load(SPECIFICATION.read_text())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 6
    for operation in operations:
        operation["responses"] |= {status: {"description": "As the UAA refuses."} for status in REFUSALS}
    schemas = document["components"]["schemas"]
    for each in schemas.values():
        del each["example"]  # with times that are none in JSON
    settings_of_all = schemas["AbstractIdentityProviderDefinition"]["properties"]
    settings_of_all["additionalConfiguration"] = {"type": "object"}  # the UAA keeps whatever its values are
    for each in settings_of_all.values():
        each["nullable"] = True
    for name in ANSWERED:
        properties = schemas[name]["properties"]
        properties["config"] = {"anyOf": [properties["config"], {"type": "string", "nullable": True}]}
        properties |= {each: {"type": "integer", "format": "int64"} for each in ("created", "last_modified")}
        schemas[name]["required"] = sorted(properties)
    return dict(document)


schema = schemathesis.openapi.from_dict(description())


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    """One emulator for all examples: what they leave behind is one more state to answer in."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(listening: Emulator) -> Iterator[IdentityProviderApi]:
    """Provide the API of a subaccount."""
    with httpx.Client(transport=listening.transport) as http:
        yield IdentityProviderApi(listening, http, listening.create_subaccount().guid)


def unsaid(case: schemathesis.Case[Any]) -> list[Any]:
    """Return the checks that know nothing of what the UAA refuses, how, and that it reads a text for a number, say."""
    writes = case.method in {"POST", "PUT"}
    return [negative_data_rejection, positive_data_acceptance, *([not_a_server_error] if writes else [])]


@schema.parametrize()
@EXAMPLES
def test_an_operation_answers_as_described(case: schemathesis.Case[Any], trusting: IdentityProviderApi) -> None:
    """Status, media type and body of every answer to a known client are in the description."""
    response = case.call(base_url=trusting.key["apiurl"], headers=trusting.headers)
    case.validate_response(response, excluded_checks=unsaid(case))
    assert response.status_code != 500 or response.json() == {} or "originKey" in response.json()


@schema.parametrize()
@EXAMPLES
def test_an_operation_answers_a_stranger_as_described(
    case: schemathesis.Case[Any], trusting: IdentityProviderApi
) -> None:
    """So it does to somebody without a token: 401, whatever the method, unless the path is none of the API's."""
    response = case.call(base_url=trusting.key["apiurl"])
    case.validate_response(response, excluded_checks=[*unsaid(case), unsupported_method])
    assert response.status_code in {401, 404}
    assert response.text != "Provider not found."


@pytest.mark.parametrize("query", [{}, {"rawConfig": True}, {"rawConfig": False}], ids=str)
def test_what_is_registered_is_answered_as_described(trusting: IdentityProviderApi, query: dict[str, object]) -> None:
    """By each operation that knows it."""
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
