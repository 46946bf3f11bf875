"""Redaction: private data is replaced in every context, and the rest of the text stays."""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from btp_trust.service.transport.redaction import MAX_LENGTH, REDACTED, redact, user_identifiers

REFUSED = (
    "Retrieval of OAuthToken failed due to: Unable to fetch refresh token from the specified token service URL. "
    'Response was: {"error":"invalid_grant","error_description":"No trusted certificate for SAML authentication found"}'
)
CLAIMS = {
    "sub": "4711-0815",
    "user_name": "Jane.Roe",
    "email": "jane.roe@corp.example",
    "given_name": "Jane",
    "xs.user.attributes": {"costcentre": ["K-77"]},
    "iss": "https://uaa.example",
    "ext_attr": {"enhancer": "XSUAA"},
    "scope": ["openid"],
    "iat": 1_800_000_000,
}


def jwt(claims: object) -> str:
    """Return a token with these claims."""
    parts = ({"alg": "RS256"}, claims, "signature-of-the-token")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


USER = user_identifiers(jwt(CLAIMS), ["pass word"])
words = st.text(string.ascii_letters + string.digits, min_size=8, max_size=30)
around = st.text(max_size=40)
ESCAPES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": lambda text: json.dumps(text)[1:-1].replace("@", "\\u0040"),
    "in HTML": lambda text: html.escape(text).replace("@", "&#64;"),
    "in a URL": lambda text: quote(text, safe=""),
    "twice in a URL": lambda text: quote(quote(text, safe=""), safe=""),
}


def test_rejection_stays_readable() -> None:
    """All words of a rejection help people, so they are left as they are."""
    for text in (REFUSED, "HTTP status 401 (Unauthorized): user does not exist"):
        assert redact(text, USER) == text


@pytest.mark.parametrize("known", ["4711-0815", "Jane.Roe", "jane.roe", "jane", "K-77", "pass word", jwt(CLAIMS)])
@pytest.mark.parametrize("escape", ESCAPES)
def test_known_identifiers_are_redacted(known: str, escape: str) -> None:
    """Identifiers are found in capitals, inside of longer names, and in each escape."""
    for text in (known, known.upper(), f"CORP_{known}", f"CORP\\{known}", f"({known})", f"'{known}'"):
        redacted = redact(f"No user {ESCAPES[escape](text)} in client 100", USER).lower()
        assert known.lower() not in redacted
        assert known.lower().split(".")[-1] not in redacted


@given(around, around, st.builds("{}@{}.example".format, words, words), st.sampled_from(sorted(ESCAPES)))
def test_addresses_are_redacted(before: str, after: str, address: str, escape: str) -> None:
    """An e-mail address of an unknown user is redacted."""
    assume(address.partition("@")[0] not in before + after)
    redacted = redact(f"{before} {ESCAPES[escape](address)} {after}")
    assert address not in redacted
    assert address.partition("@")[0] not in redacted


@given(around, around, st.binary(min_size=24, max_size=3000), st.booleans())
def test_tokens_and_assertions_are_redacted(before: str, after: str, octets: bytes, lines: bool) -> None:  # noqa: FBT001
    """Base64 and base64url are redacted, in one line or many, also with the escapes of JSON."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        plain = encode(octets).decode()
        written = base64.encodebytes(octets).decode() if lines else plain
        for text in (written, json.dumps(written)[1:-1], quote(written)):
            redacted = redact(f"{before} {text} {after}")
            pieces = (plain[start : start + 12] for start in range(0, len(plain) - 12, 12))
            assert not any(piece in redacted for piece in pieces if piece not in before + after)


@given(around, words, around)
def test_markup_is_redacted(before: str, name: str, after: str) -> None:
    """A page or an assertion in the text is redacted, complete or truncated."""
    assume(name not in before + after)
    body = f'<saml:NameID Format="x">{name}</saml:NameID>'
    for text in (f"{body}", f"<html>{body}", f'<Response Destination="x">{name}', html.escape(body), f"<!-- {name}"):
        assert name not in redact(f"{before} Response was: {text} {after}")


@pytest.mark.parametrize("key", ["assertion", "access_token", "client_secret", "password", "NameID", "user", "subject"])
@given(value=words)
def test_labelled_values_are_redacted(key: str, value: str) -> None:
    """The value of a field such as `password` is redacted in a form, in JSON, in nested JSON, and in a sentence."""
    for text in (
        f"{key}={value}&x=1",
        json.dumps({key: value}),
        json.dumps(json.dumps({key: value})),
        f"{key}: {value}",
    ):
        assert value not in redact(text)


def test_user_in_a_sentence_is_redacted() -> None:
    """A name in quotation marks, or one that looks like a user's, is redacted; other sentences about users stay."""
    assert redact("User 'joe doe' is locked") == f"User {REDACTED} is locked"
    assert (
        redact("User JOE01 is locked; NameID joe_1 unknown") == f"User {REDACTED} is locked; NameID {REDACTED} unknown"
    )
    assert redact("user propagation failed") == "user propagation failed"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("No RFC authorization for JDOE01 in client 100", "JDOE01"),
        ("Missing authorization for user jane_roe", "jane_roe"),
        ("Keine RFC-Berechtigung für JDOE01", "JDOE01"),
        ("Benutzer JDOE ist gesperrt", "JDOE"),
        ("Benutzer jane ist nicht vorhanden", "jane"),
        ("Benutzerkonto jane gesperrt", "jane"),
        ("Benutzer: jane", "jane"),
        ("User account jane is locked", "jane"),
        ("User Account jane is locked", "jane"),
        ("user account JDOE expired", "JDOE"),
        ("Account jane.roe has been locked", "jane.roe"),
        ("account=jane", "jane"),
        ("The user jane does not exist", "jane"),
        ("user jane not found", "jane"),
        ("User Will is locked", "Will"),
    ],
)
def test_name_is_found_by_its_context(text: str, name: str) -> None:
    """Names in common sentences of targets are redacted; the rest of the sentence stays."""
    assert redact(text) == text.replace(name, REDACTED)


