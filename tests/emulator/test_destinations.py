"""Destinations are listed and found, and finding one signs an assertion and gets a token, or says why it has none."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from assertions import element

from btp_trust_emulator import Action, Conflict, Emulator, Invalid, Kind, Switches, TokenCache, Unknown, certificates
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.names import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "/destination-configuration/v1"
PLAIN = {"Name": "plain", "Type": "HTTP", "URL": "https://plain.example.com", "Authentication": "NoAuthentication"}
SAML = {
    "Name": "saml",
    "Type": "HTTP",
    "URL": "https://api.example.com",
    "Authentication": "SAMLAssertion",
    "audience": "https://example.com",
    "assertionRecipient": "https://example.com/acs",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
}
NOT_FOUND = {"ErrorMessage": "Configuration with the specified name was not found"}


@dataclass
class Landscape:
    """A subaccount with the user joe, and a system that trusts its active certificate."""

    emulator: Emulator
    http: httpx.Client

    def __post_init__(self) -> None:
        """Create them, with a destination to the system."""
        emulator = self.emulator
        self.guid = emulator.create_subaccount(generate=True).guid
        emulator.create_user(self.guid, "joe", "secret", "joe@example.com", ["admins", "users"])
        self.key = emulator.service_key(self.guid)
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        self.token = self.http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.user_token = emulator.user_token(self.guid, "joe")
        self.system = emulator.create_target(f"s4-{self.guid}")
        self.trust_active()
        self.create(self.system.properties("s4"))
        emulator.clear_journal()

    def create(self, properties: dict[str, str], level: Any = "subaccount") -> None:
        """Create a destination."""
        self.emulator.create_destination(self.guid, properties, level)

    def trust_active(self) -> None:
        """Let the system trust the active certificate."""
        active, _ = self.emulator.certificates(self.guid)
        assert active is not None
        self.emulator.upload_certificate(self.system.name, active)

    def get(self, path: str, query: str = "", **headers: str) -> httpx.Response:
        """A request to the Destination service."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"authorization": f"Bearer {self.token}", **named}
        return self.http.get(f"{self.key['uri']}{BASE}/{path}?{query}", headers=headers)

    def find(self, name: str = "s4", query: str = "", **headers: str) -> dict[str, Any]:
        """What is found for joe."""
        response = self.get(f"destinations/{name}", query, **{"x_user_token": self.user_token, **headers})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def auth_token(self, name: str = "s4", **headers: str) -> dict[str, Any]:
        """The token that is found for joe."""
        (token,) = self.find(name, **headers)["authTokens"]
        return dict(token)

    def change(self, name: str = "s4", **changes: str | None) -> None:
        """Change properties of a destination (None: leave out)."""
        (old,) = [each.properties for each in self.emulator.destinations(self.guid) if each.name == name]
        self.emulator.delete_destination(self.guid, name)
        self.create({key: value for key, value in {**old, **changes}.items() if value is not None})

    def fingerprint(self) -> str:
        """The SHA-256 of the active certificate."""
        return str(self.emulator.slots(self.guid).active)


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    """One emulator for all tests that look at answers alone."""
    with Emulator(key_size=1024) as emulator:
        yield emulator


@pytest.fixture
def here(running: Emulator) -> Iterator[Landscape]:
    """A landscape of its own."""
    with httpx.Client(transport=running.transport) as http:
        yield Landscape(running, http)
    running.clear_faults()


@pytest.fixture
def anywhere(lasting: Emulator) -> Iterator[Landscape]:
    """A landscape in each of the mounts, where it may matter how a request goes on from there."""
    lasting.clear_journal()
    with httpx.Client(transport=lasting.transport) as http:
        yield Landscape(lasting, http)
    lasting.clear_faults()


def test_each_level_lists_its_destinations(here: Landscape) -> None:
    """With all their properties, other people's passwords among them; an empty level is an empty list."""
    assert here.get("instanceDestinations").json() == []
    basic = {"Name": "plain", "Type": "HTTP", "Authentication": "BasicAuthentication", "Password": "other people's"}
    here.create(PLAIN)
    here.create(basic, "instance")
    assert here.get("instanceDestinations").json() == [basic]
    assert here.get("subaccountDestinations").json() == [here.system.properties("s4"), PLAIN]


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
def test_a_list_comes_by_names_or_by_pages(
    here: Landscape, query: str, names: list[str], headers: dict[str, str]
) -> None:
    """As SAP's description has it."""
    for name in ("a", "b"):
        here.create({**PLAIN, "Name": name})
    response = here.get("subaccountDestinations", query)
    assert [each["Name"] for each in response.json()] == names
    assert all(value in response.headers[name] for name, value in headers.items())
    if query.startswith("$select"):
        assert all(set(each) == {"Name"} for each in response.json())


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
def test_a_list_that_cannot_be_had_is_a_400(here: Landscape, query: str) -> None:
    """What is not emulated is not ignored."""
    assert here.get("subaccountDestinations", query).status_code == 400


