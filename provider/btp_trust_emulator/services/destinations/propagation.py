"""User propagation: from a destination and a user to an assertion, and from there to a token (SAP's documentation).

The texts of errors begin as those that were seen of the real service; the rest is undocumented, except for the
target's response, with which they end.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import msgspec

from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import assertion
from btp_trust_emulator.saml.xml import EMAIL_ADDRESS, UNSPECIFIED, UNSPECIFIED_CONTEXT
from btp_trust_emulator.services import oauth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.messages import UpstreamResponse


_CLAIM = {EMAIL_ADDRESS: "email", UNSPECIFIED: "user_name"}
_STEP = re.compile(r"\.?\['([^']+)'\]|\.([^.\[]+)")
_USER_INFO = ("user_id", "user_name", "given_name", "family_name", "email", "sub")


class UserNotDetermined(Exception):
    """The token names no user; the text says why."""


@dataclass(frozen=True, slots=True)
class SamlSubject:
    """A user as an assertion names one."""

    name_id: str
    name_id_format: str
    attributes: dict[str, list[str]]


def saml_subject(claims: Mapping[str, Any], destination: Destination) -> SamlSubject:
    """Return the user in a token, named as the destination asks for it.

    Raises:
        UserNotDetermined: the claim with the name is missing.
    """
    properties = destination.properties
    name_id_format = properties.get("nameIdFormat") or UNSPECIFIED
    source = properties.get("userIdSource")
    if source is None and name_id_format not in _CLAIM:
        raise UserNotDetermined(f"the nameIdFormat {name_id_format} is unsupported")
    name_id = _claim_at(claims, source or _CLAIM[name_id_format])
    if not isinstance(name_id, str) or not name_id:
        raise UserNotDetermined("the user ID could not be determined")
    return SamlSubject(name_id, name_id_format, _attributes(claims, destination))


def _claim_at(claims: Mapping[str, Any], source: str) -> Any:
    """Return a claim by its key, or by a JsonPath of keys alone."""
    if not source.startswith("$"):
        return claims.get(source)
    value: Any = claims
    for bracketed, dotted in _STEP.findall(source):
        value = value.get(bracketed or dotted) if isinstance(value, dict) else None
    return value


def _attributes(claims: Mapping[str, Any], destination: Destination) -> dict[str, list[str]]:
    """Return what the user information endpoint would return, the user's UUID and groups."""
    names = _USER_INFO if destination.is_true("skipUserUuidInSAMLAttributes") else (*_USER_INFO, "user_uuid")
    attributes = {name: [str(claims[name])] for name in names if claims.get(name)}
    groups = _claim_at(claims, "$['xs.system.attributes']['xs.saml.groups']")
    return attributes | ({"Groups": [str(group) for group in groups]} if groups else {})


_OK = 200
_ERROR_PREFIX = "Retrieval of OAuthToken failed due to: "
_DEFAULT_TIMEOUT_SECONDS = 10.0
_NO_TOKEN = "The response of the token service has no access token."  # noqa: S105 - a sentence


class CannotSign(Exception):
    """An assertion for this destination and user is impossible; the text says why."""


