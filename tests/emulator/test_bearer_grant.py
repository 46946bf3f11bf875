"""A subaccount accepts assertions as the open-source UAA does, and rejects the others in its words."""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from btp_trust_emulator import (
    Bearer,
    Emulator,
    MetadataCertificates,
    MetadataLayout,
    ProviderMetadata,
    Replay,
    Switches,
    Target,
)
from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import assertion, metadata
from btp_trust_emulator.saml.xml import NAMESPACES, saml
from support.saml import (
    ISSUER,
    NEW,
    NOW,
    OLD,
    SAML2_BEARER,
    UNTRUSTED,
    IdentityProviderApi,
    Signer,
    create_trusting_subaccount,
    element,
    idp_metadata,
    note,
    present_assertion,
    registration_body,
    remove_element,
    send_assertion,
    set_attribute,
    with_entity_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData"
ALL, NONE = frozenset(Bearer), frozenset[Bearer]()
LONG = Signer(keys.generate(2048))
"""With a key that is long enough for each algorithm."""


@pytest.fixture(scope="module", params=list(Bearer), ids=lambda version: version.value)
def version(request: pytest.FixtureRequest) -> Bearer:
    """Provide each version of the token service."""
    return Bearer(request.param)


@pytest.fixture(scope="module")
def of_version(version: Bearer) -> Iterator[tuple[Emulator, httpx.Client]]:
    """Provide an emulator of that version, and a client."""
    with emulator_with(bearer=version) as running:
        yield running


@pytest.fixture
def emulator(of_version: tuple[Emulator, httpx.Client]) -> Emulator:
    """Provide the emulator at the tests' noon."""
    of_version[0].set_clock(NOW)
    return of_version[0]


@pytest.fixture
def http(of_version: tuple[Emulator, httpx.Client]) -> httpx.Client:
    """Provide the client."""
    return of_version[1]


@pytest.fixture
def target(emulator: Emulator, http: httpx.Client) -> Target:
    """Provide a subaccount that trusts one signer."""
    return create_trusting_subaccount(emulator, http, OLD)


@contextmanager
def emulator_with(**switches: Any) -> Iterator[tuple[Emulator, httpx.Client]]:
    """Return an emulator with these switches, at the tests' noon, and a client of it."""
    with Emulator(key_size=1024, switches=Switches(**switches)) as emulator:
        emulator.set_clock(NOW)
        with httpx.Client(transport=emulator.transport) as http:
            yield emulator, http


def meant(target: Target, **changes: str | None) -> dict[str, str | None]:
    """Return the changes that address an assertion to a target."""
    return {"audience": target.entity_id, "recipient": target.token_service_url, **changes}


def test_own_destinations_are_accepted(emulator: Emulator, http: httpx.Client) -> None:
    """Assertions that the Destination service signs satisfy each version."""
    source = emulator.create_subaccount(generate=True).guid
    active, _ = emulator.certificates(source)
    guid = emulator.create_subaccount().guid
    xml = metadata.metadata_document([str(active)], MetadataLayout.SECOND_KEY_DESCRIPTOR)
    location = with_entity_id(xml, trust_certificate.common_name(source))
    IdentityProviderApi(emulator, http, guid).call(
        "POST", json=registration_body(config={"metaDataLocation": location})
    )
    emulator.create_user(source, "joe", "secret")
    emulator.create_destination(source, emulator.target(guid).properties("other"))
    url = f"{emulator.url}/destination-configuration/v1/destinations/other"
    headers = {"authorization": f"Bearer {emulator.user_token(source, 'joe')}"}
    assert "error" not in http.get(url, headers=headers).json()["authTokens"][0]


def at(path: str, name: str, **ago: float) -> Callable[[etree._Element], None]:
    """Return an instant so long before the tests' noon."""
    return set_attribute(path, name, assertion.format_instant(NOW - timedelta(**ago)))


@pytest.mark.parametrize(
    ("before", "takers"),
    [
        pytest.param(lambda _: None, ALL, id="as it is"),
        pytest.param(
            remove_element("saml:Conditions/saml:AudienceRestriction"), {Bearer.CURRENT}, id="audience missing"
        ),
        pytest.param(remove_element("saml:Conditions"), {Bearer.CURRENT}, id="conditions missing"),
        pytest.param(set_attribute(DATA, "Recipient", None), {Bearer.CURRENT}, id="recipient missing"),
        pytest.param(
            remove_element("saml:Subject/saml:SubjectConfirmation"), {Bearer.CURRENT}, id="confirmation missing"
        ),
        pytest.param(set_attribute(DATA, "Recipient", "https://elsewhere"), NONE, id="another recipient"),
        pytest.param(set_attribute(DATA, "NotOnOrAfter", None), {Bearer.CURRENT}, id="an endless confirmation"),
        pytest.param(at(DATA, "NotBefore", minutes=1), {Bearer.CURRENT}, id="a confirmation with a beginning"),
        pytest.param(set_attribute(DATA, "InResponseTo", "_1"), {Bearer.OLD}, id="a response"),
        pytest.param(remove_element("saml:AuthnStatement"), {Bearer.CURRENT}, id="AuthnStatement missing"),
        pytest.param(at("saml:AuthnStatement", "AuthnInstant", hours=3), ALL, id="a logon three hours ago"),
        pytest.param(at("saml:AuthnStatement", "AuthnInstant", days=40), {Bearer.CURRENT}, id="a logon 40 days ago"),
        pytest.param(
            set_attribute("saml:AuthnStatement", "AuthnInstant", None), {Bearer.CURRENT}, id="a logon time missing"
        ),
        pytest.param(at(".", "IssueInstant", minutes=40), ALL, id="issued 40 minutes ago"),
        pytest.param(at(".", "IssueInstant", days=2), {Bearer.CURRENT}, id="issued two days ago"),
        pytest.param(at("saml:Conditions", "NotOnOrAfter", seconds=30), ALL, id="expired 30 s ago"),
        pytest.param(at("saml:Conditions", "NotOnOrAfter", seconds=90), {Bearer.CURRENT}, id="expired 90 s ago"),
        pytest.param(at("saml:Conditions", "NotOnOrAfter", seconds=290), {Bearer.CURRENT}, id="expired 290 s ago"),
        pytest.param(at("saml:Conditions", "NotOnOrAfter", seconds=310), NONE, id="expired 310 s ago"),
        pytest.param(at("saml:Conditions", "NotBefore", seconds=-30), ALL, id="valid in 30 s"),
        pytest.param(at("saml:Conditions", "NotBefore", seconds=-90), {Bearer.CURRENT}, id="valid in 90 s"),
        pytest.param(at("saml:Conditions", "NotBefore", seconds=-310), NONE, id="valid in 310 s"),
    ],
)
def test_each_version_has_its_requirements(
    version: Bearer,
    http: httpx.Client,
    target: Target,
    before: Callable[[etree._Element], None],
    takers: frozenset[Bearer],
) -> None:
    """Each version accepts what its rules allow; the strict one requires what both of the others require."""
    octets = OLD.assertion(before, changes=meant(target))
    assert send_assertion(http, target, octets).status_code == (200 if version in takers else 401)


def address(target: Target, alias: str | None) -> str:
    """Return an address to which an assertion may be sent."""
    return f"{target.url}/oauth/token" + (f"/alias/{alias}" if alias else "")


@pytest.mark.parametrize("alias", [None, "another"])
def test_alias_receives_assertions(version: Bearer, http: httpx.Client, target: Target, alias: str | None) -> None:
    """An assertion is sent to the alias, or to any address in the newer version; a client's token comes from each."""
    octets = OLD.assertion(changes=meant(target))
    form = {"grant_type": SAML2_BEARER, "assertion": base64.urlsafe_b64encode(octets).decode()}
    client = (target.client_id, target.client_secret)
    response = http.post(address(target, alias), data=form, auth=client)
    assert response.status_code == (200 if version is Bearer.CURRENT else 401)
    if response.is_error:
        assert response.json() == {"error": "unauthorized", "error_description": "Incoming SAML message is invalid"}
    own = http.post(address(target, alias), data={"grant_type": "client_credentials"}, auth=client)
    assert own.status_code == 200


@pytest.mark.parametrize("alias", [None, "another"])
def test_recipient_is_the_alias(http: httpx.Client, target: Target, alias: str | None) -> None:
    """Each version rejects the token endpoint of other grants as recipient."""
    octets = OLD.assertion(changes=meant(target, recipient=address(target, alias)))
    assert send_assertion(http, target, octets).status_code == 401


def test_first_metadata_address_is_no_endpoint(http: httpx.Client, target: Target) -> None:
    """The first address in the metadata, where browsers log on, issues no token."""
    root = etree.fromstring(http.get(f"{target.url}/saml/metadata").content)
    consumers = root.findall("md:SPSSODescriptor/md:AssertionConsumerService", NAMESPACES)
    first, second = [str(consumer.get("Location")) for consumer in consumers]
    octets = OLD.assertion(changes=meant(target))
    form = {"grant_type": SAML2_BEARER, "assertion": base64.urlsafe_b64encode(octets).decode()}
    answers = [http.post(url, data=form, auth=(target.client_id, target.client_secret)) for url in (first, second)]
    assert [response.status_code for response in answers] == [404, 200]


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64url without padding": lambda octets: base64.urlsafe_b64encode(octets).rstrip(b"="),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_newer_version_requires_base64url(version: Bearer, http: httpx.Client, target: Target, name: str) -> None:
    """The older version accepts base64 and base64url, the newer one base64url."""
    octets = next(
        octets for octets in iter(lambda: OLD.assertion(changes=meant(target)), b"") if b"+" in base64.b64encode(octets)
    )
    response = present_assertion(http, target, assertion=ENCODINGS[name](octets).decode())
    refused = name == "base64" and version is not Bearer.OLD
    assert response.status_code == (401 if refused else 200)
    if refused:
        assert response.json()["error_description"] == "Unable to urlBase64Decode bearer assertion"


@pytest.mark.parametrize("hashed", ["SHA1", "SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("method", ["RSA_{}", "{}_RSA_MGF1"])
def test_rsa_algorithms_are_accepted(emulator: Emulator, http: httpx.Client, hashed: str, method: str) -> None:
    """Each version accepts every usual RSA algorithm, SHA-1 included."""
    target = create_trusting_subaccount(emulator, http, LONG)

    class Signer(XMLSigner):
        def check_deprecated_methods(self) -> None:
            """Sign with SHA-1 if it has to be."""

    stated = assertion.Statement(ISSUER, "joe", target.entity_id, target.token_service_url)
    signer = Signer(
        signature_algorithm=SignatureMethod[method.format(hashed)],
        digest_algorithm=DigestAlgorithm[hashed],
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    octets = etree.tostring(signer.sign(assertion.assertion_element(stated, NOW), key=LONG.key))
    assert send_assertion(http, target, octets).status_code == 200


def unsigned(target: Target) -> bytes:
    """Return an assertion without a signature."""
    return OLD.assertion(after=remove_element("ds:Signature"), changes=meant(target))


def test_unsigned_assertion_is_rejected(http: httpx.Client, target: Target) -> None:
    """Each version rejects an unsigned assertion, although some real ones accept it (CVE-2026-22734)."""
    assert send_assertion(http, target, unsigned(target)).status_code == 401


def test_assertion_is_accepted_repeatedly(http: httpx.Client, target: Target) -> None:
    """Each version accepts an assertion again while it is valid."""
    octets = OLD.assertion(changes=meant(target))
    assert [send_assertion(http, target, octets).status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("bearer", [Bearer.STRICT, Bearer.CURRENT])
def test_switch_rejects_replay(bearer: Bearer) -> None:
    """With the switch, a replay is rejected until the assertion's age rejects it; without an end, for good."""
    with emulator_with(replay=Replay.REFUSED, bearer=bearer) as (emulator, http):
        target = create_trusting_subaccount(emulator, http, OLD)
        endless = OLD.assertion(remove_element("saml:Conditions"), changes=meant(target))
        for octets in [OLD.assertion(changes=meant(target))] + [endless] * (bearer is Bearer.CURRENT):
            assert [send_assertion(http, target, octets).status_code for _ in range(2)] == [200, 401]
            assert note(emulator) == "rejected: it was used before"


def joined(text: str) -> str:
    """Return metadata with all certificates of a role in one `X509Data`."""
    between = r"</X509Data>\s*</KeyInfo>\s*</ns3:KeyDescriptor>\s*<ns3:KeyDescriptor[^>]*>\s*<KeyInfo>\s*<X509Data>"
    return re.sub(between, "", text)


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (MetadataCertificates.ALL, [True, True]),
        (MetadataCertificates.FIRST, [True, False]),
        (MetadataCertificates.FIRST_OF_X509_DATA, [True, False]),
    ],
)
def test_two_certificates_in_one_x509_data(choice: MetadataCertificates, taken: list[bool]) -> None:
    """The older version trusts the first of two in one `X509Data`, and both with an `X509Data` for each."""
    with emulator_with(metadata_certificates=choice) as (emulator, http):
        body = registration_body(OLD, NEW)
        apart = create_trusting_subaccount(emulator, http, OLD, NEW)
        body["config"]["metaDataLocation"] = joined(body["config"]["metaDataLocation"])
        together = create_trusting_subaccount(emulator, http, config=body["config"])
        for target, expected in (
            (together, taken),
            (apart, [True, choice is not MetadataCertificates.FIRST]),
        ):
            assert [present_assertion(http, target, signer).is_success for signer in (OLD, NEW)] == expected


BEGIN = "Invalid assertion [{id}] for SAML response [{id}]: "
SIGNATURE = BEGIN + "Signature of Assertion '{id}' from Issuer '{issuer}' was not valid"
AUDIENCE = (
    BEGIN + "Condition '{{urn:oasis:names:tc:SAML:2.0:assertion}}AudienceRestriction' of type 'null' in assertion "
    "'{id}' was not valid.: None of the audiences within Assertion '{id}' matched the list of valid audiances"
)
CONTRACTS, VALIDATING = "Error determining metadata contracts", "Error validating SAML message"


def transformed(root: etree._Element) -> None:
    """Return a transform that may change anything."""
    transforms = element(root, "ds:Signature/ds:SignedInfo/ds:Reference/ds:Transforms")
    forbidden = {"Algorithm": "http://www.w3.org/TR/1999/REC-xslt-19991116"}
    etree.SubElement(transforms, "{http://www.w3.org/2000/09/xmldsig#}Transform", forbidden)


LATE = BEGIN + "Assertion '{id}' with NotOnOrAfter condition of '2027-03-04T04:06:07Z' is no longer valid"
EARLY = BEGIN + "Assertion '{id}' with NotBefore condition of '2027-03-04T06:06:07Z' is not yet valid"
CONFIRMATION = BEGIN + "No subject confirmation methods were met for assertion with ID '{id}'"
TRANSFORM = BEGIN + "Assertion Signature failed pre-validation: Signature contained an invalid transform"
DECODING, PARSING = "Error decoding incoming SAML message", "Unable to parse bearer assertion"
SPOILT: dict[str, tuple[Callable[[dict[str, Any]], bytes], str, str]] = {
    "issuer": (lambda it: OLD.assertion(changes=it | {"issuer": "unknown-user"}), CONTRACTS, SIGNATURE),
    "key": (lambda it: UNTRUSTED.assertion(changes=it), VALIDATING, SIGNATURE),
    "content": (lambda it: OLD.assertion(changes=it).replace(b"joe", b"jim"), VALIDATING, SIGNATURE),
    "expired": (lambda it: OLD.assertion(at("saml:Conditions", "NotOnOrAfter", hours=1), None, it), VALIDATING, LATE),
    "not yet": (lambda it: OLD.assertion(at("saml:Conditions", "NotBefore", hours=-1), None, it), VALIDATING, EARLY),
    "audience": (lambda it: OLD.assertion(changes=it | {"audience": "x"}), VALIDATING, AUDIENCE),
    "recipient": (lambda it: OLD.assertion(changes=it | {"recipient": "x"}), VALIDATING, CONFIRMATION),
    "transform": (lambda it: OLD.assertion(after=transformed, changes=it), VALIDATING, TRANSFORM),
    "no assertion": (lambda _: b"<nonsense/>", DECODING, PARSING),
}
"""What is sent, and what the older version says, and the newer one."""


@pytest.mark.parametrize("name", SPOILT)
def test_rejection_has_words_of_version(version: Bearer, http: httpx.Client, target: Target, name: str) -> None:
    """A rejection is 401; the older version has one sentence for most causes, the newer one repeats ID and issuer."""
    spoilt, old, current = SPOILT[name]
    octets = spoilt(meant(target))
    response = send_assertion(http, target, octets)
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    root = etree.fromstring(octets)
    said = (old if version is Bearer.OLD else current).format(id=root.get("ID"), issuer=root.findtext(saml("Issuer")))
    assert response.json()["error_description"] == said


def test_undecodable_assertion_has_own_words(version: Bearer, http: httpx.Client, target: Target) -> None:
    """An assertion with a wrong encoding, or none at all, is 401 with words of its own."""
    decoding = DECODING if version is Bearer.OLD else "Unable to urlBase64Decode bearer assertion"
    for given, text in (("!", decoding), (None, "SAML Assertion is missing")):
        response = present_assertion(http, target, assertion=given)
        assert (response.status_code, response.json()) == (401, {"error": "unauthorized", "error_description": text})


def test_any_issuer_can_be_repeated(http: httpx.Client, target: Target) -> None:
    """A response that repeats an issuer is valid, even with characters that headers lack."""
    octets = OLD.assertion(changes=meant(target, issuer="Ωmega\u2028"))
    assert send_assertion(http, target, octets).status_code == 401


def test_name_is_required(version: Bearer, http: httpx.Client, target: Target) -> None:
    """An assertion without a name is rejected; the older version answers 500."""
    octets = OLD.assertion(changes=meant(target, name_id=""))
    response = send_assertion(http, target, octets)
    if version is Bearer.OLD:
        assert (response.status_code, response.json()) == (500, {})
    else:
        said = f"Assertion [{etree.fromstring(octets).get('ID')}] is missing a subject"
        assert (response.status_code, response.json()["error_description"]) == (401, said)


def test_inactive_issuer_is_named(version: Bearer, emulator: Emulator, http: httpx.Client) -> None:
    """The rejection of an inactive issuer names its origin key in the newer version only."""
    target = create_trusting_subaccount(emulator, http, OLD, active=False, origin_key="backend")
    said = present_assertion(http, target).json()
    text = CONTRACTS if version is Bearer.OLD else "No SAML identity provider found in zone for alias:backend"
    assert said == {"error": "unauthorized", "error_description": text}
    assert note(emulator) == "rejected: backend is inactive"


def test_unknown_user_gets_remedy(version: Bearer, emulator: Emulator, http: httpx.Client) -> None:
    """The rejection of an unknown user says what to do; the older version blames the client."""
    config = registration_body(OLD)["config"] | {"addShadowUserOnLogin": False}
    response = present_assertion(http, create_trusting_subaccount(emulator, http, OLD, config=config))
    said = "SAML user does not exist. You can correct this by creating a shadow user for the SAML user."
    error = "invalid_client" if version is Bearer.OLD else "unauthorized"
    assert (response.status_code, response.json()) == (401, {"error": error, "error_description": said})


def test_clients_and_scopes_are_checked(http: httpx.Client, target: Target) -> None:
    """Clients and scopes are rejected as for other grants, for any assertion."""
    form = {"grant_type": SAML2_BEARER, "assertion": "!"}
    for client in ((target.client_id, "wrong"), ("unknown-user", target.client_secret)):
        response = http.post(target.token_service_url, data=form, auth=client)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert response.json()["error_description"] == "Bad credentials"
    texts = {
        "foo.bar": "foo.bar is invalid. Please use a valid scope name in the request",
        "uaa.resource": "[uaa.none] is invalid. This user is not allowed any of the requested scopes",
    }
    for scope, text in texts.items():
        response = present_assertion(http, target, scope=scope)
        assert (response.status_code, response.json()) == (
            400,
            {"error": "invalid_scope", "error_description": text},
        )
    assert present_assertion(http, target, scope="openid").json()["scope"] == "openid"


def test_metadata_without_certificate_trusts_nobody() -> None:
    """Where metadata without a certificate can be registered, every assertion is rejected."""
    with emulator_with(provider_metadata=ProviderMetadata.ANY) as (emulator, http):
        location = idp_metadata(OLD).replace('use="signing"', 'use="encryption"')
        target = create_trusting_subaccount(emulator, http, config={"metaDataLocation": location})
        assert target.certificates == {}
        assert present_assertion(http, target).status_code == 401
        assert note(emulator) == "rejected: its issuer has no certificate"
