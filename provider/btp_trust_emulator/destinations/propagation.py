"""User propagation: from a destination and a user to an assertion, and from there to a token (SAP's documentation).

The texts of errors begin as those that were seen of the real service; the rest of them is not documented, but for what
the target answered, which they end with.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import msgspec

from btp_trust_emulator import certificates, keys, oauth
from btp_trust_emulator.destinations import user
from btp_trust_emulator.saml import assertion
from btp_trust_emulator.saml.names import UNSPECIFIED_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from btp_trust_emulator.destinations.destination import Destination
    from btp_trust_emulator.errands import Reply
    from btp_trust_emulator.state import Account

_OK = 200
_FAILED = "Retrieval of OAuthToken failed due to: "
_SECONDS = 10.0
_NO_TOKEN = "The response of the token service has no access token."  # noqa: S105 - a sentence


class CannotSign(Exception):
    """There is no assertion for this destination and user; the text says why."""


@dataclass(frozen=True, slots=True)
class AuthToken:
    """One entry of `authTokens`; without a value it is a failure, and `error` says why."""

    type: str = ""
    value: str = field(default="", repr=False)
    expires_in: int | None = None
    scope: str | None = None
    error: str | None = None

    def shown(self) -> dict[str, object]:
        """The entry as the service shows it: everything is text."""
        expires_in = "" if self.expires_in is None else str(self.expires_in)
        if self.error is not None:
            return {"type": "", "value": "", "error": self.error, "expires_in": ""}
        header = {"key": "Authorization", "value": f"{self.type} {self.value}"}
        optional = {"expires_in": expires_in, "scope": self.scope}
        shown = {name: value for name, value in optional.items() if value}
        return {"type": self.type, "value": self.value, "http_header": header, **shown}


@dataclass(frozen=True, slots=True)
class Signed:
    """An assertion, and the SHA-256 of the certificate whose key signed it."""

    octets: bytes = field(repr=False)
    fingerprint: str


def basic(destination: Destination) -> AuthToken:
    """What a destination with a user and a password comes to."""
    properties = destination.properties
    pair = f"{properties.get('User', '')}:{properties.get('Password', '')}"
    return AuthToken("Basic", base64.b64encode(pair.encode()).decode())


def signed(account: Account, destination: Destination, claims: Mapping[str, Any], now: datetime) -> Signed:
    """An assertion about the user in the token, signed with the subaccount's active key.

    Raises:
        CannotSign: the user or the key is missing, or the destination names a key store.
    """
    properties = destination.properties
    if "KeyStoreLocation" in properties:
        raise CannotSign("key stores of destinations are not emulated")
    pair = account.active
    if pair is None or pair.private_key is None:
        raise CannotSign("the subaccount has no active key pair")
    try:
        named = user.named(claims, destination)
    except user.NoUser as exc:
        raise CannotSign(str(exc)) from exc
    statement = assertion.Statement(
        issuer=properties.get("assertionIssuer") or certificates.common_name(account.guid),
        name_id=named.name_id,
        audience=properties.get("audience", ""),
        recipient=properties.get("assertionRecipient") or properties.get("tokenServiceURL"),
        name_id_format=named.name_id_format,
        name_qualifier=properties.get("nameQualifier"),
        authn_context=properties.get("authnContextClassRef") or UNSPECIFIED_CONTEXT,
        attributes=named.attributes,
    )
    shown = pair.certificate if destination.is_on("includeSigningCertificateInSAMLAssertion") else None
    octets = assertion.signed(statement, now, keys.from_pem(pair.private_key), shown)
    return Signed(octets, certificates.fingerprint(pair.certificate))


def plainly(octets: bytes) -> AuthToken:
    """An assertion that the client gets itself."""
    return AuthToken("SAML2.0", base64.b64encode(octets).decode())


def encoded(octets: bytes, destination: Destination) -> str:
    """An assertion as the destination's token service is sent it; by default in base64url, since June 2026."""
    if destination.properties.get("samlAssertionEncoding") == "base64":
        return base64.b64encode(octets).decode()
    return base64.urlsafe_b64encode(octets).decode()


def token_request(destination: Destination, text: str) -> httpx.Request:
    """The request for a token, with an encoded assertion.

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
        **destination.prefixed("tokenService.body."),
    }
    headers = {
        **destination.prefixed("tokenServiceURL.headers."),
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded",
    }
    if name := properties.get("tokenServiceUser"):
        pair = f"{name}:{properties.get('tokenServicePassword', '')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    body = urlencode({field: value for field, value in fields.items() if value is not None})
    queries = destination.prefixed("tokenServiceURL.queries.") or None
    return httpx.Request("POST", _url(destination), params=queries, headers=headers, content=body)


def _url(destination: Destination) -> httpx.URL:
    properties = destination.properties
    unsupported = {"ProxyType": "OnPremise", "tokenServiceURL.ProxyType": "OnPremise", "tokenServiceURLType": "Common"}
    for name, value in unsupported.items():
        if properties.get(name) == value:
            raise CannotSign(f"{name} {value} is not emulated")
    if "tokenService.KeyStoreLocation" in properties:
        raise CannotSign("key stores of destinations are not emulated")
    try:
        url = httpx.URL(properties.get("tokenServiceURL", ""))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise CannotSign("the tokenServiceURL is no URL")
    return url


def seconds(destination: Destination, name: str, most: float) -> float:
    """A time-out of the destination; ten seconds if there is none, one that is not allowed, or 0."""
    text = destination.properties.get(f"tokenServiceURL.{name}TimeoutInSeconds", "")
    given = float(text) if text.isascii() and text.isdigit() else _SECONDS
    return given if 0 < given <= most else _SECONDS


def received(reply: Reply) -> AuthToken:
    """What the token service's reply comes to."""
    if reply.status is None:
        return failed(f"Unable to fetch access token from the specified token service URL. {reply.failure}")
    if reply.status != _OK:
        text = reply.body.decode(errors="replace")
        why = f"Unable to fetch access token from the specified token service URL. Response was: {text}"
        return failed(why)
    try:
        content = msgspec.json.decode(reply.body, type=_Granted)
    except msgspec.DecodeError:
        return failed(_NO_TOKEN)
    return AuthToken("Bearer", content.access_token, content.expires_in, content.scope)


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int | None = None
    scope: str | None = None


def failed(why: str) -> AuthToken:
    """A failure."""
    return AuthToken(error=_FAILED + why)
