"""The hand-over for a target's administrator: files hold the certificates of their names, old and new stay apart."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, get_args

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from btp_trust import HandOver, Target
from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused
from btp_trust.handover.certificate_view import CertificateView
from btp_trust.handover.files import File
from btp_trust.handover.target import TargetTypeName
from btp_trust.handover.target_types import TARGET_TYPES, Capacity, FileFormat
from btp_trust.handover.tasks import Phase
from btp_trust_emulator.pki import der
from support.certificates import ISSUER, NOT_AFTER, NOT_BEFORE, certificate, moments, names, serials
from support.saml_schemas import schema_errors

NEW = certificate(5, since=NOT_BEFORE + timedelta(days=600), until=NOT_AFTER + timedelta(days=600))
OLD = certificate(-0x36C95966D3B158F7DD62)
NAMESPACES = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}

kinds = st.sampled_from(sorted(TARGET_TYPES))


def target(kind: str = "communication-system", **more: Any) -> Target:
    """Return a target with the required arguments."""
    return Target("s4-production", kind=kind, system="my300123.s4hana.cloud.sap", **more)  # type: ignore[arg-type]


def der_of(pem: str) -> bytes:
    """Return the octets between BEGIN and END."""
    begin, *lines, end = pem.splitlines()
    assert (begin, end) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    return base64.b64decode("".join(lines), validate=True)


def held_by(file: File) -> list[bytes]:
    """Return the DER of all certificates in a file, as a reader of its format finds them."""
    match file.form:
        case FileFormat.PEM:
            return [der_of(file.content)]
        case FileFormat.BODY | FileFormat.CER:
            return [base64.b64decode(file.content, validate=True)]
        case FileFormat.JSON:
            listed = json.loads(file.content)["saml2Configuration"]["certificatesForSigning"]
            return [der_of(entry["base64Certificate"]) for entry in listed]
        case FileFormat.METADATA:
            return [base64.b64decode(body, validate=True) for body in metadata_of(file.content)]


def metadata_of(content: str) -> list[str]:
    """Return the certificates in metadata, which are the same for both roles."""
    root = ET.fromstring(content.encode())  # noqa: S314 - the code under test made it
    path = "/md:KeyDescriptor[@use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate"
    provider, identity = (root.findall(f"md:{role}SSODescriptor{path}", NAMESPACES) for role in ("SP", "IDP"))
    assert [element.text for element in provider] == [element.text for element in identity]
    # The entity ID is the common name of the certificate, and any name but a URI breaks the type of that attribute.
    assert [error for error in schema_errors(content) if "'entityID'" not in error] == []
    return [element.text or "" for element in identity]


def test_all_target_types_are_described() -> None:
    """Exactly the types that a program may name are described, each with sources and an upload step."""
    assert set(get_args(TargetTypeName)) == set(TARGET_TYPES)
    assert all(kind.sources and (kind.add or kind.replace) for kind in TARGET_TYPES.values())


@given(kind=kinds, issuer=names, serial=serials, other=st.none() | serials)
@example(kind="subaccount", issuer="[", serial=1, other=2)
def test_file_holds_certificates_of_name(kind: str, issuer: str, serial: int, other: int | None) -> None:
    """Each file holds the certificates that its name says, for any serial numbers and names."""
    new, old = certificate(serial, issuer=issuer), certificate(other or 0, issuer=issuer, key=b"other key")
    made = HandOver.of(target(kind), certificate=new, replaces=None if other is None else old)
    expected = {"new": [der_of(new)], "old": [der_of(old)], "both": [der_of(new), der_of(old)]}
    assert {file.form for file in made.files} == set(TARGET_TYPES[kind].forms)
    assert {file.holds for file in made.files} >= ({"new"} if other is None else {"new", "old"})
    for file in made.files:
        assert held_by(file) == expected[file.holds]
        name, held, digits, _ = file.name.split(".")
        assert (name, held) == ("s4-production", file.holds)
        assert hashlib.sha256(expected[file.holds][0]).hexdigest().startswith(digits)


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [
        ("communication-system", "pem", r"-----BEGIN CERTIFICATE-----\n([\w+/=]{1,64}\n)+-----END CERTIFICATE-----\n"),
        ("abap-on-premise", "pem", r"-----BEGIN CERTIFICATE-----\n([\w+/=]{1,64}\n)+-----END CERTIFICATE-----\n"),
        ("successfactors", "txt", r"[\w+/=]+"),
        ("cloud-for-customer", "cer", r"[\w+/=]+"),
        ("neo", "txt", r"[\w+/=]+"),
        ("ias-application", "json", r"\{[^\0]*\}\n"),
        ("ias-identity-provider", "json", r"\{[^\0]*\}\n"),
        ("subaccount", "xml", r"<\?xml[^\0]*</md:EntityDescriptor>\n"),
    ],
)
def test_file_has_format_of_target(kind: str, name: str, shape: str) -> None:
    """Each file has the layout of its target: fields take one line, uploads a whole PEM."""
    made = HandOver.of(target(kind), certificate=NEW, replaces=OLD)
    (content,) = (file.content for file in made.files if file.name.endswith(name) and file.holds == "new")
    assert re.fullmatch(shape, content)


def test_identity_services_keep_old_default() -> None:
    """In Identity Services the old certificate stays the default, which is tried first; alone, a certificate is it."""
    made = HandOver.of(target("ias-application"), certificate=NEW, replaces=OLD)
    defaults = {
        file.holds: [
            entry["isDefault"] for entry in json.loads(file.content)["saml2Configuration"]["certificatesForSigning"]
        ]
        for file in made.files
        if file.form is FileFormat.JSON
    }
    assert defaults == {"new": [True], "old": [True], "both": [False, True]}


@given(issuer=names, key_name=names)
def test_metadata_has_entity_id_and_alias(issuer: str, key_name: str) -> None:
    """Metadata has the entity ID and, if given, the alias, with any characters."""
    pem = certificate(issuer=issuer)
    for alias in (key_name, None):
        (file,) = HandOver.of(target("subaccount", key_name=alias), certificate=pem).files
        root = ET.fromstring(file.content.encode())  # noqa: S314 - the code under test made it
        assert root.attrib["entityID"] == issuer
        assert {element.text for element in root.iter(f"{{{NAMESPACES['ds']}}}KeyName")} == {alias} - {None}


@given(serial=st.integers(-(2**159), 2**159 - 1))
def test_serial_number_has_all_readings(serial: int) -> None:
    """Signed and unsigned, decimal and hexadecimal are readings of the same octets."""
    view = CertificateView.of(parse_pem(certificate(serial)))
    unsigned = int.from_bytes(der.integer(serial)[2:], "big")
    assert int(view.serial_hexadecimal, 16) == int(view.serial_decimal) == serial
    assert int(view.serial_hexadecimal_unsigned, 16) == int(view.serial_decimal_unsigned) == unsigned
    assert (serial < 0) == view.serial_hexadecimal.startswith("-")
    assert re.fullmatch(r"-?([0-9A-F]{2})+", view.serial_hexadecimal)


def test_recorded_serial_numbers_match_tools() -> None:
    """A negative serial number of a real landscape is printed as `openssl` and Windows print it."""
    view = CertificateView.of(parse_pem(OLD))
    assert (view.serial_hexadecimal, view.serial_hexadecimal_unsigned) == (
        "-36C95966D3B158F7DD62",
        "C936A6992C4EA708229E",
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, the other reader, is not installed")
@pytest.mark.parametrize("pem", [pytest.param(NEW, id="positive"), pytest.param(OLD, id="negative")])
def test_openssl_prints_same_values(pem: str) -> None:
    """`openssl` prints the same serial number and fingerprint of the PEM file."""
    made = HandOver.of(target(), certificate=pem)
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-fingerprint", "-sha1"],
        input=made.files[0].content,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.partition("=")[2] for line in shown.splitlines()] == [made.new.serial_hexadecimal, made.new.sha1]


@given(serial=serials, since=moments, until=moments)
def test_fingerprints_and_dates_match_certificate(serial: int, since: datetime, until: datetime) -> None:
    """Fingerprints are hashes of the DER with colons; moments are UTC to the second."""
    pem = certificate(serial, since=since, until=until)
    octets = der_of(pem)
    view = CertificateView.of(parse_pem(pem))
    assert bytes.fromhex(view.sha1.replace(":", "")) == hashlib.sha1(octets).digest()  # noqa: S324 - as screens do
    assert bytes.fromhex(view.sha256.replace(":", "")) == hashlib.sha256(octets).digest()
    assert view.fingerprint == view.sha256.replace(":", "").lower()
    assert (view.not_before, view.not_after) == (f"{since:%Y-%m-%dT%H:%M:%SZ}", f"{until:%Y-%m-%dT%H:%M:%SZ}")


@given(kind=kinds, serial=serials, other=serials)
def test_old_and_new_are_distinct(kind: str, serial: int, other: int) -> None:
    """The first task adds the new certificate, the second removes the old one; attestation and page agree."""
    assume(serial != other)
    new, old = certificate(serial), certificate(other)
    made = HandOver.of(target(kind), certificate=new, replaces=old)
    views = {"new": CertificateView.of(parse_pem(new)), "old": CertificateView.of(parse_pem(old))}
    assert (made.new, made.old) == (views["new"], views["old"])
    assert f"It must be: valid to {views['new'].not_after}, SHA-1 {views['new'].sha1}" in made.upload.checks[0]
    assert not any(views["old"].sha1 in check for check in made.upload.checks)
    removes = made.after_retirement.steps
    if made.holds is Capacity.ONE:
        assert not any(views[which].sha1 in step for step in removes for which in views)
        assert made.attestation is None
    else:
        (goes,) = (step for step in removes if step.startswith("The one that goes"))
        (stays,) = (step for step in removes if step.startswith("The one that stays"))
        assert (views["old"].sha1 in goes, views["new"].sha1 in goes) == (True, False)
        assert (views["old"].sha1 in stays, views["new"].sha1 in stays) == (False, True)
        assert made.attestation is not None
        assert yaml.safe_load(made.attestation.content)["fingerprint"] == views["new"].fingerprint
    header = next(line for line in made.page.splitlines() if "New: hand over" in line)
    sha1 = next(line for line in made.page.splitlines() if line.startswith("| SHA-1 "))
    assert [cell.strip() for cell in header.split("|")[2:4]] == ["New: hand over", "Old: signs until the swap"]
    assert [cell.strip(" `") for cell in sha1.split("|")[2:4]] == [views["new"].sha1, views["old"].sha1]


@pytest.mark.parametrize("kind", sorted(TARGET_TYPES))
@pytest.mark.parametrize("replaces", [pytest.param(OLD, id="before"), pytest.param(NEW, id="signs"), None])
def test_texts_name_existing_files(kind: str, replaces: str | None) -> None:
    """All placeholders are filled in, and each file that a text names is one of the hand-over."""
    made = HandOver.of(target(kind), certificate=NEW, replaces=replaces)
    texts = [
        *(entry.value for entry in made.values),
        *made.upload.steps,
        *made.upload.checks,
        *made.after_retirement.steps,
        made.page,
    ]
    assert not any("{" in text or "}" in text for text in texts)
    named = set(re.findall(r"s4-production\.\w+\.\w{8}\.\w+", " ".join(texts)))
    assert named <= {file.name for file in made.files}
    assert any("new" in name or "both" in name for name in named)
    assert made.issuer_name == ISSUER


def test_single_slot_waits_for_swap() -> None:
    """A target with room for one certificate waits for the swap; attestation and removal are left out."""
    made = HandOver.of(target("successfactors"), certificate=NEW, replaces=OLD)
    assert made.holds is Capacity.ONE
    assert "not earlier" in made.upload.when
    assert any(step.startswith("Wait for the swap. Replace") for step in made.upload.steps)
    (rollback_step,) = (step for step in made.upload.steps if "the swap is undone" in step)
    assert next(file.name for file in made.files if file.holds == "old") in rollback_step
    assert made.attestation is None
    assert made.after_retirement.steps == ("There is nothing to remove: the new certificate has replaced the old one.",)
    assert "nothing to attest" in made.page


@pytest.mark.parametrize("kind", [name for name, kind in TARGET_TYPES.items() if kind.holds is Capacity.UNKNOWN])
def test_unknown_capacity_is_a_step(kind: str) -> None:
    """The steps ask to find out an unknown capacity; with `holds=` they know it."""
    unknown, one, two = (
        HandOver.of(target(kind, holds=holds), certificate=NEW, replaces=OLD) for holds in (None, 1, 2)
    )
    assert [made.holds for made in (unknown, one, two)] == [Capacity.UNKNOWN, Capacity.ONE, Capacity.TWO]
    assert any("It is not known" in step for step in unknown.upload.steps)
    assert "| Certificates that fit | unknown " in unknown.page
    assert not any("not known" in step for made in (one, two) for step in made.upload.steps)
    assert any(step.startswith("If it cannot: leave it as it is") for step in unknown.upload.steps)
    assert unknown.after_retirement.steps[0].startswith("If it has both")
    assert [any("swap is undone" in step for step in made.upload.steps) for made in (unknown, one, two)] == [
        True,
        True,
        False,
    ]
    assert all(".both." not in text for text in (*one.upload.steps, *(entry.value for entry in one.values)))


def test_same_program_after_swap() -> None:
    """After the swap `replaces` is the certificate itself, and the hand-over says that it signs."""
    made = HandOver.of(target(), certificate=NEW, replaces=NEW, upload_by="2028-10-31")
    assert (made.phase, made.old, made.upload_by) == (Phase.SIGNS, None, None)
    assert "at once" in made.upload.when
    assert {file.holds for file in made.files} == {"new"}
    assert not any("wait for the swap" in step.lower() for step in made.upload.steps)
    assert any("any other than" in step for step in made.after_retirement.steps)
    assert "signs already" in made.page


def test_single_certificate_has_no_comparison() -> None:
    """A hand-over of one certificate compares nothing and follows the given day."""
    made = HandOver.of(target(), certificate=NEW)
    assert (made.phase, made.old, made.upload_by) == (Phase.UNCOMPARED, None, None)
    assert made.upload.when.startswith("Before the certificate signs")
    assert "is not the one to hand over" in made.page
    assert HandOver.of(target(), certificate=NEW, upload_by="2028-10-31").upload_by == "2028-10-31"


@given(made=moments, hours=st.integers(-1000, 20_000), margin=st.integers(0, 600))
def test_deadline_leaves_margin_and_time(made: datetime, hours: int, margin: int) -> None:
    """The last day is `margin_days` before the expiry, but at most half of the available time."""
    expires = made + timedelta(hours=hours)
    new, old = certificate(2, since=made, until=made + timedelta(days=730)), certificate(until=expires)
    deadline = HandOver.of(target(), certificate=new, replaces=old, margin_days=margin).upload_by
    if expires < made:
        expected = expires
    elif expires - made < 2 * timedelta(days=margin):
        expected = made + (expires - made) / 2
    else:
        expected = expires - timedelta(days=margin)
    assert deadline == f"{expected:%Y-%m-%d}"


@pytest.mark.parametrize("given_day", [date(2028, 10, 31), "2028-10-31", datetime(2028, 10, 31, 9)])  # noqa: DTZ001
def test_given_day_is_deadline(given_day: date | str) -> None:
    """A given day is the last day, on the page too."""
    made = HandOver.of(target(), certificate=NEW, replaces=OLD, upload_by=given_day)
    assert made.upload_by == "2028-10-31"
    assert "by 2028-10-31" in made.upload.when


def test_older_certificate_is_noticed() -> None:
    """A new certificate that expires before the old one is a rollback or a mix-up: the page asks to look twice."""
    usual = HandOver.of(target(), certificate=NEW, replaces=OLD)
    unusual = HandOver.of(target(), certificate=OLD, replaces=NEW)
    assert usual.notices == ()
    assert "Look twice" not in usual.page
    (notice,) = unusual.notices
    assert "2028-11-29" in notice
    assert "**Look twice:**" in unusual.page


def test_attestation_lacks_person_and_date() -> None:
    """The attestation is complete except for person and date; all its keys are texts in YAML 1.1."""
    made = HandOver.of(target(ticket='CHG "4711": #1'), certificate=NEW)
    assert made.attestation is not None
    assert made.attestation.path == "trust/s4-production.yaml"
    assert yaml.safe_load(made.attestation.content) == {
        "fingerprint": parse_pem(NEW).fingerprint,
        "by": None,
        "on": None,
        "ticket": 'CHG "4711": #1',
    }
    filled = re.sub(r'(?m)^(by|"on"):', r"\1: 2028-11-20", made.attestation.content)
    assert yaml.safe_load(filled)["on"] == date(2028, 11, 20)


@given(kind=kinds, owner=st.none() | names, ticket=st.none() | names)
def test_plain_data_round_trips(kind: str, owner: str | None, ticket: str | None) -> None:
    """Plain data survives JSON, as `pulumi stack output` writes it, with its page."""
    made = HandOver.of(target(kind, owner=owner, ticket=ticket), certificate=NEW, replaces=OLD)
    data = json.loads(json.dumps(made.to_dict()))
    assert data["page"] == made.page
    assert HandOver.from_dict(data) == made


def test_floats_are_read_as_integers() -> None:
    """Whole numbers are read from floats, which Pulumi's wire makes of them."""
    made = HandOver.of(target(holds=2), certificate=NEW)
    data = made.to_dict()
    data["target"]["holds"] = 2.0
    assert HandOver.from_dict(data).target.holds == 2


