"""SAML metadata: written metadata is read, and other documents are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate, CertificateIdentity, parse_pem
from btp_trust.saml.metadata import (
    IdentityProvider,
    Metadata,
    MetadataLayout,
    parse_metadata,
    parse_signers,
    write_metadata,
)
from btp_trust_emulator import Emulator
from support.saml_schemas import schema_errors


@pytest.fixture(scope="module")
def pair() -> tuple[Certificate, Certificate]:
    """Return two certificates of one subaccount."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        emulator.generate_passive(guid)
        active, passive = emulator.certificates(guid)
        return parse_pem(str(active)), parse_pem(str(passive))


@given(
    count=st.sampled_from([1, 2]),
    layout=st.sampled_from(MetadataLayout),
    entity_id=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1),
    key_name=st.none() | st.just("<alias> & more"),
)
def test_written_metadata_is_read(
    pair: tuple[Certificate, Certificate], count: int, layout: MetadataLayout, entity_id: str, key_name: str | None
) -> None:
    """Entity ID, certificates and the layout of two survive, for any names."""
    text = write_metadata(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)

    signers = tuple(CertificateIdentity(certificate.fingerprint, certificate.not_after) for certificate in pair[:count])
    assert parse_metadata(text) == Metadata(entity_id, signers, layout if count == 2 else None)
    assert parse_metadata(text).fingerprints == tuple(sorted(certificate.fingerprint for certificate in pair[:count]))


def test_entity_id_defaults_to_common_name(pair: tuple[Certificate, Certificate]) -> None:
    """Without `entity_id`, the entity ID is the issuer name of the first certificate."""
    assert parse_metadata(write_metadata(pair)).entity_id == pair[0].issuer_name


def test_only_signing_certificates_count(pair: tuple[Certificate, Certificate]) -> None:
    """Encryption certificates, and those of a service provider, are left out."""
    text = write_metadata(pair[:1])
    assert parse_metadata(text.replace('use="signing"', 'use="encryption"')).fingerprints == ()
    assert parse_metadata(text.replace("IDPSSODescriptor", "SPSSODescriptor")).fingerprints == ()
    assert parse_metadata(text.replace(' use="signing"', "")).fingerprints == (pair[0].fingerprint,)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[:-20], "as XML"),
        (lambda text: "\ud800" + text, "as XML"),
        (lambda _: "https://idp.example.com/metadata", "as XML"),
        (lambda text: text.replace("<md:Entity", "<!DOCTYPE x><md:Entity", 1), "document type"),
        (lambda text: text.replace("entityID", "id", 1), "EntityDescriptor with an entityID is missing"),
        (
            lambda text: text.replace("EntityDescriptor", "EntitiesDescriptor"),
            "EntityDescriptor with an entityID is missing",
        ),
        (lambda text: text.replace("<X509Certificate>", "<X509Certificate>AAAA"), "X509Certificate that is unreadable"),
        (lambda text: text.replace("<X509Certificate>", "<X509Certificate>*"), "X509Certificate that is unreadable"),
    ],
)
def test_invalid_metadata_trusts_no_certificate(pair: tuple[Certificate, Certificate], spoil: object, why: str) -> None:
    """Unreadable metadata is refused for its reason, and an identity provider with it trusts nothing."""
    text = spoil(write_metadata(pair))  # type: ignore[operator]
    with pytest.raises(ValueError, match=why):
        parse_metadata(text)
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={"metaDataLocation": text}).trusted == ()


def test_inactive_provider_trusts_no_certificate(pair: tuple[Certificate, Certificate]) -> None:
    """Identity providers that are inactive, of another type, or lack metadata trust nothing."""
    config = {"metaDataLocation": write_metadata(pair)}
    assert IdentityProvider("1", "a", "oidc1.0", "a", active=True, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=False, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={}).trusted == ()
    assert len(IdentityProvider("1", "a", "saml", "a", active=True, config=config).trusted) == 2


SPACE = "urn:oasis:names:tc:SAML:2.0:metadata"


def entities(*documents: str, attributes: str = "") -> str:
    """Return an EntitiesDescriptor with these documents in it."""
    inner = "".join(re.sub(r"<\?xml.*?\?>", "", document) for document in documents)
    return f'<?xml version="1.0"?>\n<a:EntitiesDescriptor xmlns:a="{SPACE}"{attributes}>{inner}</a:EntitiesDescriptor>'


