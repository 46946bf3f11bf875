"""The certificate field: three formats, compared and written; anything else has an identity of its own."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.certificate import parse_pem
from btp_trust.service.certificate_field import (
    FieldFormat,
    describe,
    encode,
    identity,
    is_same,
    parse_field,
    tell_format,
    trusts,
)
from support import certificates

OURS, OTHER = (parse_pem(certificates.certificate(number, key=b"k%d" % number)) for number in (1, 2))
RENEWED = parse_pem(certificates.certificate(3, key=b"k1"))
"""Another certificate of the same key."""


@pytest.mark.parametrize("format_", FieldFormat)
def test_text_shows_its_format(format_: FieldFormat) -> None:
    """What is written in a format is read as that format, and as this certificate alone."""
    field = encode(OURS, format_)
    assert "\n" not in field
    assert tell_format(field) is format_
    assert trusts(field, OURS)
    assert not trusts(field, OTHER)
    content = parse_field(field)
    assert content is not None
    assert (content.not_after is None) is (format_ is FieldFormat.KEY)
    expected = OURS.key_identity if format_ is FieldFormat.KEY else OURS.fingerprint
    assert identity(field) == content.identity == expected
    assert describe(field) == expected[: 12 if format_ is FieldFormat.KEY else 8]


def test_key_stands_for_certificates_of_it() -> None:
    """A field with the key alone trusts each certificate of this key; one with the certificate trusts only that."""
    assert trusts(encode(OURS, FieldFormat.KEY), RENEWED)
    assert not trusts(encode(OURS, FieldFormat.CERTIFICATE), RENEWED)


def test_formats_of_a_certificate_are_same() -> None:
    """A service may store another format than it was sent; another certificate is another one, its key is not."""
    texts = [encode(OURS, format_) for format_ in FieldFormat]
    assert all(is_same(one, other) for one in texts for other in texts)
    others = ["", "who knows", *(encode(OTHER, format_) for format_ in FieldFormat)]
    assert not any(is_same(one, other) or is_same(other, one) for one in texts for other in others)
    assert [is_same(text, encode(RENEWED, FieldFormat.CERTIFICATE)) for text in texts] == [False, False, True]
    assert is_same("", " ")
    assert is_same("who knows", "who knows")


@pytest.mark.parametrize("text", [OURS.pem, OURS.pem.replace("\n", "\r\n"), f" {OURS.pem.replace(chr(10), '')} "])
def test_pem_in_lines_is_read(text: str) -> None:
    """PEM is read on one line or several."""
    assert (tell_format(text), identity(text)) == (FieldFormat.PEM, OURS.fingerprint)


def test_wrapped_base64_is_certificate() -> None:
    """A body in lines of 64 columns is the certificate as well."""
    body = "".join(OURS.pem.splitlines(keepends=True)[1:-1])
    assert (tell_format(body), identity(body)) == (FieldFormat.CERTIFICATE, OURS.fingerprint)


@given(
    st.text().filter(str.strip)
    | st.binary(min_size=1, max_size=40).map(lambda octets: base64.b64encode(octets).decode())
)
def test_unreadable_text_has_own_identity(field: str) -> None:
    """Any other text equals itself alone, and trusts the empty set."""
    assert tell_format(field) is None
    assert identity(field) == identity(field) != identity(f"{field}x")
    assert not trusts(field, OURS)
    assert describe(field) == "an unreadable text"


@pytest.mark.parametrize("pem", ["-----BEGIN CERTIFICATE-----AAAA-----END CERTIFICATE-----"])
def test_damaged_pem_is_unreadable(pem: str) -> None:
    """PEM around something else is unreadable."""
    assert tell_format(pem) is None


@pytest.mark.parametrize("field", ["", " ", "\n"])
def test_empty_field_trusts_nothing(field: str) -> None:
    """An empty field has an empty identity."""
    assert (identity(field), tell_format(field), describe(field)) == ("", None, "no certificate")


def test_names_are_rfc4514() -> None:
    """The names that are written beside the field are whole."""
    assert OURS.names == (f"CN={certificates.ISSUER}",) * 2