@dataclass(frozen=True, slots=True)
class AuthToken:
    """One entry of `authTokens`; if it failed, `error` says why, and the value is empty."""

    type: str = ""
    value: str = field(default="", repr=False)
    expires_in: int | None = None
    scope: str | None = None
    error: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the entry as the service shows it: everything is text."""
        expires_in = "" if self.expires_in is None else str(self.expires_in)
        if self.error is not None:
            return {"type": "", "value": "", "error": self.error, "expires_in": ""}
        header = {"key": "Authorization", "value": f"{self.type} {self.value}"}
        optional = {"expires_in": expires_in, "scope": self.scope}
        present = {name: value for name, value in optional.items() if value}
        return {"type": self.type, "value": self.value, "http_header": header, **present}


@dataclass(frozen=True, slots=True)
class SignedAssertion:
    """An assertion, and the SHA-256 of the certificate whose key signed it."""

    octets: bytes = field(repr=False)
    fingerprint: str


def basic_token(destination: Destination) -> AuthToken:
    """Return the token of a destination with a user and a password."""
    properties = destination.properties
    pair = f"{properties.get('User', '')}:{properties.get('Password', '')}"
    return AuthToken("Basic", base64.b64encode(pair.encode()).decode())


def sign_assertion(
    account: Account, destination: Destination, claims: Mapping[str, Any], now: datetime
) -> SignedAssertion:
    """Return an assertion about the user in the token, signed with the subaccount's active key.

    Raises:
        CannotSign: the user or the key is missing, or the destination names a key store.
    """
    properties = destination.properties
    if "KeyStoreLocation" in properties:
        raise CannotSign("key stores of destinations are outside of the emulation")
    pair = account.active
    if pair is None or pair.private_key is None:
        raise CannotSign("the subaccount lacks an active key pair")
    try:
        subject = saml_subject(claims, destination)
    except UserNotDetermined as exc:
        raise CannotSign(str(exc)) from exc
    statement = assertion.Statement(
        issuer=properties.get("assertionIssuer") or trust_certificate.common_name(account.guid),
        name_id=subject.name_id,
        audience=properties.get("audience", ""),
        recipient=properties.get("assertionRecipient") or properties.get("tokenServiceURL"),
        name_id_format=subject.name_id_format,
        name_qualifier=properties.get("nameQualifier"),
        authn_context=properties.get("authnContextClassRef") or UNSPECIFIED_CONTEXT,
        attributes=subject.attributes,
    )
    certificate = pair.certificate if destination.is_true("includeSigningCertificateInSAMLAssertion") else None
    octets = assertion.sign_assertion(statement, now, keys.from_pem(pair.private_key), certificate)
    return SignedAssertion(octets, trust_certificate.fingerprint(pair.certificate))


def saml2_token(octets: bytes) -> AuthToken:
    """Return an assertion as a token for the client itself."""
    return AuthToken("SAML2.0", base64.b64encode(octets).decode())


def encode_assertion(octets: bytes, destination: Destination) -> str:
    """Return an assertion as the destination's token service gets it; by default in base64url, since June 2026."""
    if destination.properties.get("samlAssertionEncoding") == "base64":
        return base64.b64encode(octets).decode()
    return base64.urlsafe_b64encode(octets).decode()


def token_request(destination: Destination, text: str) -> httpx.Request:
    """Return the request for a token, with an encoded assertion.

    Raises:
        CannotSign: the destination names no token service that could be reached.
    """
    properties = destination.properties
    fields = {
        "grant_type": oauth.SAML2_BEARER,
        "assertion": text,
        "client_id": properties.get("clientKey"),
        "company_id": properties.get("companyId"),
        "scope": properties.get("scope"),
        **destination.without_prefix("tokenService.body."),
    }
    headers = {
        **destination.without_prefix("tokenServiceURL.headers."),
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    if name := properties.get("tokenServiceUser"):
        pair = f"{name}:{properties.get('tokenServicePassword', '')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    body = urlencode({field: value for field, value in fields.items() if value is not None})
    queries = destination.without_prefix("tokenServiceURL.queries.") or None
    return httpx.Request("POST", _url(destination), params=queries, headers=headers, content=body)


def _url(destination: Destination) -> httpx.URL:
    properties = destination.properties
    unsupported = {"ProxyType": "OnPremise", "tokenServiceURL.ProxyType": "OnPremise", "tokenServiceURLType": "Common"}
    for name, value in unsupported.items():
        if properties.get(name) == value:
            raise CannotSign(f"{name} {value} is outside of the emulation")
    if "tokenService.KeyStoreLocation" in properties:
        raise CannotSign("key stores of destinations are outside of the emulation")
    try:
        url = httpx.URL(properties.get("tokenServiceURL", ""))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise CannotSign("the tokenServiceURL is malformed")
    return url


def timeout_seconds(destination: Destination, name: str, maximum: float) -> float:
    """Return a timeout of the destination; ten seconds if it is missing, out of range, or 0."""
    text = destination.properties.get(f"tokenServiceURL.{name}TimeoutInSeconds", "")
    given = float(text) if text.isascii() and text.isdigit() else _DEFAULT_TIMEOUT_SECONDS
    return given if 0 < given <= maximum else _DEFAULT_TIMEOUT_SECONDS


def parse_token_response(upstream_response: UpstreamResponse) -> AuthToken:
    """Return the token in the token service's response, or the error."""
    if upstream_response.status is None:
        return failed_token(
            f"Unable to fetch access token from the specified token service URL. {upstream_response.failure}"
        )
    if upstream_response.status != _OK:
        text = upstream_response.body.decode(errors="replace")
        why = f"Unable to fetch access token from the specified token service URL. Response was: {text}"
        return failed_token(why)
    try:
        content = msgspec.json.decode(upstream_response.body, type=_TokenResponse)
    except msgspec.DecodeError:
        return failed_token(_NO_TOKEN)
    return AuthToken("Bearer", content.access_token, content.expires_in, content.scope)


class _TokenResponse(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int | None = None
    scope: str | None = None


def failed_token(why: str) -> AuthToken:
    """Return a failure."""
    return AuthToken(error=_ERROR_PREFIX + why)