def test_a_destination_is_found_with_its_owner(here: Landscape) -> None:
    """First at the level of the instance, then of the subaccount; its ETag is that of its properties."""
    here.create(PLAIN)
    found = here.get("destinations/plain")
    assert found.json() == {
        "owner": {"SubaccountId": here.guid, "InstanceId": None},
        "destinationConfiguration": PLAIN,
    }
    here.create({**PLAIN, "URL": "https://other.example.com"}, "instance")
    again = here.get("destinations/plain")
    assert again.json()["owner"] == {"SubaccountId": here.guid, "InstanceId": here.key["instanceid"]}
    assert again.headers["etag"] != found.headers["etag"]


def test_a_destination_is_found_if_its_state_is_as_expected(here: Landscape) -> None:
    """The conditions of HTTP, by its ETag."""
    here.create(PLAIN)
    tag = here.get("destinations/plain").headers["etag"]
    expected = {"if_match": {tag: 200, "other": 412}, "if_none_match": {tag: 304, "other": 200}}
    for name, statuses in expected.items():
        for value, status in statuses.items():
            assert here.get("destinations/plain", **{name: value}).status_code == status


def test_what_is_not_there_is_a_404(here: Landscape) -> None:
    """In JSON, as recorded from a real landscape."""
    response = here.get("destinations/nowhere")
    assert (response.status_code, response.json()) == (404, NOT_FOUND)


def test_a_user_and_password_come_to_a_token_of_their_own(here: Landscape) -> None:
    """And without credentials there are none in the properties."""
    here.create({**PLAIN, "Name": "basic", "Authentication": "BasicAuthentication", "User": "u", "Password": "p"})
    encoded = base64.b64encode(b"u:p").decode()
    header = {"key": "Authorization", "value": f"Basic {encoded}"}
    assert here.auth_token("basic") == {"type": "Basic", "value": encoded, "http_header": header}
    found = here.find("basic", "$skipCredentials=true")["destinationConfiguration"]
    assert (found["User"], "Password" in found) == ("u", False)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param("$skipTokenRetrieval=maybe", {}, 400, id="a switch that is none"),
        pytest.param("", {"x_tenant": "mine"}, 400, id="a tenant and a user"),
        pytest.param("", {"x_chain_name": "chain"}, 400, id="a chain"),
        pytest.param("", {"x_fragment_name": "f"}, 400, id="a fragment"),
        pytest.param("", {"x_fragment_name": "f", "x_fragment_optional": "true"}, 200, id="an optional fragment"),
        pytest.param("", {"x_user_token": "nonsense"}, 401, id="no user token"),
        pytest.param("", {"authorization": "Bearer nonsense"}, 401, id="no token"),
        pytest.param("", {"authorization": "nonsense"}, 400, id="no header"),
    ],
)
def test_a_request_is_answered_as_described(here: Landscape, query: str, headers: dict[str, str], status: int) -> None:
    """Or refused, before anything is signed."""
    response = here.get("destinations/s4", query, **{"x_user_token": here.user_token, **headers})
    assert response.status_code == status
    assert status == 200 or here.emulator.journal()[-1].note is None


