"""Destinations are listed and found with their properties, or refused, as SAP describes it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import (
    Conflict,
    Emulator,
    Invalid,
    Unknown,
)
from support.destinations import BASE_PATH, PLAIN, DestinationScenario

if TYPE_CHECKING:
    pass


NOT_FOUND = {"ErrorMessage": "Configuration with the specified name was not found"}


def test_each_level_lists_its_destinations(scenario: DestinationScenario) -> None:
    """A list has all properties, passwords included; an empty level is an empty list."""
    assert scenario.get("instanceDestinations").json() == []
    basic = {"Name": "plain", "Type": "HTTP", "Authentication": "BasicAuthentication", "Password": "other people's"}
    scenario.create(PLAIN)
    scenario.create(basic, "instance")
    assert scenario.get("instanceDestinations").json() == [basic]
    assert scenario.get("subaccountDestinations").json() == [scenario.system.properties("s4"), PLAIN]


@pytest.mark.parametrize(
    ("query", "names", "headers"),
    [
        pytest.param("$select=Name", ["s4", "a", "b"], {}, id="names"),
        pytest.param("$page=1&$pageSize=2", ["s4", "a"], {"link": "$page=2"}, id="first page"),
        pytest.param("$page=2&$pageSize=2", ["b"], {"link": "$page=1"}, id="last page"),
        pytest.param("$page=3&$pageSize=2", [], {"link": "$page=2"}, id="after it"),
        pytest.param("$page=1", ["s4", "a", "b"], {}, id="the one page"),
        pytest.param(
            "$page=1&$pageSize=2&$pageCount=true&$entityCount=true",
            ["s4", "a"],
            {"page-count": "2", "entity-count": "3"},
            id="counts",
        ),
    ],
)
def test_list_has_names_or_pages(
    scenario: DestinationScenario, query: str, names: list[str], headers: dict[str, str]
) -> None:
    """A list comes whole, by names, or by pages."""
    for name in ("a", "b"):
        scenario.create({**PLAIN, "Name": name})
    response = scenario.get("subaccountDestinations", query)
    assert [destination["Name"] for destination in response.json()] == names
    assert all(value in response.headers[name] for name, value in headers.items())
    if query.startswith("$select"):
        assert all(set(destination) == {"Name"} for destination in response.json())


@pytest.mark.parametrize(
    "query",
    [
        "$filter=startswith(Name,'a')",
        "$includeMetadata=etag",
        "$select=URL",
        "$pageSize=10",
        "$page=1&$select=Name",
        "$page=0",
        "$page=1&$pageSize=1001",
        "$page=first",
        "$page=null",
        "$page=1&$page=2",
        "$page=1&$pageCount=1",
    ],
)
def test_unsupported_list_is_400(scenario: DestinationScenario, query: str) -> None:
    """A parameter that is not emulated is refused."""
    assert scenario.get("subaccountDestinations", query).status_code == 400


def test_destination_is_found_with_owner(scenario: DestinationScenario) -> None:
    """The level of the instance comes before the subaccount; the ETag is that of the properties."""
    scenario.create(PLAIN)
    response = scenario.get("destinations/plain")
    assert response.json() == {
        "owner": {"SubaccountId": scenario.guid, "InstanceId": None},
        "destinationConfiguration": PLAIN,
    }
    scenario.create({**PLAIN, "URL": "https://other.example.com"}, "instance")
    again = scenario.get("destinations/plain")
    assert again.json()["owner"] == {"SubaccountId": scenario.guid, "InstanceId": scenario.key["instanceid"]}
    assert again.headers["etag"] != response.headers["etag"]


def test_etag_conditions_are_checked(scenario: DestinationScenario) -> None:
    """A find obeys the conditions of HTTP on the ETag."""
    scenario.create(PLAIN)
    tag = scenario.get("destinations/plain").headers["etag"]
    expected = {"if_match": {tag: 200, "other": 412}, "if_none_match": {tag: 304, "other": 200}}
    for name, statuses in expected.items():
        for value, status in statuses.items():
            assert scenario.get("destinations/plain", **{name: value}).status_code == status


@pytest.mark.parametrize("name", ["missing", "a/b", "a%0Ab"])
def test_missing_destination_is_404(scenario: DestinationScenario, name: str) -> None:
    """A missing destination is a 404 in JSON, as recorded from a real landscape, for any characters in its name."""
    response = scenario.get(f"destinations/{name}")
    assert (response.status_code, response.json()) == (404, NOT_FOUND)


def test_basic_credentials_become_token(scenario: DestinationScenario) -> None:
    """User and password become a token of type Basic; the properties can leave credentials out."""
    scenario.create({**PLAIN, "Name": "basic", "Authentication": "BasicAuthentication", "User": "u", "Password": "p"})
    encoded = base64.b64encode(b"u:p").decode()
    header = {"key": "Authorization", "value": f"Basic {encoded}"}
    assert scenario.auth_token("basic") == {"type": "Basic", "value": encoded, "http_header": header}
    properties = scenario.find("basic", "$skipCredentials=true")["destinationConfiguration"]
    assert (properties["User"], "Password" in properties) == ("u", False)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("$skipTokenRetrieval=maybe", {}, 400, id="a malformed flag"),
        pytest.param("", {"x_tenant": "mine"}, 400, id="a tenant and a user"),
        pytest.param("", {"x_chain_name": "chain"}, 400, id="a chain"),
        pytest.param("", {"x_fragment_name": "f"}, 400, id="a fragment"),
        pytest.param("", {"x_fragment_name": "f", "x_fragment_optional": "true"}, 200, id="an optional fragment"),
        pytest.param("", {"x_user_token": "nonsense"}, 401, id="a malformed user token"),
        pytest.param("", {"authorization": "Bearer nonsense"}, 401, id="token missing"),
        pytest.param("", {"authorization": "nonsense"}, 400, id="header missing"),
    ],
)
def test_request_options_are_checked(
    scenario: DestinationScenario, query: str, headers: dict[str, str], status: int
) -> None:
    """A find with wrong options is refused before anything is signed."""
    response = scenario.get("destinations/s4", query, **{"x_user_token": scenario.user_token, **headers})
    assert response.status_code == status
    assert status == 200 or scenario.emulator.journal()[-1].note is None


def test_clock_expires_tokens() -> None:
    """The user's and the client's token expire by the clock."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        scenario = DestinationScenario(emulator, http)
        emulator.advance(40000)
        fresh = DestinationScenario(emulator, http)
        emulator.advance(4000)
        assert scenario.get("destinations/s4").status_code == 401
        assert fresh.get("destinations/s4", x_user_token=scenario.user_token).status_code == 401
        assert fresh.get("destinations/s4", x_user_token=fresh.user_token).status_code == 200


