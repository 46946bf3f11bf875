"""The seven trust operations answer as SAP's API description says."""

from __future__ import annotations

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from btp_trust_emulator import (
    Emulator,
    MetadataLayout,
    NotFoundText,
    PassiveWithoutActive,
    RotateWithoutActive,
    Switches,
)
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.services.xsuaa import tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OPERATIONS = [
    ("GET", ""),
    ("GET", "/certificate"),
    ("POST", "/certificate"),
    ("GET", "/certificate/passive"),
    ("POST", "/certificate/passive"),
    ("DELETE", "/certificate/passive"),
    ("POST", "/rotateCertificate"),
]
POSTS = [path for method, path in OPERATIONS if method == "POST"]
NAMESPACES = {"ds": "http://www.w3.org/2000/09/xmldsig#", "md": "urn:oasis:names:tc:SAML:2.0:metadata"}


def metadata_of(response: Any) -> ET.Element:
    """Return the XML inside the answer."""
    return ET.fromstring(base64.b64decode(response.json()["idpMetadata"], validate=True))  # noqa: S314 - our own


def bodies(element: ET.Element, path: str) -> list[str]:
    """Return the certificates at a path, as one line each."""
    return ["".join((child.text or "").split()) for child in element.findall(path, NAMESPACES)]


def test_generated_certificate_is_served(empty_caller: Any) -> None:
    """In both slots, GET returns what POST answered."""
    for path in ("/certificate", "/certificate/passive"):
        posted = empty_caller.call("POST", path)
        assert (posted.status_code, posted.headers["content-type"]) == (200, "application/json")
        assert empty_caller.call("GET", path).json() == posted.json()
    assert empty_caller.emulator.certificates(empty_caller.subaccount.guid) == tuple(
        empty_caller.call("GET", path).json()["certificate"] for path in ("/certificate", "/certificate/passive")
    )


def test_generating_again_renews(caller: Any) -> None:
    """Each POST generates a new certificate; the old one is gone."""
    before = caller.call("GET", "/certificate").json()
    assert caller.call("POST", "/certificate").json() != before
    assert caller.call("GET", "/certificate").json() != before


def test_pem_has_64_columns(caller: Any) -> None:
    """A PEM has LF, 64 columns, and one line break at the end."""
    pem = caller.call("GET", "/certificate").json()["certificate"]
    lines = "([A-Za-z0-9+/]{64}\n)+([A-Za-z0-9+/]{1,63}=*\n)?"
    assert re.fullmatch(f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n", pem)


def test_rotating_swaps_both(caller: Any) -> None:
    """After a rotation each certificate is in the other slot, and the response says so."""
    active = caller.call("GET", "/certificate").json()["certificate"]
    passive = caller.call("POST", "/certificate/passive").json()["certificate"]
    rotated = caller.call("POST", "/rotateCertificate")
    assert rotated.status_code == 200
    assert rotated.json() == {"activeCertificate": passive, "passiveCertificate": active}
    assert caller.call("GET", "/certificate").json() == {"certificate": passive}
    assert caller.call("GET", "/certificate/passive").json() == {"certificate": active}


def test_deleting_passive_works_once(caller: Any) -> None:
    """The first deletion counts one, the second is a plain 404."""
    caller.call("POST", "/certificate/passive")
    deleted, again = (caller.call("DELETE", "/certificate/passive") for _ in range(2))
    assert (deleted.status_code, deleted.json()) == (200, {"Count": 1})
    assert (again.status_code, again.text) == (404, "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        pytest.param("GET", "/certificate", "Keypair for subaccount - {} does not exist", id="reading active"),
        pytest.param("GET", "/certificate/passive", "Keypair for subaccount - {} does not exist", id="reading passive"),
        pytest.param("POST", "/rotateCertificate", "Passive Keypair for subaccount - {} does not exist", id="rotating"),
    ],
)
def test_missing_key_pair_is_json_404(empty_caller: Any, method: str, path: str, text: str) -> None:
    """Where the description has a JSON error, the 404 is one."""
    response = empty_caller.call(method, path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/json")
    assert response.json() == {"ErrorMessage": text.format(empty_caller.subaccount.guid)}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", "/certificate/passive")])
def test_missing_key_pair_is_plain_404(empty_caller: Any, method: str, path: str) -> None:
    """Metadata and deleting answer in plain text."""
    response = empty_caller.call(method, path)
    assert (response.status_code, response.text) == (404, "Not Found")
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [pytest.param(b"{}", id="an empty object"), pytest.param(b" ", id="one space")])
def test_post_body_is_refused(caller: Any, path: str, body: bytes) -> None:
    """A POST with any body is 400, and the slots stay as they were."""
    caller.emulator.generate_passive(caller.subaccount.guid)
    before = caller.emulator.slots(caller.subaccount.guid)
    response = caller.call("POST", path, body)
    assert (response.status_code, response.json()) == (400, {"ErrorMessage": "Request body should be empty!"})
    assert caller.emulator.slots(caller.subaccount.guid) == before


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Bearer not-a-token", id="a malformed token"),
        pytest.param("Basic dXNlcjpwYXNz", id="another scheme"),
        pytest.param("Bearer eyJhbGciOiJub25lIn0.eyJleHRfYXR0ciI6eyJzdWJhY2NvdW50aWQiOiIifX0.", id="an unsigned token"),
    ],
)
def test_wrong_token_is_401(
    in_process_emulator: Emulator, make_caller: Any, method: str, path: str, authorization: str
) -> None:
    """A wrong token is 401 in plain text, and the slots stay as they were."""
    caller = make_caller(in_process_emulator, generate=True)
    response = caller.call(method, path, authorization=authorization)
    assert (response.status_code, response.text) == (401, "Unauthorized")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_missing_token_is_401(in_process_emulator: Emulator, make_caller: Any, method: str, path: str) -> None:
    """A missing token is 401 in plain text, like a wrong one."""
    caller = make_caller(in_process_emulator)
    response = caller.http.request(method, f"{caller.key['uri']}/destination-configuration/v1/saml2Metadata{path}")
    assert (response.status_code, response.text) == (401, "Unauthorized")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("authorization", ["Bearer", "Bearer a b", "a:b c"])