def test_tokens_expire_by_the_clock() -> None:
    """The user's, and the client's."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        here = Landscape(emulator, http)
        emulator.advance(40000)
        fresh = Landscape(emulator, http)
        emulator.advance(4000)
        assert here.get("destinations/s4").status_code == 401
        assert fresh.get("destinations/s4", x_user_token=here.user_token).status_code == 401
        assert fresh.get("destinations/s4", x_user_token=fresh.user_token).status_code == 200


@pytest.mark.parametrize("path", ["destinations/s4", "subaccountDestinations"])
def test_destinations_are_not_changed_here(here: Landscape, path: str) -> None:
    """They are managed in the control plane."""
    response = here.http.put(f"{here.key['uri']}{BASE}/{path}", json={})
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def assertion_in(token: dict[str, Any]) -> Any:
    """The assertion that a client gets itself."""
    assert token["type"] == "SAML2.0"
    assert token["http_header"] == {"key": "Authorization", "value": f"SAML2.0 {token['value']}"}
    octets = base64.b64decode(token["value"])
    assert octets.startswith(b"<?xml version")
    return xml.read(octets)


def texts(root: Any, name: str) -> list[str]:
    """The values of an attribute of the user."""
    path = f"saml:AttributeStatement/saml:Attribute[@Name='{name}']/saml:AttributeValue"
    return [each.text for each in root.iterfind(path, NAMESPACES)]


def test_a_saml_assertion_says_what_the_destination_and_the_user_are(here: Landscape) -> None:
    """Signed with the active key; issuer, recipient, audience, name and attributes as SAP documents them."""
    here.create(SAML)
    root = assertion_in(here.auth_token("saml"))
    active, _ = here.emulator.certificates(here.guid)
    assert signature.verified(root, certificates.public_key(str(active))) is not None
    assert element(root, "saml:Issuer").text == certificates.common_name(here.guid)
    assert element(root, "saml:Subject/saml:NameID").text == "joe"
    assert element(root, "saml:Conditions/saml:AudienceRestriction/saml:Audience").text == SAML["audience"]
    data = element(root, "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData")
    assert data.get("Recipient") == SAML["assertionRecipient"]
    assert texts(root, "Groups") == ["admins", "users"]
    assert texts(root, "email") == ["joe@example.com"]
    assert len(texts(root, "user_uuid")) == 1
    assert here.emulator.journal()[-1].note == f"signed with {here.fingerprint()}"


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        pytest.param({"assertionIssuer": "me"}, "saml:Issuer", "me", id="another issuer"),
        pytest.param({"userIdSource": "email"}, "saml:Subject/saml:NameID", "joe@example.com", id="a claim"),
        pytest.param({"userIdSource": "$.ext_attr['enhancer']"}, "saml:Subject/saml:NameID", "XSUAA", id="a path"),
        pytest.param(
            {"nameIdFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
            "saml:Subject/saml:NameID",
            "joe@example.com",
            id="the e-mail address",
        ),
        pytest.param(
            {},
            "saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef",
            SAML["authnContextClassRef"],
            id="the context",
        ),
    ],
)
def test_properties_say_what_an_assertion_says(here: Landscape, changes: dict[str, str], path: str, text: str) -> None:
    """Those that SAP documents."""
    here.create({**SAML, **changes})
    assert element(assertion_in(here.auth_token("saml")), path).text == text


def test_the_certificate_and_the_uuid_are_in_an_assertion_if_wanted(here: Landscape) -> None:
    """The one is left out unless told, the other unless told not to; the name may have a qualifier."""
    wanted = {"includeSigningCertificateInSAMLAssertion": "true", "skipUserUuidInSAMLAttributes": "true"}
    here.create({**SAML, **wanted, "nameQualifier": "domain"})
    root = assertion_in(here.auth_token("saml"))
    shown = element(root, "ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate").text
    active, _ = here.emulator.certificates(here.guid)
    assert shown == certificates.body(str(active))
    assert texts(root, "user_uuid") == []
    assert element(root, "saml:Subject/saml:NameID").get("NameQualifier") == "domain"


def test_a_destination_gets_a_token_of_its_target(anywhere: Landscape) -> None:
    """Everything is text; both requests are in the journal, the target's first, and neither with a secret."""
    token = anywhere.auth_token()
    assert set(token) == {"type", "value", "http_header", "expires_in"}
    assert (token["type"], token["expires_in"]) == ("Bearer", "3600")
    assert token["http_header"] == {"key": "Authorization", "value": f"Bearer {token['value']}"}
    asked, found = anywhere.emulator.journal()
    assert (asked.path, asked.note) == (
        f"/systems/{anywhere.system.name}/sap/bc/sec/oauth2/token",
        f"accepted an assertion signed with {anywhere.fingerprint()}",
    )
    assert found.note == f"signed with {anywhere.fingerprint()}; the token service answered 200"
    slots = anywhere.emulator.slots(anywhere.guid)
    assert (found.subaccount, found.before, found.after) == (anywhere.guid, slots, slots)