@pytest.mark.parametrize(
    "text",
    [
        "User account is locked",
        "The account has been locked after 5 attempts",
        "User propagation is not supported for this destination",
        "user mapping is missing",
        "User ID is missing; user name not found",
        "user must not be empty",
        "No authorization for S_RFC (activity 16)",
        "No authorization for RFC destination, no authorization for function module",
        "No authorization for object S_SERVICE",
        "Benutzer ist gesperrt",
        "Benutzer nicht vorhanden",
        "Keine Berechtigung für diesen Dienst",
        "Subaccount 00000000-1111 is unknown",
    ],
)
def test_sentences_without_names_stay(text: str) -> None:
    """Sentences about users in general help people and stay."""
    assert redact(text) == text


@given(words, st.text(string.ascii_lowercase, min_size=1, max_size=12))
def test_url_keeps_host_and_path(secret: str, path: str) -> None:
    """User, query and fragment of a URL are dropped."""
    for password in (secret, f'"{secret}"', f"'{secret} {secret}'"):
        for rest in (f"?assertion={secret}#{secret}", f";jsessionid={secret}"):
            redacted = redact(f"POST https://{secret}:{password}@s4.example/{path}{rest} failed")
            assert redacted == f"POST https://s4.example/{path} failed"


@given(st.text())
@example("\x1b[31mred\x00\u202e")
@example("x " * 10_000)
@example("<" * 20_000)
@example("a@" * 20_000)
@example("user=" * 5_000)
@example("A" * 31 + "\n" + "A" * 31)
def test_result_is_one_short_line(text: str) -> None:
    """The result is printable and short, and redaction is idempotent."""
    redacted = redact(text)
    assert len(redacted) <= MAX_LENGTH
    assert redacted.isprintable()
    assert redact(redacted) in (redacted, redacted.replace("…", ""))


def test_truncation_drops_half_a_word() -> None:
    """The last word before the limit is dropped."""
    text = "A" * 9_985 + " jane.roe@corp.example"
    assert redact(text) == REDACTED


@given(
    st.text("ksiK\u017f\u0130\u0131x1", min_size=4, max_size=12), st.sampled_from([str.lower, str.upper, str.swapcase])
)
@example("k\u0131sa", str.upper)
@example("\u017fecret", str.upper)
@example("secret", str.upper)
def test_secret_in_other_letters_stays_hidden(secret: str, change_case: Callable[[str], str]) -> None:
    """A secret stays hidden that a server repeats in other letters: beyond ASCII, a letter has several others."""
    pattern = re.compile(re.escape(secret), re.IGNORECASE)
    repeated = change_case(secret)
    assume(pattern.search(repeated))

    assert not pattern.search(redact(f"No {repeated}a here.", secrets=[secret]))


@pytest.mark.parametrize("token", ["opaque", "a.b", "a.e30", f"a.{'W1tb' * 400}.c", jwt([["x"]]), jwt("text")])
def test_any_token_is_an_identifier(token: str) -> None:
    """A token is an identifier itself, also an opaque one."""
    assert token in user_identifiers(token)


def test_technical_claims_stay() -> None:
    """Technical claims are left out of the identifiers: otherwise most sentences would vanish."""
    assert not USER & {"XSUAA", "openid", "https://uaa.example"}
    assert "" not in user_identifiers(jwt({"sub": "", "x": "j"}))