def test_malformed_authorization_is_400_where_documented(
    in_process_emulator: Emulator, make_caller: Any, method: str, path: str, authorization: str
) -> None:
    """For the two operations without a documented 400, a malformed header is 401."""
    response = make_caller(in_process_emulator).call(method, path, authorization=authorization)
    documented = (method, path) not in {("GET", ""), ("DELETE", "/certificate/passive")}
    expected = (400, "Bad Request") if documented else (401, "Unauthorized")
    assert (response.status_code, response.text) == expected


def test_clock_expires_token(caller: Any) -> None:
    """A token works for 43199 seconds of the emulator's time."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.advance(43100)
    assert caller.call("GET", authorization=authorization).status_code == 200
    caller.emulator.advance(100)
    assert caller.call("GET", authorization=authorization).status_code == 401


def test_foreign_emulator_token_is_refused(caller: Any) -> None:
    """A token of another key is refused, although it names the same subaccount."""
    with Emulator(key_size=1024) as other:
        other.create_subaccount(guid=caller.subaccount.guid, subdomain=caller.subaccount.subdomain)
        foreign = type(caller)(other, caller.subaccount, caller.http, other.service_key(caller.subaccount.guid))
        with type(caller.http)(transport=other.transport) as http:
            token = type(caller)(other, caller.subaccount, http, foreign.key).token()
    assert caller.call("GET", authorization=f"Bearer {token}").status_code == 401


def test_token_of_missing_subaccount_is_refused(caller: Any) -> None:
    """A token with a valid signature is refused if its subaccount is gone from the state."""
    gone = replace(caller.emulator._landscape.account(caller.subaccount.guid), guid=str(uuid.uuid4()))
    token = tokens.issue(caller.emulator._landscape.token_key, gone, gone.client, "", caller.emulator.now).access_token
    assert caller.call("GET", authorization=f"Bearer {token}").status_code == 401
    assert caller.emulator.journal()[-1].subaccount is None


def test_subaccounts_are_isolated(caller: Any, empty_caller: Any) -> None:
    """What one subaccount does leaves the other unchanged."""
    before = caller.emulator.slots(caller.subaccount.guid)
    empty_caller.call("POST", "/certificate")
    assert caller.emulator.slots(caller.subaccount.guid) == before


@pytest.mark.parametrize("path", ["", "/certificate", "/certificate/passive", "/rotateCertificate"])
def test_other_method_is_405(in_process_emulator: Emulator, make_caller: Any, path: str) -> None:
    """The response names the methods of the path."""
    caller = make_caller(in_process_emulator)
    response = caller.call("PATCH", path)
    methods = {method for method, of in OPERATIONS if of == path}
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, methods)


def test_unknown_path_is_404(caller: Any) -> None:
    """Of the service's other paths, every one is 404."""
    assert caller.call("GET", "/elsewhere").status_code == 404