def test_a_rotation_that_the_target_does_not_know_of_is_a_200_with_an_error(anywhere: Landscape) -> None:
    """`authTokens` says why; after the upload there is a token again, and after a swap back there is one too."""
    anywhere.emulator.generate_passive(anywhere.guid)
    anywhere.emulator.rotate(anywhere.guid)
    token = anywhere.auth_token()
    assert set(token) == {"type", "value", "error", "expires_in"}
    assert (token["type"], token["value"], token["expires_in"]) == ("", "", "")
    assert "invalid_grant" in token["error"]
    anywhere.emulator.rotate(anywhere.guid)
    assert "error" not in anywhere.auth_token()
    anywhere.emulator.rotate(anywhere.guid)
    anywhere.trust_active()
    assert "error" not in anywhere.auth_token()


def test_a_target_that_lies_refuses_what_it_shows(here: Landscape) -> None:
    """Prepared and shown as trusted, refused after the swap; the old certificate goes on."""
    here.emulator.generate_passive(here.guid)
    _, passive = here.emulator.certificates(here.guid)
    here.emulator.upload_certificate(here.system.name, str(passive))
    new = certificates.fingerprint(str(passive))
    assert new in here.emulator.lie(here.system.name, new).certificates
    assert "error" not in here.auth_token()
    here.emulator.rotate(here.guid)
    assert "error" in here.auth_token()
    here.emulator.rotate(here.guid)
    assert "error" not in here.auth_token()


def test_a_read_that_lags_behind_signs_with_the_key_before(here: Landscape) -> None:
    """A stale fault bears on finding too: as a node that has not heard of the rotation."""
    old = here.fingerprint()
    here.emulator.generate_passive(here.guid)
    here.emulator.rotate(here.guid)
    here.emulator.fault(Kind.STALE, path=f"{BASE}/destinations/s4")
    assert "error" not in here.auth_token()
    assert str(here.emulator.journal()[-1].note).startswith(f"signed with {old}")
    assert "error" in here.auth_token()


def test_no_token_is_got_if_none_is_wanted(here: Landscape) -> None:
    """Nothing is signed and nobody is asked; and no fault that needs a signature fits."""
    here.emulator.fault(Kind.RIVAL_BEFORE, method="GET", subaccount=here.guid, action=Action.ROTATE)
    assert "authTokens" not in here.find(query="$skipTokenRetrieval=true")
    assert len(here.emulator.journal()) == 1
    assert here.emulator.journal()[-1].faults == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"tokenServiceURL": None}, "the tokenServiceURL is no URL", id="no token service"),
        pytest.param({"tokenServiceURL": "https://[::"}, "the tokenServiceURL is no URL", id="a broken URL"),
        pytest.param({"ProxyType": "OnPremise"}, "ProxyType OnPremise is not emulated", id="on premise"),
        pytest.param({"KeyStoreLocation": "own.p12"}, "key stores", id="a key of its own"),
        pytest.param({"tokenService.KeyStoreLocation": "own.p12"}, "key stores", id="mutual TLS"),
        pytest.param({"userIdSource": "nothing"}, "the user ID could not be determined", id="no such claim"),
        pytest.param({"userIdSource": "$.sub.x"}, "the user ID could not be determined", id="no such path"),
        pytest.param({"nameIdFormat": "x"}, "the nameIdFormat x is not supported", id="another format"),
        pytest.param({"SAMLAssertionProvider": "ClientProvided"}, "X-samlAssertion is missing", id="none brought"),
        pytest.param({"tokenServiceUser": "other"}, "invalid_client", id="another client"),
        pytest.param({"tokenServiceUser": None}, "invalid_client", id="no client"),
        pytest.param({"audience": None}, "its audience is somebody else", id="another audience"),
        pytest.param({"assertionRecipient": "https://elsewhere"}, "its recipient is", id="another recipient"),
    ],
)
def test_what_keeps_a_token_from_coming_is_in_the_answer(here: Landscape, changes: dict[str, Any], text: str) -> None:
    """200, and the reason."""
    here.change(**changes)
    error = here.auth_token()["error"]
    assert error.startswith("Retrieval of OAuthToken failed due to: ")
    assert text in error


