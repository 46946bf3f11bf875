"""Each point that public sources leave open of communication systems is a switch of the tenant."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from btp_trust_emulator import (
    CertificateProfile,
    Conflict,
    Emulator,
    Etags,
    FieldFormat,
    PatchProperties,
    ProviderNames,
    S4Switches,
    SubjectAndIssuer,
)
from btp_trust_emulator.backend import certificate_field
from btp_trust_emulator.pki import keys, trust_certificate
from support.s4 import BASE64, ISSUER, PROVIDER, SUBJECT, S4Scenario, error_of, field_text
from support.saml import NEW, NOW, OLD, Signer, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    Scenario = Callable[..., S4Scenario]


@pytest.fixture
def scenario(emulator_at_assertion_time: Emulator, http: httpx.Client) -> Scenario:
    """Provide a maker of tenants with switches."""
    return lambda **switches: S4Scenario(emulator_at_assertion_time, http, S4Switches(**switches))


@pytest.mark.parametrize("stored", FieldFormat)
def test_field_has_one_format(scenario: Scenario, stored: FieldFormat) -> None:
    """The field shows and takes one format: the certificate, its PEM, or the key; the others are refused."""
    s4 = scenario(field_format=stored)
    assert s4.entity()[BASE64] == field_text(OLD, stored)
    statuses = {written: s4.patch({BASE64: field_text(NEW, written)}).status_code for written in FieldFormat}
    assert {written for written, status in statuses.items() if status == 200} == {stored}
    assert s4.accepted(OLD, NEW) == [False, True]
    shown = key_identity(NEW) if stored is FieldFormat.KEY else fingerprint(NEW)
    assert s4.trusted() == shown
    assert shown in (s4.emulator.journal()[-1].note or "")


def key_identity(signer: Signer) -> str:
    """Return the name of a signer's key."""
    return certificate_field.decode(field_text(signer, FieldFormat.KEY), FieldFormat.KEY).identity


def test_pem_may_have_lines(scenario: Scenario) -> None:
    """Where the PEM is stored, line breaks are taken, and shown again as they were written."""
    s4 = scenario(field_format=FieldFormat.PEM)
    assert s4.patch({BASE64: NEW.certificate}).status_code == 200
    assert (s4.entity()[BASE64], s4.trusted()) == (NEW.certificate, fingerprint(NEW))


