"""Assertions and metadata for tests: a signer with a trust certificate, and faults in signed documents."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from lxml import etree

from btp_trust_emulator import Emulator, MetadataLayout, Target
from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import assertion, metadata, signature
from btp_trust_emulator.saml.assertion import Statement
from btp_trust_emulator.saml.validation import RelyingParty
from btp_trust_emulator.saml.xml import NAMESPACES, POST_BINDING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

GUID = "00000000-1111-4222-8333-000000005cdd"
NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
AUDIENCE, RECIPIENT = "https://target.example.com", "https://target.example.com/oauth/token"


@dataclass(frozen=True)
class Signer:
    """A key and its certificate, with the profile of SAP, which has negative serial numbers."""

    key: RSAPrivateKey = field(default_factory=lambda: keys.generate(1024))

    @property
    def certificate(self) -> str:
        """The certificate as PEM."""
        return trust_certificate.generate_certificate(self.key, GUID, -(2**78), NOW, NOW + timedelta(days=730))

    def assertion(
        self,
        before: Callable[[etree._Element], None] | None = None,
        after: Callable[[etree._Element], None] | None = None,
        changes: Mapping[str, str | None] | None = None,
    ) -> bytes:
        """Return a signed assertion with `changes` of its statement. `before` and `after` change it around signing."""
        root = assertion.assertion_element(replace(STATEMENT, **(changes or {})), NOW)  # type: ignore[arg-type]
        if before:
            before(root)
        signed = signature.sign(root, self.key)
        if after:
            after(signed)
        return etree.tostring(signed)


ISSUER = trust_certificate.common_name(GUID)
STATEMENT = Statement(ISSUER, "joe", AUDIENCE, RECIPIENT)


def relying_party(*signers: Signer) -> RelyingParty:
    """Return the token service that trusts these signers."""
    return RelyingParty(AUDIENCE, {RECIPIENT}, {ISSUER: [each.certificate for each in signers]})


def element(root: etree._Element, path: str) -> etree._Element:
    """Return the only element at a path."""
    found = root.find(path, NAMESPACES)
    assert found is not None
    return found


def set_attribute(path: str, name: str, value: str | None) -> Callable[[etree._Element], None]:
    """Return a function that changes or removes an attribute."""

    def change(root: etree._Element) -> None:
        attributes = element(root, path).attrib
        if value is None:
            del attributes[name]
        else:
            attributes[name] = value

    return change


def remove_element(path: str) -> Callable[[etree._Element], None]:
    """Return a function that removes an element."""

    def change(root: etree._Element) -> None:
        found = element(root, path)
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)

    return change


OLD, NEW, UNTRUSTED = Signer(), Signer(), Signer()
SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"


def present_assertion(
    http: httpx.Client, target: Target, signer: Signer = OLD, **changes: str | None
) -> httpx.Response:
    """Present an assertion of a signer to a target; `changes` are of the form (None: left out)."""
    meant = {"audience": target.entity_id, "recipient": target.token_service_url}
    return send_assertion(http, target, signer.assertion(changes=meant), **changes)


def send_assertion(http: httpx.Client, target: Target, octets: bytes, **changes: str | None) -> httpx.Response:
    """Send an assertion to a target."""
    form = {"grant_type": SAML2_BEARER, "assertion": base64.urlsafe_b64encode(octets).decode()} | changes
    data = {name: value for name, value in form.items() if value is not None}
    client = (target.client_id, target.client_secret)
    return http.post(target.token_service_url, data=data, auth=client)


def note(emulator: Emulator) -> str | None:
    """Return the note of the last journal entry."""
    return emulator.journal()[-1].note


def fingerprint(signer: Signer) -> str:
    """Return the fingerprint of a signer's certificate."""
    return trust_certificate.fingerprint(signer.certificate)


def create_trusting_system(emulator: Emulator, *signers: Signer, holds: int = 2) -> Target:
    """Create a target system that trusts the signers."""
    target = emulator.create_target(f"s4-{uuid.uuid4()}", holds=holds)
    for signer in signers:
        target = emulator.upload_certificate(target.name, signer.certificate)
    return target


SERVICE = '<ns3:SingleSignOnService Binding="{binding}" Location="{location}"/>'
POST = SERVICE.format(binding=POST_BINDING, location="https://idp.example.com")


def idp_metadata(*signers: Signer, issuer: str = ISSUER, service: str = POST) -> str:
    """Return metadata of an identity provider with the signers' certificates and a single sign-on service."""
    xml = metadata.metadata_document([signer.certificate for signer in signers], MetadataLayout.SECOND_KEY_DESCRIPTOR)
    return with_entity_id(xml, issuer, service)


def with_entity_id(xml: str, issuer: str, service: str = POST) -> str:
    """Return metadata of the Destination service, completed for a registration."""
    xml = xml.replace("<ns3:EntityDescriptor", f'<ns3:EntityDescriptor entityID="{issuer}"', 1)
    return xml.replace("</ns3:IDPSSODescriptor>", f"{service}</ns3:IDPSSODescriptor>", 1)


def registration_body(
    *signers: Signer, issuer: str = ISSUER, origin_key: str = "source", **changes: Any
) -> dict[str, Any]:
    """Return the body that registers an identity provider with the signers' certificates."""
    config = {"metaDataLocation": idp_metadata(*signers, issuer=issuer), "addShadowUserOnLogin": True}
    return {
        "type": "saml",
        "originKey": origin_key,
        "name": "The source",
        "active": True,
        "config": config,
        **changes,
    }


class IdentityProviderApi:
    """XSUAA's API for the identity providers of a subaccount."""

    def __init__(self, emulator: Emulator, http: httpx.Client, guid: str) -> None:
        self.key = emulator.api_access_key(guid)
        self.http = http
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        token = http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.headers = {"authorization": f"Bearer {token}"}

    def call(self, method: str, identity: str = "", **options: Any) -> httpx.Response:
        """Send one operation, on the collection or on one provider."""
        path = "/sap/rest/identity-providers" + (f"/{identity}" if identity else "")
        defaults = {"headers": self.headers, "params": {"rawConfig": "true"}}
        return self.http.request(method, self.key["apiurl"] + path, **{**defaults, **options})

    def by_origin_key(self, **query: str) -> dict[str, dict[str, Any]]:
        """Return {origin key: identity provider} of the list."""
        shown = self.call("GET", params={"rawConfig": "true", **query}).json()
        return {each["originKey"]: each for each in shown}


def create_trusting_subaccount(emulator: Emulator, http: httpx.Client, *signers: Signer, **changes: Any) -> Target:
    """Create a subaccount that trusts the signers."""
    guid = emulator.create_subaccount().guid
    assert (
        IdentityProviderApi(emulator, http, guid).call("POST", json=registration_body(*signers, **changes)).status_code
        == 201
    )
    return emulator.target(guid)


def create_trusting(kind: str, emulator: Emulator, http: httpx.Client, *signers: Signer) -> Target:
    """Create a target of a kind that trusts the signers."""
    if kind == "system":
        return create_trusting_system(emulator, *signers)
    return create_trusting_subaccount(emulator, http, *signers)


TARGET_KINDS = pytest.mark.parametrize("kind", ["system", "subaccount"])