def test_a_token_without_a_user_signs_nothing(here: Landscape) -> None:
    """A client's own token is not enough; a user's token may be the caller's own."""
    (token,) = here.get("destinations/s4").json()["authTokens"]
    assert "the user ID could not be determined" in token["error"]
    (token,) = here.get("destinations/s4", authorization=f"Bearer {here.user_token}").json()["authTokens"]
    assert "error" not in token


def test_without_an_active_key_nothing_is_signed(running: Emulator) -> None:
    """Neither with an empty slot nor with a certificate that was given without its key."""
    with httpx.Client(transport=running.transport) as http:
        here = Landscape(running, http)
        active, _ = running.certificates(here.guid)
        for given in (None, active):
            guid = running.create_subaccount(active=given).guid
            running.create_user(guid, "joe", "secret")
            running.create_destination(guid, SAML)
            here.token = here.user_token = running.user_token(guid, "joe")
            assert "no active key pair" in here.auth_token("saml")["error"]


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        pytest.param(Kind.FAIL, {}, "Response was: Service Unavailable", id="503"),
        pytest.param(Kind.HTML, {"status": 200}, "has no access token", id="a proxy's page"),
        pytest.param(Kind.TRUNCATED_JSON, {}, "has no access token", id="half an answer"),
        pytest.param(Kind.SILENCE, {}, "ReadTimeout", id="silence"),
        pytest.param(Kind.DO_THEN_RESET, {}, "ReadError", id="a reset"),
        pytest.param(Kind.CLOSE, {}, "RemoteProtocolError", id="a close"),
    ],
)
def test_what_befalls_the_target_s_token_service_is_in_the_answer(
    anywhere: Landscape, kind: Kind, fields: dict[str, Any], text: str
) -> None:
    """Faults fit the paths of targets too; the find itself is answered."""
    anywhere.emulator.fault(kind, path=httpx.URL(anywhere.system.token_service_url).path, **fields)
    assert text in anywhere.auth_token()["error"]
    assert anywhere.emulator.journal()[0].faults == (kind,)


def test_what_befalls_a_find_does_not_undo_what_it_did(anywhere: Landscape) -> None:
    """It acts, asks the target, and then fails; the journal has the act's own note."""
    anywhere.emulator.fault(Kind.DO_THEN_FAIL, path=f"{BASE}/destinations/s4")
    assert anywhere.get("destinations/s4", x_user_token=anywhere.user_token).status_code == 500
    asked, found = anywhere.emulator.journal()
    assert asked.status == 200
    assert (found.status, "the token service answered 200" in str(found.note)) == (500, True)


def test_a_token_service_elsewhere_is_asked_over_the_network(anywhere: Landscape) -> None:
    """As another emulator's; one that is not there is a failure to connect."""
    with Emulator(socket=True, key_size=1024) as other:
        target = other.create_target("far")
        active, _ = anywhere.emulator.certificates(anywhere.guid)
        other.upload_certificate("far", str(active))
        anywhere.create(target.properties("far"))
        assert "error" not in anywhere.auth_token("far")
        assert [entry.status for entry in other.journal()] == [200]
    assert "ConnectError" in anywhere.auth_token("far")["error"]
    assert str(anywhere.emulator.journal()[-1].note).endswith("the token service answered nothing")


def test_the_token_request_is_made_as_the_destination_says(here: Landscape) -> None:
    """Headers, queries, further fields; the assertion in base64url, or base64."""
    extra = {
        "tokenServiceURL.headers.x-trace": "1",
        "tokenServiceURL.queries.sap-client": "100",
        "tokenService.body.resource": "api",
        "companyId": "ACME",
        "scope": "A B",
        "samlAssertionEncoding": "base64",
        "tokenServiceURL.ConnectionTimeoutInSeconds": "61",
        "tokenServiceURL.SocketReadTimeoutInSeconds": "30",
    }
    here.change(**extra)
    token = here.auth_token()
    assert token["scope"] == "A B"


def test_a_client_may_bring_the_assertion_itself(here: Landscape) -> None:
    """It is passed on as it is, whoever signed it; nothing is signed."""
    here.create({**SAML, "audience": here.system.entity_id, "assertionRecipient": here.system.token_service_url})
    brought = here.auth_token("saml")["value"]
    here.change(SAMLAssertionProvider="ClientProvided")
    assert "error" not in here.auth_token(x_samlassertion=brought)
    assert str(here.emulator.journal()[-1].note).startswith("the client brought the assertion")


