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
    """Return the certificates at a path, without line breaks."""
    return ["".join((each.text or "").split()) for each in element.findall(path, NAMESPACES)]


def test_generating_answers_with_the_certificate_that_is_then_served(empty_caller: Any) -> None:
    """What POST answers is what GET reads, in both slots."""
    for path in ("/certificate", "/certificate/passive"):
        posted = empty_caller.call("POST", path)
        assert (posted.status_code, posted.headers["content-type"]) == (200, "application/json")
        assert empty_caller.call("GET", path).json() == posted.json()
    assert empty_caller.emulator.certificates(empty_caller.subaccount.guid) == tuple(
        empty_caller.call("GET", path).json()["certificate"] for path in ("/certificate", "/certificate/passive")
    )


def test_generating_again_renews(caller: Any) -> None:
    """Each POST mints a new certificate; the old one is gone."""
    before = caller.call("GET", "/certificate").json()
    assert caller.call("POST", "/certificate").json() != before
    assert caller.call("GET", "/certificate").json() != before


def test_a_certificate_is_pem_with_lines_of_64_columns(caller: Any) -> None:
    """LF, 64 columns, one line break at the end."""
    pem = caller.call("GET", "/certificate").json()["certificate"]
    lines = "([A-Za-z0-9+/]{64}\n)+([A-Za-z0-9+/]{1,63}=*\n)?"
    assert re.fullmatch(f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n", pem)


def test_rotating_swaps_and_answers_with_both(caller: Any) -> None:
    """After rotating, each certificate is in the other slot; the answer says so."""
    active = caller.call("GET", "/certificate").json()["certificate"]
    passive = caller.call("POST", "/certificate/passive").json()["certificate"]
    rotated = caller.call("POST", "/rotateCertificate")
    assert rotated.status_code == 200
    assert rotated.json() == {"activeCertificate": passive, "passiveCertificate": active}
    assert caller.call("GET", "/certificate").json() == {"certificate": passive}
    assert caller.call("GET", "/certificate/passive").json() == {"certificate": active}


def test_deleting_the_passive_certificate_works_once(caller: Any) -> None:
    """The first time counts one, the second time is a plain 404."""
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
def test_a_missing_key_pair_is_a_404_in_json(empty_caller: Any, method: str, path: str, text: str) -> None:
    """Where the description has a JSON error, it is one."""
    response = empty_caller.call(method, path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/json")
    assert response.json() == {"ErrorMessage": text.format(empty_caller.subaccount.guid)}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", "/certificate/passive")])
def test_a_missing_key_pair_is_a_404_in_plain_text_elsewhere(empty_caller: Any, method: str, path: str) -> None:
    """Metadata and deleting answer in plain text."""
    response = empty_caller.call(method, path)
    assert (response.status_code, response.text) == (404, "Not Found")
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [pytest.param(b"{}", id="an empty object"), pytest.param(b" ", id="one space")])
def test_any_body_of_a_post_is_refused_and_nothing_happens(caller: Any, path: str, body: bytes) -> None:
    """400, and the slots are as they were."""
    caller.emulator.generate_passive(caller.subaccount.guid)
    before = caller.emulator.slots(caller.subaccount.guid)
    response = caller.call("POST", path, body)
    assert (response.status_code, response.json()) == (400, {"ErrorMessage": "Request body should be empty!"})
    assert caller.emulator.slots(caller.subaccount.guid) == before


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("Bearer not-a-token", id="not a token"),
        pytest.param("Basic dXNlcjpwYXNz", id="another scheme"),
        pytest.param(
            "Bearer eyJhbGciOiJub25lIn0.eyJleHRfYXR0ciI6eyJzdWJhY2NvdW50aWQiOiIifX0.", id="a token without signature"
        ),
    ],
)
def test_a_bad_token_is_a_401(
    in_process_emulator: Emulator, make_caller: Any, method: str, path: str, authorization: str
) -> None:
    """Plain text, and nothing happens."""
    caller = make_caller(in_process_emulator, generate=True)
    response = caller.call(method, path, authorization=authorization)
    assert (response.status_code, response.text) == (401, "Unauthorized")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_token_is_a_401(in_process_emulator: Emulator, make_caller: Any, method: str, path: str) -> None:
    """Plain text, as for a bad one."""
    caller = make_caller(in_process_emulator)
    response = caller.http.request(method, f"{caller.key['uri']}/destination-configuration/v1/saml2Metadata{path}")
    assert (response.status_code, response.text) == (401, "Unauthorized")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("authorization", ["Bearer", "Bearer a b", "a:b c"])
