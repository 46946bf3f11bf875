"""A target's refusal, told from everything that only looks like one: it alone leads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.plan.refusal import is_refusal

FAILED = "Retrieval of OAuthToken failed due to: "
FETCH = f"{FAILED}Unable to fetch refresh token from the specified token service URL. Response was: "


@pytest.mark.parametrize(
    "error",
    [
        f'{FETCH}{{"error":"invalid_grant","error_description":"No trusted certificate found"}}',
        f'{FETCH}{{"error":"invalid_grant","error_description":"Signature of the connection is not valid"}}',
        f"{FETCH}No trusted certificate",
        f"{FAILED}invalid_client",
        f'{FAILED}{{"error" : "unauthorized", "error_description": "x"}}',
        f'{FAILED}"{{\\"error\\":\\"unauthorized\\"}}"',
        f"{FAILED}the token service answered with status code 401",
        f"{FAILED}status code: 400",
        f"{FAILED}HTTP 403",
        f"{FAILED}HTTP/1.1 401 Unauthorized",
        f"{FAILED}401 Unauthorized",
        f'{FAILED}{{"code": "422"}}',
        "Assertion was rejected: error=access_denied",
    ],
)
def test_a_refusal_is_recognised(error: str) -> None:
    """By an OAuth error code, by a 4xx, or by an answer that the service repeats."""
    assert is_refusal(error)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param("Failed to create SSL connection", id="TLS"),
        pytest.param(f"{FAILED}connect timed out", id="a time-out"),
        pytest.param(f"{FAILED}Read timeout of https://target.example:443/oauth/token", id="a port is no status"),
        pytest.param(f"{FAILED}java.net.UnknownHostException: target.example", id="no such host"),
        pytest.param(f"{FAILED}Connection reset", id="a reset"),
        pytest.param(f"{FAILED}PKIX path building failed", id="an authority that is not trusted"),
        pytest.param(f"{FETCH}<html><h1>503 Service Unavailable</h1></html>", id="503"),
        pytest.param(f"{FETCH}Gateway timeout", id="a proxy's time-out"),
        pytest.param(f"{FETCH}status code 500", id="500"),
        pytest.param(f"{FAILED}status code 429", id="too many requests"),
        pytest.param(f"{FAILED}HTTP 408", id="408"),
        pytest.param(f"{FETCH}", id="an empty answer"),
        pytest.param(f'{FAILED}{{"error":"temporarily_unavailable"}}', id="an OAuth error that passes"),
        pytest.param(f'{FETCH}{{"error":"server_error"}} with status code 503', id="an OAuth error of a server"),
        pytest.param(f'{FETCH}{{"error":"invalid_grant"}} status 502', id="contradictory"),
        pytest.param(
            "org.apache.http.HttpException: Request to the /userinfo endpoint ended with status code 403",
            id="the user's own token service",
        ),
        pytest.param("Could not find the property audience", id="a destination that is not complete"),
        pytest.param("", id="nothing"),
        pytest.param(f"{FETCH}Internal Server Error", id="a server's own words"),
        pytest.param(f'{FETCH}{{"error":"server_error"}}', id="server_error"),
        pytest.param(f"{FETCH}502 BAD_GATEWAY", id="as Spring writes it"),
        pytest.param(f"{FETCH}no healthy upstream", id="what stands in front"),
        pytest.param(f"{FETCH}Rate limit quota violation", id="a quota"),
        pytest.param(f"{FETCH}[no body]", id="words about nothing"),
        pytest.param(f"{FAILED}HTTP 407 Proxy Authentication Required", id="a proxy wants a password"),
        pytest.param(f"{FAILED}connect failed, http:443", id="another port"),
    ],
)
def test_what_is_no_refusal_of_a_target_is_none(error: str) -> None:
    """It was not reached, it is down, another one refused, or nobody knows."""
    assert not is_refusal(error)


@given(st.text(max_size=60), st.integers(500, 599), st.text(max_size=60))
def test_a_server_error_never_leads_back(before: str, status: int, after: str) -> None:
    """Whatever else the text says."""
    assert not is_refusal(f"{before} status code {status} {after}")


@given(st.text(alphabet=st.characters(exclude_characters="45:{}"), max_size=200))
def test_an_unknown_text_never_leads_back(text: str) -> None:
    """A refusal needs a code, a status, or an answer."""
    assert not is_refusal(text.replace("_", " "))
