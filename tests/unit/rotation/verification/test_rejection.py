"""A rejection by the target is distinguished from every other error, because it alone rolls back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.rotation.verification.rejection import is_target_rejection, other_cause
from support.target_errors import (
    CLIENT_SENTENCES,
    CURRENT,
    FAILED,
    FETCH,
    NO_USER,
    OTHER_CAUSES,
    REJECTIONS,
    S4_PREFIX,
    TRANSPORT_AND_FIREWALLS,
    TRUST_SENTENCES,
    UNRELATED,
    UNRESOLVED_ISSUERS,
    USER_SENTENCES,
    WRAPPINGS,
    oauth,
    uaa_errors,
    wrapped_errors,
)


@pytest.mark.parametrize("error", REJECTIONS)
def test_rejection_is_recognized(error: str) -> None:
    """An OAuth error, a status about what was sent, or a quoted answer is a rejection."""
    assert is_target_rejection(error)
    assert other_cause(error) is None


@pytest.mark.parametrize(("error", "cause"), OTHER_CAUSES)
def test_other_cause_is_named(error: str, cause: str) -> None:
    """A rejection of the client, the scope or the user has another cause than the certificate."""
    assert not is_target_rejection(error)
    assert cause in str(other_cause(error))


@pytest.mark.parametrize("error", UNRELATED)
def test_unrelated_error_is_no_rejection(error: str) -> None:
    """Outages, rejections by others and unknown texts have an unknown cause."""
    assert not is_target_rejection(error)
    assert other_cause(error) is None


names = st.lists(
    st.sampled_from(["upstream", "backend", "quota", "timeout", "proxy", "busy", "cloudflare", "user", "status-500"])
    | st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True),
    min_size=1,
    max_size=3,
).map("-".join)


@given(name=names, cause=st.sampled_from(sorted(uaa_errors())))
def test_names_leave_the_cause_alone(name: str, cause: str) -> None:
    """An issuer or an alias may be called anything, also in an answer without an object."""
    assert is_target_rejection(uaa_errors(name)[cause])
    assert is_target_rejection(f"{FETCH}No SAML identity provider found in zone for alias:{name}")
    assert is_target_rejection(f"{FETCH}Signature of Assertion 'ID' from Issuer '{name}' was not valid")
    assert is_target_rejection(f"{FAILED}Unable to resolve the issuer {name}")
    assert not is_target_rejection(f"{FAILED}Connection to host '{name}' was reset")
    assert other_cause(oauth("unauthorized", f"User {name} does not exist")) is not None


@given(
    code=st.sampled_from(["invalid_grant", "unauthorized", "access_denied", "invalid_request"]),
    words=st.sampled_from(
        ["Request blocked", "no healthy upstream", "quota exceeded", "connect timed out", "HTTP 503"]
    ),
)
def test_structure_wins_over_words(code: str, words: str) -> None:
    """An OAuth error is an answer of the target, also if its sentence has words of an outage."""
    assert is_target_rejection(oauth(code, words))


@given(st.text(max_size=60), st.integers(500, 599), st.text(max_size=60) | st.sampled_from(["INVALID_GRANT", "401"]))
def test_server_error_is_no_rejection(before: str, status: int, after: str) -> None:
    """A 5xx counts as an outage, in any text."""
    assert not is_target_rejection(f"{before} status code {status} {after}")


@given(st.text(alphabet=st.characters(exclude_characters="45:{}"), max_size=200))
def test_unknown_text_is_no_rejection(text: str) -> None:
    """A rejection needs a code, a status, or an answer."""
    assert not is_target_rejection(text.replace("_", " "))


@given(st.text(max_size=300))
def test_any_text_is_classified(text: str) -> None:
    """Every text has one cause, also nested braces and texts in the place of an answer."""
    for whole in (text, FETCH + text, f'{FETCH}{{"error": {text}', "{" * 3000 + text):
        assert not (is_target_rejection(whole) and other_cause(whole))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize(
    ("code", "sentence", "cause"),
    [
        ("unauthorized", "Error validating SAML message", None),
        ("unauthorized", f"{CURRENT}No subject confirmation methods were met for assertion with ID", None),
        ("invalid_client", "Bad credentials", "client"),
        ("unauthorized", "Bad credentials", "client"),
        ("invalid_scope", "foo.bar is invalid. Please use a valid scope name in the request", "scope"),
        ("invalid_client", NO_USER, "user"),
        ("unauthorized", NO_USER, "user"),
    ],
)
def test_wrapped_oauth_error_is_parsed(wrapping: str, code: str, sentence: str, cause: str | None) -> None:
    """An OAuth error is found in objects, lists, texts, XML, and the notation of other languages."""
    error = wrapped_errors(code, sentence)[wrapping]
    assert is_target_rejection(error) is (cause is None)
    assert cause is None or cause in str(other_cause(error))


@pytest.mark.parametrize("sentence", [*USER_SENTENCES, *CLIENT_SENTENCES])
def test_user_and_client_are_other_causes(sentence: str) -> None:
    """The sentence counts, with any code, behind words of S/4HANA, and in the fields of SuccessFactors."""
    cause = "user" if sentence in USER_SENTENCES else "client"
    for error in (
        oauth("unauthorized", sentence),
        oauth("invalid_grant", f"{S4_PREFIX}{sentence}. For more information, consult the kernel traces"),
        FETCH + json.dumps({"errorHttpCode": "401", "errorMessage": sentence}),
        f"{FAILED}HTTP 401: {sentence}",
    ):
        assert not is_target_rejection(error)
        assert cause in str(other_cause(error))


@pytest.mark.parametrize("sentence", TRUST_SENTENCES)
def test_trust_sentence_may_name_users(sentence: str) -> None:
    """The subject of a sentence counts, rather than the users and clients that it mentions."""
    for error in (oauth("invalid_grant", sentence), f"{FAILED}HTTP 401: {sentence}"):
        assert is_target_rejection(error)


@pytest.mark.parametrize("error", UNRESOLVED_ISSUERS)
def test_unresolved_issuer_is_a_rejection(error: str) -> None:
    """An issuer that the target is unable to resolve is a rejection, in any word order."""
    assert is_target_rejection(error)


@pytest.mark.parametrize("error", TRANSPORT_AND_FIREWALLS)
def test_tls_and_firewalls_are_unrelated(error: str) -> None:
    """TLS and firewalls use words of a target, such as certificate, issuer and forbidden."""
    assert not is_target_rejection(error)
    assert other_cause(error) is None


def test_deep_nesting_is_unknown() -> None:
    """An answer below the deepest level that is parsed has an unknown cause."""
    answer: object = {"error": "unauthorized"}
    for _ in range(9):
        answer = {"in": answer}
    assert not is_target_rejection(FETCH + json.dumps(answer))


def test_code_in_a_sentence_counts() -> None:
    """A gateway may put the OAuth error into a sentence of its own."""
    error = FETCH + json.dumps({"status": 401, "error": "Unauthorized", "message": "invalid_client: sb-shop"})
    assert "client" in str(other_cause(error))


@pytest.mark.parametrize("name", ["errorCode", "code", "errorType", "type"])
def test_oauth_field_precedes_gateway_fields(name: str) -> None:
    """The field `error` wins over the names that gateways use, in every process."""
    assert is_target_rejection(json.dumps({name: "invalid_client", "error": "invalid_grant"}))
    assert not is_target_rejection(json.dumps({name: "invalid_grant", "error": "invalid_client"}))
