"""SAML metadata: what is written is read, and what is no metadata to sign with is told apart."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import faults

from btp_trust.certificate import Certificate, Identity, parse_pem
from btp_trust.saml import IdentityProvider, Layout, Metadata, read, write
from btp_trust_emulator import Emulator


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
    layout=st.sampled_from(Layout),
    entity_id=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1),
    key_name=st.none() | st.just("<alias> & more"),
)
def test_what_is_written_is_read(
    pair: tuple[Certificate, Certificate], count: int, layout: Layout, entity_id: str, key_name: str | None
) -> None:
    """Entity ID, certificates, and the layout of two, whatever the names are."""
    text = write(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)

    signers = tuple(Identity(each.fingerprint, each.not_after) for each in pair[:count])
    assert read(text) == Metadata(entity_id, signers, layout if count == 2 else None)
    assert read(text).fingerprints == tuple(sorted(each.fingerprint for each in pair[:count]))


def test_the_entity_id_is_the_common_name_unless_given(pair: tuple[Certificate, Certificate]) -> None:
    """As every target wants it."""
    assert read(write(pair)).entity_id == pair[0].issuer_name


def test_only_what_may_sign_counts(pair: tuple[Certificate, Certificate]) -> None:
    """A key to encrypt with, and one of the role of a service provider alone, is none to trust."""
    text = write(pair[:1])
    assert read(text.replace('use="signing"', 'use="encryption"')).fingerprints == ()
    assert read(text.replace("IDPSSODescriptor", "SPSSODescriptor")).fingerprints == ()
    assert read(text.replace(' use="signing"', "")).fingerprints == (pair[0].fingerprint,)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda text: text[:-20], "as XML"),
        (lambda text: "\ud800" + text, "as XML"),
        (lambda _: "https://idp.example.com/metadata", "as XML"),
        (lambda text: text.replace("<md:Entity", "<!DOCTYPE x><md:Entity", 1), "document type"),
        (lambda text: text.replace("entityID", "id", 1), "no EntityDescriptor"),
        (lambda text: text.replace("EntityDescriptor", "EntitiesDescriptor"), "no EntityDescriptor"),
        (lambda text: text.replace("<X509Certificate>", "<X509Certificate>AAAA"), "X509Certificate that is none"),
        (lambda text: text.replace("<X509Certificate>", "<X509Certificate>*"), "X509Certificate that is none"),
    ],
)
def test_what_is_no_metadata_is_refused_and_trusts_nobody(
    pair: tuple[Certificate, Certificate], spoilt: object, why: str
) -> None:
    """Whatever is in the way, an identity provider with it trusts nothing that can be told."""
    text = spoilt(write(pair))  # type: ignore[operator]
    with pytest.raises(ValueError, match=why):
        read(text)
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={"metaDataLocation": text}).trusted == ()


def test_one_of_another_type_or_inactive_trusts_nothing(pair: tuple[Certificate, Certificate]) -> None:
    """Nor one without metadata."""
    config = {"metaDataLocation": write(pair)}
    assert IdentityProvider("1", "a", "oidc1.0", "a", active=True, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=False, config=config).trusted == ()
    assert IdentityProvider("1", "a", "saml", "a", active=True, config={}).trusted == ()
    assert len(IdentityProvider("1", "a", "saml", "a", active=True, config=config).trusted) == 2


@given(
    entity_id=st.none() | st.from_regex(r"[a-z][a-z0-9./:-]{0,60}", fullmatch=True),
    key_name=st.none() | st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20),
    layout=st.sampled_from(Layout),
    count=st.integers(1, 2),
)
def test_what_is_written_holds_to_the_schema(
    pair: tuple[Certificate, Certificate], entity_id: str | None, key_name: str | None, *, layout: Layout, count: int
) -> None:
    """OASIS' one; with a SingleSignOnService at the end, and one certificate in each X509Data."""
    assert faults(write(pair[:count], entity_id=entity_id, key_name=key_name, layout=layout)) == []


def test_the_output_holds_to_the_schema(pair: tuple[Certificate, Certificate]) -> None:
    """Of either certificate."""
    assert [faults(each.metadata) for each in pair] == [[], []]


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
    assert faults(spoilt(write(pair[:1])))