@pytest.mark.parametrize("path", ["destinations/s4", "subaccountDestinations"])
def test_destinations_are_read_only(scenario: DestinationScenario, path: str) -> None:
    """Other methods than GET are refused: destinations are managed in the control plane."""
    response = scenario.http.put(f"{scenario.key['uri']}{BASE_PATH}/{path}", json={})
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_name_is_unique_at_level(scenario: DestinationScenario) -> None:
    """A name is taken once at each level, and deleted where it is."""
    with pytest.raises(Conflict, match="The level subaccount has a destination s4 already"):
        scenario.create({**PLAIN, "Name": "s4"})
    scenario.create({**PLAIN, "Name": "s4"}, "instance")
    scenario.emulator.delete_destination(scenario.guid, "s4")
    with pytest.raises(Unknown, match="The level subaccount lacks a destination s4"):
        scenario.emulator.delete_destination(scenario.guid, "s4")
    assert [destination.name for destination in scenario.emulator.destinations(scenario.guid)] == ["s4"]


@pytest.mark.parametrize(
    "properties", [{}, {"Name": "a/b", "Type": "HTTP"}, {"Name": "x" * 201, "Type": "HTTP"}, {"Name": "x"}]
)
def test_destination_needs_name_and_type(scenario: DestinationScenario, properties: dict[str, str]) -> None:
    """A destination needs a name and a known type; other properties are free."""
    with pytest.raises(Invalid, match="was not created"):
        scenario.create(properties)
