"""A target's refusal, told from everything that only looks like one: it alone leads back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.plan.refusal import is_refusal, other_cause

FAILED = "Retrieval of OAuthToken failed due to: "
FETCH = f"{FAILED}Unable to fetch refresh token from the specified token service URL. Response was: "
CURRENT = "Invalid assertion [ID] for SAML response [ID]: "
"""Before what a current UAA says."""
NO_USER = "SAML user does not exist. You can correct this by creating a shadow user for the SAML user."


def oauth(code: str, sentence: str) -> str:
    """What the service says of a target that answers so."""
    return FETCH + json.dumps({"error": code, "error_description": sentence})


def of_uaa(name: str = "shop") -> dict[str, str]:
    """What the open-source UAA says of an assertion, an older one and a current one, about this name."""
    quoted = f"Signature of Assertion 'ID' from Issuer '{name}' was not valid"
    sentences = {
        "old: issuer, provider": "Error determining metadata contracts",
        "old: key, time, audience, recipient": "Error validating SAML message",
        "old: address": "Incoming SAML message is invalid",
        "old: encoding": "Error decoding incoming SAML message",
        "key": f"{CURRENT}{quoted}",
        "expired": f"{CURRENT}Assertion 'ID' with NotOnOrAfter condition of '2026-11-29T08:00:00Z' is no longer valid",
        "not yet": f"{CURRENT}Assertion 'ID' with NotBefore condition of '2026-11-29T08:00:00Z' is not yet valid",
        "audience": f"{CURRENT}None of the audiences within Assertion 'ID' matched the list of valid audiances",
        "recipient": f"{CURRENT}No subject confirmation methods were met for assertion with ID 'ID'",
        "inactive": f"No SAML identity provider found in zone for alias:{name}",
        "transform": f"{CURRENT}Assertion Signature failed pre-validation: Signature contained an invalid transform",
        "base64": "Unable to urlBase64Decode bearer assertion",
        "no assertion": "SAML Assertion is missing",
    }
    return {cause: oauth("unauthorized", sentence) for cause, sentence in sentences.items()}


REFUSALS = [
    f'{FETCH}{{"error":"invalid_grant","error_description":"No trusted certificate found"}}',
    f'{FETCH}{{"error":"invalid_grant","error_description":"Signature of the connection is not valid"}}',
    f'{FETCH}{{"error":"invalid_grant","error_description":"cut off in the mid',
    f"{FETCH}error=invalid_grant&error_description=cut",
    f"{FETCH}No trusted certificate",
    f'{FETCH}"No trusted certificate"',
    f'{FAILED}{{"error" : "unauthorized", "error_description": "x"}}',
    f'{FAILED}"{{\\"error\\":\\"unauthorized\\"}}"',
    f"{FAILED}{{&quot;error&quot;:&quot;unauthorized&quot;}}",
    f"{FAILED}{{not JSON}} {{'error': 'unauthorized'}}",
    f"{FAILED}the token service answered with status code 401",
    f"{FAILED}status code: 400",
    f"{FAILED}HTTP 403",
    f"{FAILED}HTTP/1.1 401 Unauthorized",
    f"{FAILED}401 Unauthorized",
    f"{FAILED}invalid_grant",
    f'{FAILED}{{"code": "422"}}',
    f"{FETCH}<html><h1>401 Unauthorized</h1>Logon failed</html>",
    "Assertion was rejected: error=access_denied",
    f"{FAILED}Unable to resolve the issuer cfapps.eu10.hana.ondemand.com/1",
    "Unable to resolve the issuer of the SAML assertion",
    f"{FETCH}No SAML identity provider found in zone for alias:backend",
    "No SAML identity provider found in zone for alias:upstream-shop",
    f"{FETCH}Signature of Assertion 'ID' from Issuer 'upstream-shop' was not valid",
    f'{FETCH}{{"errorHttpCode":"401","errorMessage":"Unable to verify the signature of the SAML assertion"}}',
    f'{FETCH}{{"error":{{"code":"005056A509B1","message":{{"lang":"en","value":"Issuer not trusted"}}}}}}',
    f'{FETCH}{{"timestamp":1,"status":401,"error":"Unauthorized","path":"/oauth/token"}}',
    oauth("unauthorized", "status code 500 from 'upstream connect error'"),
    oauth("invalid_grant", "The issuer of user JOE does not exist"),
    oauth("invalid_grant", "User certificate not found"),
    *of_uaa().values(),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refusal_is_recognised(error: str) -> None:
    """By an OAuth error code, by a status that is about what was sent, or by an answer that the service repeats."""
    assert is_refusal(error)
    assert other_cause(error) is None


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (oauth("invalid_client", "Bad credentials"), "client"),
        (f"{FAILED}invalid_client", "client"),
        (oauth("unauthorized_client", "x"), "client"),
        (oauth("unauthorized", "Bad credentials"), "client"),
        (oauth("unauthorized", "Client with requested id x does not exist"), "client"),
        (f"{FAILED}HTTP 401: Client authentication failed", "client"),
        (f"{FETCH}error=invalid_client&error_description=Bad+credentials", "client"),
        (oauth("invalid_scope", "foo.bar is invalid. Please use a valid scope name in the request"), "scope"),
        (oauth("unauthorized", "[uaa.none] is invalid. This user is not allowed any of the requested scopes"), "scope"),
        (oauth("invalid_client", NO_USER), "user"),
        (oauth("unauthorized", NO_USER), "user"),
        (oauth("invalid_grant", "User JOE does not exist"), "user"),
        (oauth("invalid_grant", "User 'JOE' does not exist in client 100"), "user"),
        (oauth("invalid_grant", "Logon failed. User joe@example.com is locked"), "user"),
        (oauth("access_denied", "No user with this name ID found"), "user"),
        (oauth("invalid_grant", "Benutzer JOE existiert nicht"), "user"),
        (oauth("unauthorized", "Unknown user"), "user"),
        (f"{FETCH}User JOE does not exist", "user"),
        (f"{FETCH}Unable to resolve the user", "user"),
        (f"{FAILED}HTTP 401: User JOE does not exist", "user"),
    ],
)
def test_what_is_not_about_the_certificate_never_leads_back(error: str, cause: str) -> None:
    """A target refused the client, the scope or the user; another certificate mends none of them."""
    assert not is_refusal(error)
    assert cause in str(other_cause(error))


NONE = [
    pytest.param("Failed to create SSL connection", id="TLS"),
    pytest.param(f"{FAILED}connect timed out", id="a time-out"),
    pytest.param(f"{FAILED}Read timeout of https://target.example:443/oauth/token", id="a port is no status"),
    pytest.param(f"{FAILED}java.net.UnknownHostException: target.example", id="no such host"),
    pytest.param(f"{FAILED}Unable to resolve the host name target.example", id="no address"),
    pytest.param(f"{FAILED}Connection reset", id="a reset"),
    pytest.param(f"{FAILED}PKIX path building failed", id="an authority that is not trusted"),
    pytest.param("unable to get local issuer certificate", id="an authority that is not known"),
    pytest.param("unable to verify the first certificate", id="a chain that is not whole"),
    pytest.param("ValidatorException: No trusted certificate found", id="of TLS"),
    pytest.param(f"{FETCH}<html><h1>503 Service Unavailable</h1></html>", id="503"),
    pytest.param(f"{FETCH}Gateway timeout", id="a proxy's time-out"),
    pytest.param(f"{FETCH}status code 500", id="500"),
    pytest.param(f"{FAILED}status code 429", id="too many requests"),
    pytest.param(f"{FAILED}HTTP 408", id="408"),
    pytest.param(f"{FAILED}404 Not Found: Requested route does not exist.", id="a router that knows no target"),
    pytest.param(f'{FETCH}{{"status":404,"error":"Not Found","path":"/oauth/token"}}', id="another address"),
    pytest.param(f'{FETCH}{{"status":503,"error":"Service Unavailable"}}', id="503 in an object"),
    pytest.param(f"{FETCH}", id="an empty answer"),
    pytest.param(f'{FAILED}{{"error":"temporarily_unavailable"}}', id="an OAuth error that passes"),
    pytest.param(f'{FETCH}{{"error":"server_error"}} with status code 503', id="an OAuth error of a server"),
    pytest.param(f'{FETCH}{{"error":"invalid_grant"}} status 502', id="contradictory"),
    pytest.param(f'{FETCH}{{"error":"invalid_client"}} status 502', id="contradictory about the client"),
    pytest.param(
        "org.apache.http.HttpException: Request to the /userinfo endpoint ended with status code 403",
        id="the user's own token service",
    ),
    pytest.param("HTTP 401 of https://uaa.example/userinfo", id="the user's own token service by its URL"),
    pytest.param("Could not find the property audience", id="a destination that is not complete"),
    pytest.param("", id="nothing"),
    pytest.param(f"{FETCH}Internal Server Error", id="a server's own words"),
    pytest.param(oauth("server_error", "The issuer is not trusted"), id="server_error"),
    pytest.param(f"{FETCH}502 BAD_GATEWAY", id="as Spring writes it"),
    pytest.param(f"{FETCH}no healthy upstream", id="what stands in front"),
    pytest.param(f"{FETCH}upstream connect error or disconnect/reset before headers", id="a mesh"),
    pytest.param(f"{FETCH}Rate limit quota violation", id="a quota"),
    pytest.param(f"{FETCH}[no body]", id="words about nothing"),
    pytest.param(f"{FAILED}HTTP 407 Proxy Authentication Required", id="a proxy wants a password"),
    pytest.param(f"{FAILED}connect failed, http:443", id="another port"),
    pytest.param(f"{FETCH}<html><head><title>403 Forbidden</title></head></html>", id="a load balancer's page"),
    pytest.param(f"{FAILED}403 ERROR The request could not be satisfied. Request blocked.", id="CloudFront"),
    pytest.param(f"{FETCH}Access Denied You don't have permission. Reference #18.2d35.1557.a4e1", id="Akamai"),
    pytest.param(f"{FAILED}HTTP 403: The requested URL was rejected. Your support ID is: 123", id="F5"),
    pytest.param(f"{FAILED}status code 403 Attention Required! | Cloudflare", id="Cloudflare"),
    pytest.param(f"{FAILED}HTTP 403 Request unsuccessful. Incapsula incident ID: 1-2", id="Imperva"),
    pytest.param(f'{FAILED}HTTP 403 {{"message":"Request blocked"}}', id="a firewall's object"),
]


@pytest.mark.parametrize("error", NONE)
def test_what_is_no_refusal_of_a_target_is_none(error: str) -> None:
    """It was not reached, it is down, another one refused, something on the way did, or nobody knows."""
    assert not is_refusal(error)
    assert other_cause(error) is None


names = st.lists(
    st.sampled_from(["upstream", "backend", "quota", "timeout", "proxy", "busy", "cloudflare", "user", "status-500"])
    | st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True),
    min_size=1,
    max_size=3,
).map("-".join)


@given(name=names, cause=st.sampled_from(sorted(of_uaa())))
def test_a_name_in_a_known_sentence_changes_no_verdict(name: str, cause: str) -> None:
    """Whatever an issuer or an alias is called: also where the answer is no object."""
    assert is_refusal(of_uaa(name)[cause])
    assert is_refusal(f"{FETCH}No SAML identity provider found in zone for alias:{name}")
    assert is_refusal(f"{FETCH}Signature of Assertion 'ID' from Issuer '{name}' was not valid")
    assert is_refusal(f"{FAILED}Unable to resolve the issuer {name}")
    assert not is_refusal(f"{FAILED}Connection to host '{name}' was reset")
    assert other_cause(oauth("unauthorized", f"User {name} does not exist")) is not None


@given(
    code=st.sampled_from(["invalid_grant", "unauthorized", "access_denied", "invalid_request"]),
    words=st.sampled_from(
        ["Request blocked", "no healthy upstream", "quota exceeded", "connect timed out", "HTTP 503"]
    ),
)
def test_structure_wins_over_words(code: str, words: str) -> None:
    """An OAuth error was read: the target has answered, whatever its sentence says."""
    assert is_refusal(oauth(code, words))


@given(st.text(max_size=60), st.integers(500, 599), st.text(max_size=60))
def test_a_server_error_never_leads_back(before: str, status: int, after: str) -> None:
    """Whatever else the text says."""
    assert not is_refusal(f"{before} status code {status} {after}")


@given(st.text(alphabet=st.characters(exclude_characters="45:{}"), max_size=200))
def test_an_unknown_text_never_leads_back(text: str) -> None:
    """A refusal needs a code, a status, or an answer."""
    assert not is_refusal(text.replace("_", " "))


@given(st.text(max_size=300))
def test_any_text_can_be_judged(text: str) -> None:
    """Also with braces that nest, and in the place of an answer."""
    for whole in (text, FETCH + text, f'{FETCH}{{"error": {text}', "{" * 3000 + text):
        assert not (is_refusal(whole) and other_cause(whole))