def test_an_assertion_that_a_client_gets_itself_is_taken_by_the_target(here: Landscape) -> None:
    """Once."""
    system = here.system
    here.create({**SAML, "audience": system.entity_id, "assertionRecipient": system.token_service_url})
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": here.auth_token("saml")["value"],
    }
    client = (system.client_id, system.client_secret)
    answers = [here.http.post(system.token_service_url, data=form, auth=client).status_code for _ in range(2)]
    assert answers == [200, 400]


def test_another_subaccount_is_a_target_too(here: Landscape) -> None:
    """It trusts the metadata of the source, with an entity ID added, and gives a token for a user of its own."""
    emulator, http = here.emulator, here.http
    other = emulator.create_subaccount().guid
    key = emulator.api_access_key(other)
    form = {"grant_type": "client_credentials"}
    client = (key["clientid"], key["clientsecret"])
    token = http.post(f"{key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
    exported = base64.b64decode(here.get("saml2Metadata").json()["idpMetadata"]).decode()
    issuer = certificates.common_name(here.guid)
    named = exported.replace("<ns3:EntityDescriptor", f'<ns3:EntityDescriptor entityID="{issuer}"', 1)
    body = {"type": "saml", "originKey": "source", "config": {"metaDataLocation": named}}
    url = f"{key['apiurl']}/sap/rest/identity-providers"
    assert http.post(url, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 201
    here.create(emulator.target(other).properties("other"))
    assert here.auth_token("other")["expires_in"] == "43199"


CACHING = Switches(token_cache=TokenCache.UNTIL_EXPIRY)


@pytest.fixture
def caching() -> Iterator[Landscape]:
    """A landscape whose service gives tokens again."""
    with Emulator(key_size=1024, switches=CACHING) as emulator, httpx.Client(transport=emulator.transport) as http:
        yield Landscape(emulator, http)


def test_a_cached_token_hides_that_the_target_refuses(caching: Landscape) -> None:
    """After a rotation, until it expires; what is left of its time shows that it is not fresh."""
    first = caching.auth_token()
    caching.emulator.generate_passive(caching.guid)
    caching.emulator.rotate(caching.guid)
    caching.emulator.advance(600)
    again = caching.auth_token()
    assert again["value"] == first["value"]
    assert int(again["expires_in"]) <= 3000
    assert caching.emulator.journal()[-1].note == "from the cache"
    caching.emulator.advance(3000)
    assert "error" in caching.auth_token()


def test_a_cached_assertion_is_of_the_old_key(caching: Landscape) -> None:
    """For the ten minutes that it is valid."""
    caching.create(SAML)
    first = caching.auth_token("saml")
    caching.emulator.generate_passive(caching.guid)
    caching.emulator.rotate(caching.guid)
    assert caching.auth_token("saml") == first
    caching.emulator.advance(601)
    assert caching.auth_token("saml") != first


def test_another_destination_has_another_token(caching: Landscape) -> None:
    """Though it has the name of the old one."""
    first = caching.auth_token()
    caching.change(scope="A")
    assert caching.auth_token()["value"] != first["value"]


def test_a_failure_is_not_cached(caching: Landscape) -> None:
    """The next find asks again."""
    caching.emulator.lie(caching.system.name, caching.fingerprint())
    assert "error" in caching.auth_token()
    caching.emulator.lie(caching.system.name)
    assert "error" not in caching.auth_token()


def test_a_destination_is_named_once_at_its_level(here: Landscape) -> None:
    """It may be at the other level too; and it is deleted where it is."""
    with pytest.raises(Conflict, match="s4 at the level subaccount"):
        here.create({**PLAIN, "Name": "s4"})
    here.create({**PLAIN, "Name": "s4"}, "instance")
    here.emulator.delete_destination(here.guid, "s4")
    with pytest.raises(Unknown, match="none named s4 at the level subaccount"):
        here.emulator.delete_destination(here.guid, "s4")
    assert [each.name for each in here.emulator.destinations(here.guid)] == ["s4"]


@pytest.mark.parametrize(
    "properties", [{}, {"Name": "a/b", "Type": "HTTP"}, {"Name": "x" * 201, "Type": "HTTP"}, {"Name": "x"}]
)
def test_a_destination_needs_a_name_and_a_type(here: Landscape, properties: dict[str, str]) -> None:
    """All else is up to whoever creates it."""
    with pytest.raises(Invalid, match="was not created"):
        here.create(properties)