def test_metadata_has_active_certificate_twice(caller: Any) -> None:
    """The SP and the IdP descriptor have one signing key each, with the certificate's base64."""
    root = metadata_of(caller.call("GET"))
    active = caller.call("GET", "/certificate").json()["certificate"]
    body = "".join(trust_certificate.body(active).split())
    for role in ("md:SPSSODescriptor", "md:IDPSSODescriptor"):
        path = f"{role}/md:KeyDescriptor[@use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate"
        assert bodies(root, path) == [body]


@pytest.mark.parametrize(
    ("layout", "descriptors"),
    [(MetadataLayout.SECOND_KEY_DESCRIPTOR, 2), (MetadataLayout.SECOND_X509_DATA, 1)],
)
def test_switch_places_passive_certificate(make_caller: Any, layout: MetadataLayout, descriptors: int) -> None:
    """The passive certificate is in a key descriptor of its own, or in the only one, after the active one."""
    with Emulator(key_size=1024, switches=Switches(metadata_layout=layout)) as emulator:
        caller = make_caller(emulator, generate=True)
        emulator.generate_passive(caller.subaccount.guid)
        root = metadata_of(caller.call("GET"))
        pems = emulator.certificates(caller.subaccount.guid)
    role = root.find("md:IDPSSODescriptor", NAMESPACES)
    assert role is not None
    assert len(role.findall("md:KeyDescriptor", NAMESPACES)) == descriptors
    assert bodies(role, ".//ds:X509Certificate") == ["".join(trust_certificate.body(pem or "").split()) for pem in pems]


def test_metadata_follows_documented_example(caller: Any, reference: Any) -> None:
    """Element by element and attribute by attribute, only the certificate differs."""
    root = metadata_of(caller.call("GET"))
    example = ET.parse(reference / "idp-metadata-example.xml").getroot()  # noqa: S314 - a file of ours
    shapes = [[(element.tag, element.attrib) for element in document.iter()] for document in (root, example)]
    assert shapes[0] == shapes[1]


def test_metadata_needs_active_certificate(empty_caller: Any) -> None:
    """An empty active slot is 404, even beside a passive certificate."""
    empty_caller.emulator.generate_passive(empty_caller.subaccount.guid)
    assert empty_caller.call("GET").status_code == 404


def passive_alone(make_caller: Callable[..., Any], emulator: Emulator) -> Any:
    """Provide a caller of a subaccount with a passive certificate alone."""
    caller = make_caller(emulator)
    emulator.generate_passive(caller.subaccount.guid)
    return caller


def test_rotation_names_missing_active_certificate(in_process_emulator: Emulator, make_caller: Any) -> None:
    """The 404 leaves out the word passive."""
    response = passive_alone(make_caller, in_process_emulator).call("POST", "/rotateCertificate")
    assert response.status_code == 404
    assert response.json()["ErrorMessage"].startswith("Keypair for subaccount")


def test_rotation_without_active_certificate(make_caller: Any) -> None:
    """With the switch, the response has the active certificate alone."""
    switches = Switches(rotate_without_active=RotateWithoutActive.SWAP)
    with Emulator(key_size=1024, switches=switches) as emulator:
        response = passive_alone(make_caller, emulator).call("POST", "/rotateCertificate")
    assert (response.status_code, list(response.json())) == (200, ["activeCertificate"])


def test_passive_requires_active_by_switch(make_caller: Any) -> None:
    """With the switch, generating is 400, because the description has no 404 there."""
    switches = Switches(passive_without_active=PassiveWithoutActive.REFUSE)
    with Emulator(key_size=1024, switches=switches) as emulator:
        response = make_caller(emulator).call("POST", "/certificate/passive")
    assert (response.status_code, list(response.json())) == (400, ["ErrorMessage"])


def test_recorded_404_text_by_switch(make_caller: Any) -> None:
    """The switch changes the text; status and shape stay."""
    with Emulator(key_size=1024, switches=Switches(not_found_text=NotFoundText.RECORDED)) as emulator:
        response = make_caller(emulator).call("GET", "/certificate")
    assert response.status_code == 404
    assert response.json() == {"ErrorMessage": "There is no such key pair for this account"}


def test_given_certificate_is_served(emulator: Emulator, make_caller: Any) -> None:
    """A real certificate can be served in either slot; its private key is unnecessary."""
    active, passive = (trust_certificate.to_pem(b"\x30\x82\x01\x00" + bytes([number]) * 256) for number in (1, 2))
    caller = make_caller(emulator, active=active, passive=passive, generate=True)
    assert caller.call("GET", "/certificate").json() == {"certificate": active}
    assert caller.call("GET", "/certificate/passive").json() == {"certificate": passive}