def test_a_malformed_authorization_is_a_400_where_one_is_documented(
    in_process_emulator: Emulator, make_caller: Any, method: str, path: str, authorization: str
) -> None:
    """Two operations document no 400: there it is a 401."""
    response = make_caller(in_process_emulator).call(method, path, authorization=authorization)
    documented = (method, path) not in {("GET", ""), ("DELETE", "/certificate/passive")}
    expected = (400, "Bad Request") if documented else (401, "Unauthorized")
    assert (response.status_code, response.text) == expected


def test_a_token_expires_by_the_clock(caller: Any) -> None:
    """A token works for 43199 seconds of the emulator's time, not longer."""
    authorization = f"Bearer {caller.token()}"
    caller.emulator.advance(43100)
    assert caller.call("GET", authorization=authorization).status_code == 200
    caller.emulator.advance(100)
    assert caller.call("GET", authorization=authorization).status_code == 401


def test_a_token_of_another_emulator_is_refused(caller: Any) -> None:
    """Though it speaks of the same subaccount, another key signed it."""
    with Emulator(key_size=1024) as other:
        other.create_subaccount(guid=caller.subaccount.guid, subdomain=caller.subaccount.subdomain)
        foreign = type(caller)(other, caller.subaccount, caller.http, other.service_key(caller.subaccount.guid))
        with type(caller.http)(transport=other.transport) as http:
            token = type(caller)(other, caller.subaccount, http, foreign.key).token()
    assert caller.call("GET", authorization=f"Bearer {token}").status_code == 401


def test_a_genuine_token_of_a_subaccount_that_is_not_there_is_refused(caller: Any) -> None:
    """As after a change of the state file: signed by the right key, for nobody."""
    gone = replace(caller.emulator._landscape.account(caller.subaccount.guid), guid=str(uuid.uuid4()))
    token = tokens.issue(caller.emulator._landscape.token_key, gone, gone.client, "", caller.emulator.now).access_token
    assert caller.call("GET", authorization=f"Bearer {token}").status_code == 401
    assert caller.emulator.journal()[-1].subaccount is None


def test_a_subaccount_is_touched_by_its_own_tokens_alone(caller: Any, empty_caller: Any) -> None:
    """What one subaccount does, the other does not see."""
    before = caller.emulator.slots(caller.subaccount.guid)
    empty_caller.call("POST", "/certificate")
    assert caller.emulator.slots(caller.subaccount.guid) == before


@pytest.mark.parametrize("path", ["", "/certificate", "/certificate/passive", "/rotateCertificate"])
def test_a_method_that_a_path_lacks_is_a_405(in_process_emulator: Emulator, make_caller: Any, path: str) -> None:
    """And the answer names those that it has."""
    caller = make_caller(in_process_emulator)
    response = caller.call("PATCH", path)
    methods = {method for method, of in OPERATIONS if of == path}
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, methods)


def test_an_unknown_path_is_a_404(caller: Any) -> None:
    """The emulator has the trust operations and nothing else of the service."""
    assert caller.call("GET", "/elsewhere").status_code == 404