@pytest.mark.parametrize("text", ["", " ", "?", "AAAA"])
def test_key_is_rsa(text: str) -> None:
    """A text that is no key, and a key of another type, are refused."""
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    other = base64.b64encode(curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    for wrong in (text, other):
        with pytest.raises(Exception, match="format key"):
            certificate_field.decode(wrong, FieldFormat.KEY)


def test_lines_need_the_pem_format(scenario: Scenario) -> None:
    """Where base64 of the certificate is stored, line breaks are refused."""
    body = trust_certificate.body(NEW.certificate)
    assert error_of(scenario().patch({BASE64: body})) == (400, "CM_APS_CS/026")


@pytest.mark.parametrize(
    ("switch", "properties", "status"),
    [
        (PatchProperties.ALL, {BASE64: field_text(NEW), SUBJECT: "CN=a", ISSUER: "CN=b"}, 200),
        (PatchProperties.ALL, {BASE64: field_text(NEW)}, 200),
        (PatchProperties.BASE64_ALONE, {BASE64: field_text(NEW), SUBJECT: "CN=a"}, 400),
        (PatchProperties.BASE64_ALONE, {BASE64: field_text(NEW), ISSUER: "CN=a"}, 400),
        (PatchProperties.BASE64_ALONE, {BASE64: field_text(NEW)}, 200),
        (PatchProperties.IGNORED, {BASE64: field_text(NEW), SUBJECT: "CN=a"}, 200),
        (PatchProperties.NONE, {BASE64: field_text(NEW)}, 405),
    ],
)
def test_patch_takes_properties(
    scenario: Scenario, switch: PatchProperties, properties: dict[str, str], status: int
) -> None:
    """A patch takes subject and issuer with the base64, or the base64 alone, or is ignored, or refused at all."""
    s4 = scenario(patch_properties=switch)
    assert s4.patch(properties).status_code == status
    is_saved = status == 200 and switch is not PatchProperties.IGNORED
    assert s4.trusted() == fingerprint(NEW if is_saved else OLD)


@pytest.mark.parametrize("stored", FieldFormat)
def test_names_are_computed(scenario: Scenario, stored: FieldFormat) -> None:
    """Subject and issuer are those in the stored certificate; a key and an empty field have none."""
    s4 = scenario(field_format=stored)
    is_key = stored is FieldFormat.KEY
    s4.patch({BASE64: field_text(NEW, stored), SUBJECT: "CN=a"})
    assert [s4.entity()[name] == "" for name in (SUBJECT, ISSUER)] == [is_key] * 2
    s4.patch({SUBJECT: "CN=a"})
    assert s4.entity()[SUBJECT] != "CN=a"
    s4.patch({BASE64: ""})
    assert [s4.entity()[name] for name in (SUBJECT, ISSUER)] == ["", ""]


def test_names_stay_as_sent(scenario: Scenario) -> None:
    """Where subject and issuer are stored as they were sent, a patch of the base64 alone leaves old ones."""
    s4 = scenario(subject_and_issuer=SubjectAndIssuer.AS_SENT)
    s4.patch({BASE64: field_text(NEW), SUBJECT: "CN=a", ISSUER: "CN=b"})
    s4.patch({BASE64: field_text(OLD)})
    assert [s4.entity()[name] for name in (SUBJECT, ISSUER)] == ["CN=a", "CN=b"]
    s4.patch({BASE64: ""})
    assert s4.entity()[SUBJECT] == "CN=a"


@pytest.mark.parametrize(
    ("switch", "statuses"),
    [(Etags.REQUIRED, [428, 412, 200, 200]), (Etags.OPTIONAL, [200, 412, 200, 200]), (Etags.OFF, [200] * 4)],
)
def test_etag_guards_a_patch(scenario: Scenario, switch: Etags, statuses: list[int]) -> None:
    """A missing ETag, an old one, `*` and the one of now: entities without ETags take a patch with any."""
    s4 = scenario(etags=switch)
    old = s4.entity().get("@odata.etag", "any")
    s4.patch({"Name": "new"})
    given = [s4.patch({"Name": "new"}, if_match=tag).status_code for tag in (None, old, "*")]
    assert [*given, s4.patch({"Name": "new"}).status_code] == statuses
    has_tag = switch is not Etags.OFF
    response = s4.call("GET", f"CommunicationSystems({s4.entity()['UUID']})")
    assert ("@odata.etag" in s4.entity(), "etag" in response.headers) == (has_tag, has_tag)


def test_provider_name_is_unique(scenario: Scenario) -> None:
    """A second system with the provider name is refused, in a patch and by hand; in another block it is taken."""
    s4 = scenario()
    name = s4.entity()[PROVIDER]
    s4.emulator.create_communication_system(s4.tenant, "OTHER")
    assert error_of(s4.patch({PROVIDER: name}, "OTHER")) == (400, "CM_APS_CS/026")
    with pytest.raises(Conflict, match="is used in BTP"):
        s4.trust(NEW, "OTHER")
    assert s4.patch({PROVIDER: "other", BASE64: field_text(NEW)}, "OTHER").status_code == 200
    assert s4.accepted(OLD, NEW) == [True, False]


def test_shared_name_closes_the_gap(scenario: Scenario) -> None:
    """Where two systems may have one provider name, the tenant accepts the certificates of both."""
    s4 = scenario(provider_names=ProviderNames.SHARED)
    s4.emulator.create_communication_system(s4.tenant, "OTHER", NEW.certificate)
    assert s4.accepted(OLD, NEW) == [True, True]


def test_patch_counts_after_a_delay(scenario: Scenario) -> None:
    """A patch is shown at once, and counts after the delay; a person's change counts at once."""
    s4 = scenario(effect_delay_seconds=60)
    s4.patch({BASE64: field_text(NEW)})
    assert (s4.trusted(), s4.accepted(OLD, NEW)) == (fingerprint(NEW), [True, False])
    shown = s4.emulator.communication_system(s4.tenant, "BTP")
    assert [each.counts_already for each in shown.blocks.values()] == [False, True]
    s4.emulator.advance(60)
    assert s4.accepted(OLD, NEW) == [False, True]
    s4.trust(OLD)
    assert s4.accepted(OLD, NEW) == [True, False]


def ordinary_certificate() -> str:
    """Return a certificate such as most are: SHA-256, a positive serial number, a name with an e-mail address."""
    key = keys.generate(1024)
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "me"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.c")]
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


LARGE, ORDINARY = Signer(keys.generate(2560)).certificate, ordinary_certificate()


@pytest.mark.parametrize(
    ("profile", "certificate", "is_taken"),
    [
        (CertificateProfile.ANY, LARGE, True),
        (CertificateProfile.RSA_2048, LARGE, False),
        (CertificateProfile.RSA_2048, NEW.certificate, True),
        (CertificateProfile.SHA_256, NEW.certificate, False),
        (CertificateProfile.SHA_256, ORDINARY, True),
        (CertificateProfile.POSITIVE_SERIAL, NEW.certificate, False),
        (CertificateProfile.POSITIVE_SERIAL, ORDINARY, True),
    ],
)
def test_certificate_has_a_profile(
    scenario: Scenario, profile: CertificateProfile, certificate: str, *, is_taken: bool
) -> None:
    """A tenant may refuse large keys, SHA-512, or negative serial numbers; what stands in the field stays."""
    s4 = scenario()
    s4.emulator.set_s4_switches(s4.tenant, replace(s4.switches, certificate_profile=profile))
    text = certificate_field.encode(certificate, FieldFormat.CERTIFICATE)
    assert s4.patch({BASE64: text}).status_code == (200 if is_taken else 400)
    assert s4.trusted() == trust_certificate.fingerprint(certificate if is_taken else OLD.certificate)
    assert s4.patch({"Name": "new"}).status_code == 200


def test_key_alone_has_a_size(scenario: Scenario) -> None:
    """Where the key alone is stored, its size is all that a tenant can refuse."""
    statuses = []
    for profile in (CertificateProfile.SHA_256, CertificateProfile.RSA_2048):
        s4 = scenario(field_format=FieldFormat.KEY, certificate_profile=profile)
        text = certificate_field.encode(LARGE, FieldFormat.KEY)
        statuses.append(s4.patch({BASE64: text}).status_code)
    assert statuses == [200, 400]


def test_names_of_any_certificate(scenario: Scenario) -> None:
    """Subject and issuer name each attribute, by its number where it is a rare one."""
    s4 = scenario()
    s4.patch({BASE64: certificate_field.encode(ORDINARY, FieldFormat.CERTIFICATE)})
    assert s4.entity()[SUBJECT] == "CN=me,06092a864886f70d010901=a@b.c"