@pytest.mark.parametrize(
    ("prop", "arguments"),
    [
        ("name", {"name": "../elsewhere"}),
        ("name", {"name": ""}),
        ("name", {"name": 5}),
        ("kind", {"kind": "s4"}),
        ("system", {"system": " "}),
        ("system", {"system": None}),
        ("entry", {"entry": "two\nlines"}),
        ("owner", {"owner": ""}),
        ("ticket", {"ticket": 4711}),
        ("client", {"client": 100}),
        ("client", {"client": "1000"}),
        ("client", {"client": "100", "kind": "neo"}),
        ("holds", {"holds": 3}),
        ("holds", {"holds": 2, "kind": "successfactors"}),
        ("key_name", {"key_name": "alias"}),
        ("key_name", {"key_name": "", "kind": "subaccount"}),
    ],
)
def test_invalid_target_is_refused(prop: str, arguments: Mapping[str, Any]) -> None:
    """An invalid target is refused in three parts with the argument's name."""
    usual = {"name": "s4", "kind": "communication-system", "system": "my300123"}
    with pytest.raises(Refused) as caught:
        Target(**{**usual, **arguments})
    assert caught.value.prop == prop
    assert all((caught.value.what, caught.value.why, caught.value.remedy))
    assert prop in caught.value.what