def test_metadata_has_the_active_certificate_in_both_roles(caller: Any) -> None:
    """The SP and the IdP descriptor have one signing key, with the certificate's base64."""
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
def test_metadata_has_the_passive_certificate_where_the_switch_puts_it(
    make_caller: Any, layout: MetadataLayout, descriptors: int
) -> None:
    """In a key descriptor of its own, or in the one that there is; the active one comes first."""
    with Emulator(key_size=1024, switches=Switches(metadata_layout=layout)) as emulator:
        caller = make_caller(emulator, generate=True)
        emulator.generate_passive(caller.subaccount.guid)
        root = metadata_of(caller.call("GET"))
        pems = emulator.certificates(caller.subaccount.guid)
    role = root.find("md:IDPSSODescriptor", NAMESPACES)
    assert role is not None
    assert len(role.findall("md:KeyDescriptor", NAMESPACES)) == descriptors
    assert bodies(role, ".//ds:X509Certificate") == ["".join(trust_certificate.body(pem or "").split()) for pem in pems]


def test_metadata_has_the_elements_of_the_documented_example(caller: Any, reference: Any) -> None:
    """Element by element and attribute by attribute, but for the certificate."""
    root = metadata_of(caller.call("GET"))
    example = ET.parse(reference / "idp-metadata-example.xml").getroot()  # noqa: S314 - a file of ours
    shapes = [[(each.tag, each.attrib) for each in document.iter()] for document in (root, example)]
    assert shapes[0] == shapes[1]


def test_metadata_without_an_active_certificate_is_a_404(empty_caller: Any) -> None:
    """Also when there is a passive one."""
    empty_caller.emulator.generate_passive(empty_caller.subaccount.guid)
    assert empty_caller.call("GET").status_code == 404


def passive_alone(make_caller: Callable[..., Any], emulator: Emulator) -> Any:
    """Return a caller of a subaccount with nothing but a passive certificate."""
    caller = make_caller(emulator)
    emulator.generate_passive(caller.subaccount.guid)
    return caller


def test_rotating_without_an_active_certificate_names_the_missing_one(
    in_process_emulator: Emulator, make_caller: Any
) -> None:
    """404, without the word passive."""
    response = passive_alone(make_caller, in_process_emulator).call("POST", "/rotateCertificate")
    assert response.status_code == 404
    assert response.json()["ErrorMessage"].startswith("Keypair for subaccount")


def test_rotating_without_an_active_certificate_can_be_switched_on(make_caller: Any) -> None:
    """Then the answer has no passive certificate, because there is none."""
    switches = Switches(rotate_without_active=RotateWithoutActive.SWAP)
    with Emulator(key_size=1024, switches=switches) as emulator:
        response = passive_alone(make_caller, emulator).call("POST", "/rotateCertificate")
    assert (response.status_code, list(response.json())) == (200, ["activeCertificate"])


def test_a_passive_certificate_without_an_active_one_can_be_switched_off(make_caller: Any) -> None:
    """Then generating is a 400, as the description has no 404 there."""
    switches = Switches(passive_without_active=PassiveWithoutActive.REFUSE)
    with Emulator(key_size=1024, switches=switches) as emulator:
        response = make_caller(emulator).call("POST", "/certificate/passive")
    assert (response.status_code, list(response.json())) == (400, ["ErrorMessage"])


def test_the_recorded_text_of_a_404_can_be_switched_on(make_caller: Any) -> None:
    """The status and the shape stay, the text is another."""
    with Emulator(key_size=1024, switches=Switches(not_found_text=NotFoundText.RECORDED)) as emulator:
        response = make_caller(emulator).call("GET", "/certificate")
    assert response.status_code == 404
    assert response.json() == {"ErrorMessage": "There is no such key pair for this account"}


def test_a_certificate_given_from_outside_is_served_as_it_is(emulator: Emulator, make_caller: Any) -> None:
    """So a real one can be served in either slot; it has no private key here, and needs none."""
    active, passive = (trust_certificate.to_pem(b"\x30\x82\x01\x00" + bytes([number]) * 256) for number in (1, 2))
    caller = make_caller(emulator, active=active, passive=passive, generate=True)
    assert caller.call("GET", "/certificate").json() == {"certificate": active}
    assert caller.call("GET", "/certificate/passive").json() == {"certificate": passive}
