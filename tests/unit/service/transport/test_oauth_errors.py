"""OAuth errors: the token service's words are quoted, and all that it was sent is redacted."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.errors import CredentialsRejected, NotAuthorized, NoUserToken, TrustError, UnexpectedResponse
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.user_tokens import UserTokens
from btp_trust.service.credentials.users import UserCredentialsLookup
from btp_trust.service.identity_providers import IdentityProviderClient
from btp_trust.service.transport import oauth_errors
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.fake_clock import FakeClock

URL = "https://uaa.example/oauth/token"
SECRET = "q7Zk$pL2-vX9=wR4"
PASSWORD = "hunter22!Trumpet"
CLAIMS: list[dict[str, str]] = [{"alg": "none"}, {"sub": "joe", "user_name": "joe.bloggs"}, {}]
ASSERTION = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in CLAIMS)
KEY = ServiceKey(uri="https://service.example", url="https://uaa.example", clientid="sb-one", clientsecret=SECRET)
FORM = {"client_id": "sb-one", "client_secret": SECRET, "username": "joe.bloggs@example.com", "password": PASSWORD}


def refusal(content: Any, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> str:
    """Return the quotation from a response with this content."""
    request = httpx.Request("POST", URL, data=form or FORM, headers=headers)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return oauth_errors.error_text(httpx.Response(401, content=body, request=request))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"error": "invalid_client", "error_description": "Bad credentials"}, "invalid_client (Bad credentials)"),
        ({"error": "invalid_token", "error_description": "The token expired."}, "invalid_token (The token expired.)"),
        ({"error": "unauthorized"}, "unauthorized"),
        ({"error_description": "Client is locked.", "error": ""}, "Client is locked"),
        ({"error": "invalid_client", "error_description": None}, "invalid_client"),
        ({"error": {"code": 7}, "error_description": "Unknown\nzone\x1b[31m"}, "Unknown zone [31m"),
        ({"error": "x", "error_description": "so " * 1000, "trace": "S3CRET"}, f"x ({'so ' * 98}so…"),
    ],
)
def test_error_and_description_are_quoted(content: Any, expected: str) -> None:
    """The two fields are quoted in one bounded line; all others are left out."""
    assert refusal(content) == f" It says: {expected}."


@pytest.mark.parametrize("content", [b"", b"<html>S3CRET</html>", b"[1]", b'"S3CRET"', {"message": "S3CRET"}, {}])
def test_other_content_is_not_quoted(content: Any) -> None:
    """A page, a text, and JSON of another shape are left out."""
    assert refusal(content) == ""


def basic(secret: str) -> str:
    """Encode a secret as in an Authorization header."""
    return base64.b64encode(f"sb-one:{secret}".encode()).decode()


WAYS: list[Callable[[str], str]] = [
    str,
    lambda text: f"x{text}x",
    lambda text: f"{quote(text, safe='')}&x",
    quote_plus,
    lambda text: json.dumps(json.dumps(text)),
    lambda text: base64.b64encode(text.encode()).decode(),
    basic,
    lambda text: text.upper(),
    lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    lambda text: "".join(f"&#{ord(character)};" for character in text),
    lambda text: text[:8],
    lambda text: text[-8:],
    lambda text: f"…{text[4:]}",
    lambda text: f"'{text[:-1]}'",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [SECRET, PASSWORD])
def test_sent_secrets_are_redacted(way: Callable[[str], str], secret: str) -> None:
    """A secret is redacted as it is, in a word, encoded, and by its beginning or end alone."""
    statement = refusal({"error": "invalid_client", "error_description": f"no such secret as {way(secret)} here"})
    assert statement.startswith(" It says: invalid_client (")
    for part in (
        secret[:6],
        secret[-6:],
        secret[:6].upper(),
        way(secret)[:6],
        base64.b64encode(secret.encode()).decode()[:6],
    ):
        assert part not in statement.partition("secret as")[2]


@given(secret=st.text(st.characters(codec="utf-8"), min_size=6, max_size=60), way=st.sampled_from(WAYS[:2]))
@example(secret="100%41bc", way=str)
@example(secret="abcdef***", way=str)
def test_any_secret_is_redacted(secret: str, way: Callable[[str], str]) -> None:
    """Secrets of any characters: the text is as if another secret had been sent and repeated."""
    statement, other = (
        refusal({"error": "e", "error_description": way(text)}, {"client_secret": text}) for text in (secret, "q" * 60)
    )
    if any(character.isalnum() for character in secret):
        assert secret not in statement or secret in other


def test_sent_assertion_and_user_are_redacted() -> None:
    """Assertions, tokens and users are redacted, and so are the claims about the user."""
    statement = refusal(
        {"error": "invalid_grant", "error_description": f"joe.bloggs may not: {ASSERTION} of joe.bloggs@example.com"},
        {**FORM, "assertion": ASSERTION},
        {"X-user-token": ASSERTION, "Authorization": "Bearer opaque-0"},
    )
    assert statement == " It says: invalid_grant (*** may not: *** of ***)."
    assert "opaque" not in refusal({"error": "opaque-0"}, {}, {"Authorization": "Bearer opaque-0"})


def echoing(status: int) -> httpx.MockTransport:
    """Return a service whose error repeats the whole request."""

    def answer(request: httpx.Request) -> httpx.Response:
        sent = f"{request.headers.get('Authorization')} {request.content.decode()}"
        return httpx.Response(status, json={"error": "invalid_client", "error_description": f"Locked. Sent: {sent}"})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, CredentialsRejected), (400, UnexpectedResponse), (403, UnexpectedResponse)]
)
def test_rejected_service_key_has_the_reason(status: int, kind: type[TrustError]) -> None:
    """The evidence quotes the error; the remedy stays."""
    with httpx.Client(transport=echoing(status)) as http, pytest.raises(kind) as caught:
        _ = ClientCredentials(KEY, http, FakeClock().retry_policy(), lambda: 0.0).subaccount_id
    assert f"{status}" in caught.value.why
    assert " It says: invalid_client (Locked. Sent: " in caught.value.why
    assert SECRET[:6] not in error_text(caught.value)
    assert quote(SECRET)[:6] not in error_text(caught.value)


@pytest.mark.parametrize("user", [{"name": "joe.bloggs", "password": PASSWORD}, {"assertion": ASSERTION}])
def test_rejected_user_has_the_reason(user: dict[str, str]) -> None:
    """The evidence quotes the error for a logon and for an assertion."""
    users = UserCredentialsLookup({"btp-trust:user": json.dumps(user)}.get, {})
    with httpx.Client(transport=echoing(401)) as http, pytest.raises(NoUserToken) as caught:
        UserTokens(users, "default", KEY, http, FakeClock().retry_policy()).fetch()
    assert " It says: invalid_client (Locked. Sent: " in caught.value.why
    for private in (SECRET[:6], PASSWORD[:6], ASSERTION[:6], "joe", "bloggs"):
        assert private not in error_text(caught.value)


@pytest.mark.parametrize(("status", "kind"), [(401, CredentialsRejected), (403, NotAuthorized)])
def test_rejected_api_token_has_the_reason(status: int, kind: type[TrustError]) -> None:
    """The evidence quotes the error of XSUAA's API and hides the token."""
    headers = {"Authorization": f"Bearer {ASSERTION}"}
    with (
        httpx.Client(transport=echoing(status), base_url=KEY.uri, headers=headers) as http,
        pytest.raises(kind) as caught,
    ):
        IdentityProviderClient(http, FakeClock().retry_policy()).all()
    assert " It says: invalid_client (Locked. Sent: " in caught.value.why
    assert ASSERTION[:6] not in error_text(caught.value)


def test_emulator_error_is_quoted() -> None:
    """The emulator rejects a client in the words of the UAA."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        key = emulator.service_key(emulator.create_subaccount().guid)
        wrong = ServiceKey(uri=key["uri"], url=key["url"], clientid=key["clientid"], clientsecret="another")
        with pytest.raises(CredentialsRejected, match=r"It says: invalid_client \(Bad credentials\)\."):
            _ = ClientCredentials(wrong, http, FakeClock().retry_policy(), lambda: 0.0).subaccount_id
