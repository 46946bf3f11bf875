"""SAML metadata: what is written is read, and what is no metadata to sign with is told apart."""

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
    """Two certificates of one subaccount."""
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
def test_what_is_written_is_read(
    pair: tuple[Certificate, Certificate], count: int, layout: MetadataLayout, entity_id: str, key_name: str | None
) -> None:
    """Entity ID, certificates, and the layout of two, whatever the names are."""
    text = write_metadata(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)

    signers = tuple(CertificateIdentity(each.fingerprint, each.not_after) for each in pair[:count])
    assert parse_metadata(text) == Metadata(entity_id, signers, layout if count == 2 else None)
    assert parse_metadata(text).fingerprints == tuple(sorted(each.fingerprint for each in pair[:count]))


def test_the_entity_id_is_the_common_name_unless_given(pair: tuple[Certificate, Certificate]) -> None:
    """As every target wants it."""
    assert parse_metadata(write_metadata(pair)).entity_id == pair[0].issuer_name


def test_only_what_may_sign_counts(pair: tuple[Certificate, Certificate]) -> None:
    """A key to encrypt with, and one of the role of a service provider alone, is none to trust."""
    text = write_metadata(pair[:1])
    assert parse_metadata(text.replace('use="signing"', 'use="encryption"')).fingerprints == ()
    assert parse_metadata(text.replace("IDPSSODescriptor", "SPSSODescriptor")).fingerprints == ()
    assert parse_metadata(text.replace(' use="signing"', "")).fingerprints == (pair[0].fingerprint,)


@pytest.mark.parametrize(
    ("spoilt", "why"),
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
def test_what_is_no_metadata_is_refused_and_trusts_nobody(
    pair: tuple[Certificate, Certificate], spoilt: object, why: str
) -> None:
    """Whatever is in the way, an identity provider with it trusts nothing that can be told."""
    text = spoilt(write_metadata(pair))  # type: ignore[operator]
    with pytest.raises(ValueError, match=why):
        parse_metadata(text)
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={"metaDataLocation": text}).trusted == ()


def test_one_of_another_type_or_inactive_trusts_nothing(pair: tuple[Certificate, Certificate]) -> None:
    """Nor one without metadata."""
    config = {"metaDataLocation": write_metadata(pair)}
    assert IdentityProvider("1", "a", "oidc1.0", "a", active=True, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=False, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={}).trusted == ()
    assert len(IdentityProvider("1", "a", "saml", "a", active=True, config=config).trusted) == 2


SPACE = "urn:oasis:names:tc:SAML:2.0:metadata"


def entities(*documents: str, attributes: str = "") -> str:
    """An EntitiesDescriptor with these documents in it."""
    inner = "".join(re.sub(r"<\?xml.*?\?>", "", each) for each in documents)
    return f'<?xml version="1.0"?>\n<a:EntitiesDescriptor xmlns:a="{SPACE}"{attributes}>{inner}</a:EntitiesDescriptor>'


def service_provider(text: str) -> str:
    """The same entity without its role of an identity provider."""
    return re.sub(r"<md:IDPSSODescriptor.*</md:IDPSSODescriptor>", "", text, flags=re.DOTALL)


@given(depth=st.integers(1, 3), others=st.integers(0, 2), first=st.booleans(), data=st.data())
def test_the_one_identity_provider_among_entities_is_read(
    pair: tuple[Certificate, Certificate], depth: int, others: int, data: st.DataObject, *, first: bool
) -> None:
    """Whatever stands around it; service providers beside it are not asked about."""
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
    """Nobody can tell which one is meant, and their certificates together would be trusted by none of them."""
    inner = write_metadata(pair[1:], entity_id="S3CRET")
    for _ in range(depth):
        inner = entities(inner)
    with pytest.raises(ValueError, match="of 2 identity providers") as caught:
        parse_metadata(entities(write_metadata(pair[:1]), inner))
    assert "S3CRET" not in str(caught.value)


def test_entities_without_an_identity_provider_name_no_signer(pair: tuple[Certificate, Certificate]) -> None:
    """Nor do none at all."""
    assert parse_metadata(entities(service_provider(write_metadata(pair)))).signers == ()
    with pytest.raises(ValueError, match="EntityDescriptor with an entityID is missing"):
        parse_metadata(entities())