def service_provider(text: str) -> str:
    """Return the same entity without its role of an identity provider."""
    return re.sub(r"<md:IDPSSODescriptor.*</md:IDPSSODescriptor>", "", text, flags=re.DOTALL)


@given(depth=st.integers(1, 3), others=st.integers(0, 2), first=st.booleans(), data=st.data())
def test_identity_provider_among_entities_is_read(
    pair: tuple[Certificate, Certificate], depth: int, others: int, data: st.DataObject, *, first: bool
) -> None:
    """The only identity provider is read from any nesting of EntitiesDescriptors, among any service providers."""
    layout = data.draw(st.sampled_from(MetadataLayout))
    alone = write_metadata(pair, layout=layout)
    beside = [service_provider(write_metadata(pair[1:], entity_id=f"other {number}")) for number in range(others)]
    text = entities(*([alone, *beside] if first else [*beside, alone]))
    for _ in range(depth - 1):
        text = entities(text)
    assert parse_metadata(text) == parse_metadata(alone)
    assert parse_signers(text) == parse_signers(alone)


@given(depth=st.integers(0, 2))
def test_several_identity_providers_are_refused(pair: tuple[Certificate, Certificate], depth: int) -> None:
    """Metadata of two identity providers is ambiguous, and refused without being quoted."""
    inner = write_metadata(pair[1:], entity_id="S3CRET")
    for _ in range(depth):
        inner = entities(inner)
    with pytest.raises(ValueError, match="of 2 identity providers") as caught:
        parse_metadata(entities(write_metadata(pair[:1]), inner))
    assert "S3CRET" not in str(caught.value)


def test_service_providers_name_no_signer(pair: tuple[Certificate, Certificate]) -> None:
    """Service providers alone have no signing certificates; an empty EntitiesDescriptor is refused."""
    assert parse_metadata(entities(service_provider(write_metadata(pair)))).signers == ()
    with pytest.raises(ValueError, match="EntityDescriptor with an entityID is missing"):
        parse_metadata(entities())


def test_entity_within_extensions_is_ignored(pair: tuple[Certificate, Certificate]) -> None:
    """An EntityDescriptor inside of Extensions is ignored."""
    text = write_metadata(pair[:1])
    inner = re.sub(r"<\?xml.*?\?>", "", write_metadata(pair[1:]))
    hidden = text.replace(
        "<md:SPSSO", f"<md:Extensions>{entities(inner).split(chr(10), 1)[1]}</md:Extensions><md:SPSSO"
    )
    assert hidden != text
    assert parse_metadata(hidden) == parse_metadata(text)


def test_entity_id_is_optional_for_signers(pair: tuple[Certificate, Certificate]) -> None:
    """`parse_signers` reads metadata that lacks the entityID, as the Destination service sends it."""
    text = re.sub(r' entityID="[^"]*"', "", write_metadata(pair))
    signers = parse_signers(text)
    assert {signer.fingerprint for signer in signers} == {certificate.fingerprint for certificate in pair}
    with pytest.raises(ValueError, match="entityID"):
        parse_metadata(text)


