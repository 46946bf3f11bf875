"""Errors that the service reports, in words of real token services, servers, proxies and firewalls."""

from __future__ import annotations

import json

import pytest

FAILED = "Retrieval of OAuthToken failed due to: "
FETCH = f"{FAILED}Unable to fetch refresh token from the specified token service URL. Response was: "
CURRENT = "Invalid assertion [ID] for SAML response [ID]: "
"""How the sentences of a current UAA begin."""
NO_USER = "SAML user does not exist. You can correct this by creating a shadow user for the SAML user."


def oauth(code: str, sentence: str) -> str:
    """Return the error of the service for a target that answers with an OAuth error."""
    return FETCH + json.dumps({"error": code, "error_description": sentence})


def uaa_errors(name: str = "shop") -> dict[str, str]:
    """Return the errors of the open-source UAA about an assertion, older and current ones, which quote this name."""
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
        "missing assertion": "SAML Assertion is missing",
    }
    return {cause: oauth("unauthorized", sentence) for cause, sentence in sentences.items()}


REJECTIONS = [
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
    *uaa_errors().values(),
]


OTHER_CAUSES = [
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
]

UNRELATED = [
    pytest.param("Failed to create SSL connection", id="TLS"),
    pytest.param(f"{FAILED}connect timed out", id="a timeout"),
    pytest.param(f"{FAILED}Read timeout of https://target.example:443/oauth/token", id="a port"),
    pytest.param(f"{FAILED}java.net.UnknownHostException: target.example", id="an unknown host"),
    pytest.param(f"{FAILED}Unable to resolve the host name target.example", id="a missing address"),
    pytest.param(f"{FAILED}Connection reset", id="a reset"),
    pytest.param(f"{FAILED}PKIX path building failed", id="an untrusted authority"),
    pytest.param("unable to get local issuer certificate", id="an unknown authority"),
    pytest.param("unable to verify the first certificate", id="an incomplete chain"),
    pytest.param("ValidatorException: No trusted certificate found", id="of TLS"),
    pytest.param(f"{FETCH}<html><h1>503 Service Unavailable</h1></html>", id="503"),
    pytest.param(f"{FETCH}Gateway timeout", id="a proxy's timeout"),
    pytest.param(f"{FETCH}status code 500", id="500"),
    pytest.param(f"{FAILED}status code 429", id="too many requests"),
    pytest.param(f"{FAILED}HTTP 408", id="408"),
    pytest.param(f"{FAILED}404 Not Found: Requested route does not exist.", id="a router"),
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
    pytest.param("Could not find the property audience", id="an incomplete destination"),
    pytest.param("", id="empty"),
    pytest.param(f"{FETCH}Internal Server Error", id="a server's own words"),
    pytest.param(oauth("server_error", "The issuer is not trusted"), id="server_error"),
    pytest.param(f"{FETCH}502 BAD_GATEWAY", id="as Spring writes it"),
    pytest.param(f"{FETCH}no healthy upstream", id="what stands in front"),
    pytest.param(f"{FETCH}upstream connect error or disconnect/reset before headers", id="a mesh"),
    pytest.param(f"{FETCH}Rate limit quota violation", id="a quota"),
    pytest.param(f"{FETCH}[no body]", id="a placeholder"),
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


UNRESOLVED_ISSUERS = [
    f"{FAILED}The issuer shop is unable to be resolved",
    f"{FAILED}Unable to resolve the token issuer",
    f"{FAILED}Unable to resolve the entity ID of the issuer",
    f"{FAILED}Unable to resolve the issuer of assertion _12 from connection.example",
    f"{FAILED}Unable to resolve the issuer name connection",
    f"{FAILED}Unable to resolve the issuer cfapps.eu10.hana.ondemand.com/busy-proxy of the assertion",
]
TRANSPORT_AND_FIREWALLS = [
    "Unable to resolve the issuer's host",
    "Unable to resolve issuer host idp.example: Name or service not known",
    f"{FETCH}Received fatal alert: bad_certificate",
    f"{FETCH}certificate verify failed: unable to get issuer certificate",
    f"{FETCH}Certificate for <x.example> doesn't match any of the subject alternative names: [a.example]",
    f"{FETCH}java.security.cert.CertificateExpiredException: NotAfter: Sun Nov 29 2026",
    f"{FAILED}HTTP 400: No required SSL certificate was sent",
    f"{FAILED}Service cannot be reached. It ended in system S4H with error code 403",
    f"{FAILED}HTTP 403 Forbidden. Your request has been blocked by our security policy.",
    f"{FAILED}HTTP 403: Access to this page has been denied because you use automation tools",
    f"{FAILED}HTTP 403: Request forbidden by administrative rules.",
    f"{FAILED}HTTP 403: IP address 10.0.0.1 is not allowed",
    f"{FAILED}HTTP 403: Host not in allowlist",
    f"{FAILED}HTTP 403 Bot detected",
    f"{FAILED}HTTP 403 <h2>Our services aren't available right now</h2>",
    f'{FETCH}{{"support_id":"123","status":403}}',
    f'{FETCH}{{"status":401,"error":"Unauthorized","message":"Blocked by web application firewall"}}',
    FETCH + json.dumps({"body": json.dumps({"status": 403, "message": "Request blocked by rule 942100"})}),
    FETCH + json.dumps({"errors": ["Server is too busy"], "status": 503}),
]

S4_PREFIX = "Provided authorization grant is invalid. Exception was "
USER_SENTENCES = [
    "User JOE is locked",
    "User 'JOE' is locked by administrator",
    "User joe@example.com is not active",
    "User validity has expired",
    "No user mapping found for name ID joe@example.com",
    "No user exists for name ID 'joe@example.com'",
    "No mapping found for user joe@example.com",
    "Multiple users found for e-mail address joe@example.com",
    "User mapping failed",
    "The user JOE is not assigned to the application",
    "User is not authorized",
    "The user account must be verified",
    "Login failed: invalid user",
    "Your account has been locked because of too many failed attempts to login.",
]
CLIENT_SENTENCES = [
    "No client with requested id: sb-shop!t12",
    "Client not found for clientId : sb-shop!t12",
    "Missing credentials",
    "Client credentials are invalid",
    "Client is locked",
    "Invalid client secret",
    "Unauthorized grant type: urn:ietf:params:oauth:grant-type:saml2-bearer",
    "Unable to authenticate the client (Invalid API key)",
    "OAuth client with API key abc is not registered",
]
TRUST_SENTENCES = [
    "Issuer of assertion for user JOE is unknown",
    "Certificate for user JOE is not valid",
    "User certificate is invalid",
    "User assertion is invalid",
    "The audience of client sb-x is not valid",
    "Identity provider of client 100 is unknown",
    "Trust to issuer not found for account 1",
    "The trusted provider for user domain is disabled",
    "Assertion rejected because issuer account is disabled",
    "The request was rejected: SAML signature invalid",
]


def wrapped_errors(code: str, sentence: str) -> dict[str, str]:
    """Return an OAuth error as services and gateways pass it on."""
    answer = {"error": code, "error_description": sentence}
    text = json.dumps(answer)
    return {
        "as it is": FETCH + text,
        "a text": FETCH + json.dumps(text),
        "a text in a text": FETCH + json.dumps(json.dumps(text)),
        "in a list": FETCH + json.dumps([answer]),
        "in a list of errors": FETCH + json.dumps({"errors": [answer]}),
        "in a field": FETCH + json.dumps({"status": 401, "body": answer}),
        "a text in a field": FETCH + json.dumps({"message": text}),
        "a text in a field of a text": FETCH + json.dumps(json.dumps({"status": 401, "body": text})),
        "XML": f"{FETCH}<oauth><error>{code}</error><error_description>{sentence}</error_description></oauth>",
        "as Python writes it": f"{FETCH}{{'error': '{code}', 'error_description': '{sentence}'}}",
        "as Java writes it": f"{FETCH}{{error={code}, error_description={sentence}}}",
        "a challenge": f'{FETCH}Bearer error="{code}", error_description="{sentence}"',
        "in capitals": FETCH + json.dumps({"Error": code.upper(), "Error_Description": sentence}),
        "cut off": FETCH + text[:-2],
        "after a status": f"{FAILED}Received status code 401. Call to XSUAA was not successful: {text}",
        "as a gateway names it": FETCH + json.dumps({"errorCode": code, "errorMessage": sentence, "status": 401}),
        "an object for an error": FETCH + json.dumps({"error": {"code": code, "message": sentence}}),
    }


WRAPPINGS = sorted(wrapped_errors("", ""))