@pytest.mark.parametrize(
    ("prop", "arguments"),
    [
        ("certificate", {"certificate": "no PEM"}),
        ("certificate", {"certificate": None}),
        ("replaces", {"replaces": NEW.replace("MII", "AAA")}),
        ("replaces", {"replaces": certificate(issuer="cfapps.eu10.hana.ondemand.com/other")}),
        ("upload_by", {"upload_by": "31.10.2028"}),
        ("upload_by", {"upload_by": 20281031}),
        ("margin_days", {"margin_days": -1}),
    ],
)
def test_invalid_argument_is_refused(prop: str, arguments: dict[str, Any]) -> None:
    """Unreadable certificates, two issuers, and invalid days are refused with the argument's name."""
    with pytest.raises(Refused) as caught:
        HandOver.of(target(), **{"certificate": NEW, "replaces": OLD, **arguments})
    assert caught.value.prop == prop
    assert all((caught.value.what, caught.value.why, caught.value.remedy))


@pytest.mark.parametrize("data", [{}, {"target": {}}, {"page": "# Give"}])
def test_other_mapping_is_refused(data: dict[str, Any]) -> None:
    """Another mapping is refused with the name of the missing part."""
    with pytest.raises(Refused, match="This is not a hand-over") as caught:
        HandOver.from_dict(data)
    assert "missing" in caught.value.why


def test_certificate_may_lack_subject() -> None:
    """A certificate that lacks a subject is handed over with a placeholder for the issuer."""
    made = HandOver.of(target("subaccount"), certificate=certificate(1, issuer=""))
    assert made.issuer_name == ""
    assert "the issuer of your assertions" in made.page
    other = HandOver.of(target(), certificate=certificate(1, issuer=""))
    assert any("the issuer of your assertions" in value.value for value in other.values)


def test_page_and_attestation_name_subaccount() -> None:
    """An administrator reads whose certificate it is; a name that would break the page is refused."""
    label = "acme-prod (1a2b3c4d)"
    made = HandOver.of(target(), certificate=NEW, subaccount=label)
    assert f"The subaccount {label}, `" in made.page
    assert made.attestation is not None
    assert made.attestation.content.splitlines()[0].count(label) == 1
    assert HandOver.from_dict(made.to_dict()).subaccount == label
    for name in ("", " ", "a\nb", 7):
        with pytest.raises(Refused, match="`subaccount` cannot be"):
            HandOver.of(target(), certificate=NEW, subaccount=name)  # type: ignore[arg-type]