def test_an_entity_within_something_else_is_none(pair: tuple[Certificate, Certificate]) -> None:
    """Extensions may hold anything."""
    text = write_metadata(pair[:1])
    inner = re.sub(r"<\?xml.*?\?>", "", write_metadata(pair[1:]))
    hidden = text.replace(
        "<md:SPSSO", f"<md:Extensions>{entities(inner).split(chr(10), 1)[1]}</md:Extensions><md:SPSSO"
    )
    assert hidden != text
    assert parse_metadata(hidden) == parse_metadata(text)


def test_a_missing_entity_id_matters_only_where_it_is_compared(pair: tuple[Certificate, Certificate]) -> None:
    """The Destination service gives metadata without one."""
    text = re.sub(r' entityID="[^"]*"', "", write_metadata(pair))
    assert {each.fingerprint for each in parse_signers(text)} == {each.fingerprint for each in pair}
    with pytest.raises(ValueError, match="entityID"):
        parse_metadata(text)


moments = st.datetimes(datetime(1901, 1, 1), datetime(9990, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
offsets = st.none() | st.integers(-14 * 60, 14 * 60)


def date_time(moment: datetime, offset: int | None, fraction: str) -> tuple[str, datetime]:
    """An xs:dateTime, and what it is in UTC; without a zone it is UTC."""
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
def test_metadata_may_be_believed_until_the_earliest_end_around_its_keys(
    pair: tuple[Certificate, Certificate], ends: dict[str, tuple[datetime, int | None, str]], cached: str
) -> None:
    """On the entity, on what it is in, on its role; not on another role, and a duration says nothing of the end."""
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
    assert {each.valid_until for each in parse_signers(text)} == {min(limits) if limits else None}


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
def test_odd_ends_are_read(pair: tuple[Certificate, Certificate], text: str, moment: datetime) -> None:
    """A day has a 24th hour, and years may be beyond those of Python."""
    (found,) = parse_signers(
        write_metadata(pair[:1]).replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{text}"')
    )
    assert found.valid_until == moment


NO_MOMENTS = [
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


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_an_end_that_is_none_is_refused(pair: tuple[Certificate, Certificate], text: str) -> None:
    """It may be over; nobody can tell."""
    with pytest.raises(ValueError, match="validUntil that is not a date") as caught:
        parse_signers(write_metadata(pair).replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{text}"'))
    assert "S3CRET" not in str(caught.value)


def test_what_xsuaa_holds_is_trusted_whatever_its_end(pair: tuple[Certificate, Certificate]) -> None:
    """The UAA beneath it goes on with it."""
    text = write_metadata(pair).replace(
        "<md:EntityDescriptor", '<md:EntityDescriptor validUntil="2001-01-01T00:00:00Z"'
    )
    held = IdentityProvider("1", "a", "saml", "a", active=True, config={"metaDataLocation": text})
    assert held.trusted == tuple(sorted(each.fingerprint for each in pair))


@given(
    entity_id=st.none() | st.from_regex(r"[a-z][a-z0-9./:-]{0,60}", fullmatch=True),
    key_name=st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20),
    layout=st.sampled_from(MetadataLayout),
    count=st.integers(1, 2),
)
def test_what_is_written_holds_to_the_schema(
    pair: tuple[Certificate, Certificate],
    entity_id: str | None,
    key_name: str | None,
    *,
    layout: MetadataLayout,
    count: int,
) -> None:
    """OASIS' one; with a SingleSignOnService at the end, and one certificate in each X509Data."""
    assert schema_errors(write_metadata(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)) == []


def test_the_output_holds_to_the_schema(pair: tuple[Certificate, Certificate]) -> None:
    """Of either certificate."""
    assert [schema_errors(each.metadata) for each in pair] == [[], []]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda text: re.sub("<md:SingleSignOnService.*/>", "", text), id="none to log on"),
        pytest.param(lambda text: re.sub(' Location="[^"]*"', ' Location=""', text), id="nowhere to log on"),
        pytest.param(lambda text: re.sub(r"(</md:KeyD.*>)(\s*)(<md:Single.*/>)", r"\3\1", text), id="nested"),
        pytest.param(lambda text: text.replace("HTTP-POST", "SOAP"), id="another binding"),
        pytest.param(lambda text: text.replace("<X509Data>", "<X509Data><X509Data/>"), id="no schema"),
        pytest.param(
            lambda text: re.sub(r"(<X509Certificate>.*</X509Certificate>)", r"\1\1", text), id="two in one X509Data"
        ),
    ],
)
def test_the_judge_of_metadata_sees_faults(pair: tuple[Certificate, Certificate], spoilt: Callable[[str], str]) -> None:
    """Else the tests above would say nothing."""
    assert schema_errors(spoilt(write_metadata(pair[:1])))