moments = st.datetimes(datetime(1901, 1, 1), datetime(9990, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
offsets = st.none() | st.integers(-14 * 60, 14 * 60)


def date_time(moment: datetime, offset: int | None, fraction: str) -> tuple[str, datetime]:
    """Return an xs:dateTime, and the same moment in UTC, the default zone."""
    zone = "" if offset is None else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    utc = moment.replace(tzinfo=timezone(timedelta(minutes=offset or 0))).astimezone(UTC)
    return f"{moment.isoformat()}{fraction}{zone or ('Z' if offset == 0 else '')}", utc


@given(
    ends=st.dictionaries(
        st.sampled_from(["EntitiesDescriptor", "EntityDescriptor", "IDPSSODescriptor", "SPSSODescriptor", "Other"]),
        st.tuples(moments, offsets, st.sampled_from(["", ".5", ".123456789"])),
        max_size=5,
    ),
    cached=st.sampled_from(["", ' cacheDuration="PT1H"']),
)
def test_earliest_valid_until_counts(
    pair: tuple[Certificate, Certificate], ends: dict[str, tuple[datetime, int | None, str]], cached: str
) -> None:
    """The earliest `validUntil` of entity, role and EntitiesDescriptor limits the certificates; others are ignored."""
    written = {name: date_time(*end) for name, end in ends.items()}

    def attributes(name: str) -> str:
        return f' validUntil=" {written[name][0]} "{cached}' if name in written else cached

    text = entities(write_metadata(pair), attributes=attributes("EntitiesDescriptor"))
    for name in ("EntityDescriptor", "IDPSSODescriptor", "SPSSODescriptor"):
        text = text.replace(f"<md:{name} ", f"<md:{name}{attributes(name)} ")
    text = text.replace("<X509Data>", f"<X509Data{attributes('Other')}>")
    limits = [
        written[name][1] for name in ("EntitiesDescriptor", "EntityDescriptor", "IDPSSODescriptor") if name in ends
    ]
    assert {signer.valid_until for signer in parse_signers(text)} == {min(limits) if limits else None}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2028-02-29T24:00:00Z", datetime(2028, 3, 1, tzinfo=UTC)),
        ("12028-01-01T00:00:00Z", datetime(9999, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", datetime(9999, 1, 1, tzinfo=UTC)),
        ("-0044-03-15T12:00:00Z", datetime(1900, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1900, 1, 1, tzinfo=UTC)),
    ],
)
def test_odd_valid_until_is_read(pair: tuple[Certificate, Certificate], text: str, moment: datetime) -> None:
    """Hour 24 and years beyond those of Python are read."""
    (signer,) = parse_signers(
        write_metadata(pair[:1]).replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{text}"')
    )
    assert signer.valid_until == moment


MALFORMED_TIMES = [
    "",
    "S3CRET",
    "2028-11-20",
    "2028-13-01T00:00:00Z",
    "2028-02-30T00:00:00Z",
    "2028-11-20T00:00:00+25:00",
    "2028-11-20T00:00:00 CET",
    "20281120T000000Z",
    "2028-11-20T00:00Z",
    "\u0662028-11-20T00:00:00Z",
]


@pytest.mark.parametrize("text", MALFORMED_TIMES)
def test_malformed_valid_until_is_refused(pair: tuple[Certificate, Certificate], text: str) -> None:
    """A malformed `validUntil` is refused, for the metadata may be expired."""
    with pytest.raises(ValueError, match="validUntil that is not a date") as caught:
        parse_signers(write_metadata(pair).replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{text}"'))
    assert "S3CRET" not in str(caught.value)


def test_expired_metadata_in_xsuaa_is_trusted(pair: tuple[Certificate, Certificate]) -> None:
    """Certificates in an identity provider count as trusted after `validUntil`, as in the open-source UAA."""
    text = write_metadata(pair).replace(
        "<md:EntityDescriptor", '<md:EntityDescriptor validUntil="2001-01-01T00:00:00Z"'
    )
    provider = IdentityProvider("1", "a", "saml", "a", active=True, config={"metaDataLocation": text})
    assert provider.trusted == tuple(sorted(certificate.fingerprint for certificate in pair))


@given(
    entity_id=st.none() | st.from_regex(r"[a-z][a-z0-9./:-]{0,60}", fullmatch=True),
    key_name=st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20),
    layout=st.sampled_from(MetadataLayout),
    count=st.integers(1, 2),
)
def test_written_metadata_follows_schema(
    pair: tuple[Certificate, Certificate],
    entity_id: str | None,
    key_name: str | None,
    *,
    layout: MetadataLayout,
    count: int,
) -> None:
    """Metadata for any names, layouts and counts follows OASIS' schema."""
    assert schema_errors(write_metadata(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)) == []


def test_output_follows_schema(pair: tuple[Certificate, Certificate]) -> None:
    """The output `metadata` of either certificate follows the schema."""
    assert [schema_errors(certificate.metadata) for certificate in pair] == [[], []]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: re.sub("<md:SingleSignOnService.*/>", "", text), id="SingleSignOnService missing"),
        pytest.param(lambda text: re.sub(' Location="[^"]*"', ' Location=""', text), id="empty Location"),
        pytest.param(lambda text: re.sub(r"(</md:KeyD.*>)(\s*)(<md:Single.*/>)", r"\3\1", text), id="nested"),
        pytest.param(lambda text: text.replace("HTTP-POST", "SOAP"), id="another binding"),
        pytest.param(lambda text: text.replace("<X509Data>", "<X509Data><X509Data/>"), id="X509Data nested"),
        pytest.param(
            lambda text: re.sub(r"(<X509Certificate>.*</X509Certificate>)", r"\1\1", text), id="two in one X509Data"
        ),
    ],
)
def test_schema_check_finds_faults(pair: tuple[Certificate, Certificate], spoil: Callable[[str], str]) -> None:
    """The schema check of these tests finds each fault."""
    assert schema_errors(spoil(write_metadata(pair[:1])))
