"""The answers conform to SAP's API description, where it is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, settings

from btp_trust_emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECIFICATION = Path(__file__).parents[3] / "shared" / "reference" / "destination-service-openapi.yaml"
if not SPECIFICATION.exists():
    pytest.skip("SAP's API description is not here", allow_module_level=True)

PREFIX = "/v1/saml2Metadata"
EXAMPLES = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def trust_operations() -> dict[str, Any]:
    """The description, with the paths of the trust operations alone."""
    document = yaml.safe_load(SPECIFICATION.read_text())
    document["paths"] = {path: each for path, each in document["paths"].items() if path.startswith(PREFIX)}
    assert sum(method in {"get", "post", "delete"} for each in document["paths"].values() for method in each) == 7
    return dict(document)


schema = schemathesis.openapi.from_dict(trust_operations())


@pytest.fixture(scope="module")
def listening() -> Iterator[Emulator]:
    """One emulator for all examples: what they leave behind is one more state to answer in."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture(scope="module")
def authorization(listening: Emulator) -> str:
    """The token of a subaccount that starts empty."""
    key = listening.service_key(listening.create_subaccount().guid)
    form = {
        "grant_type": "client_credentials",
        "client_id": key["clientid"],
        "client_secret": key["clientsecret"],
    }
    token = httpx.post(f"{key['url']}/oauth/token", data=form, timeout=10).json()["access_token"]
    return f"Bearer {token}"


def base_url(listening: Emulator) -> str:
    """Where the description's paths begin."""
    return f"{listening.url}/destination-configuration"


@schema.parametrize()
@EXAMPLES
def test_an_operation_answers_as_described(
    case: schemathesis.Case[Any], listening: Emulator, authorization: str
) -> None:
    """Status, media type and body of every answer to a known client are in the description."""
    response = case.call(base_url=base_url(listening), headers={"Authorization": authorization})
    case.validate_response(response)


@schema.parametrize()
@EXAMPLES
def test_an_operation_answers_a_stranger_as_described(case: schemathesis.Case[Any], listening: Emulator) -> None:
    """So it does to somebody without a token: 401, unless the method is none of the path's."""
    response = case.call(base_url=base_url(listening))
    case.validate_response(response)
    assert response.status_code in {401, 405}
