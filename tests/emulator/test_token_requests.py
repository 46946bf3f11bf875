"""The request to the token service follows the destination."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from btp_trust_emulator import (
    Level,
)
from btp_trust_emulator.backend.destination import parse_destination
from btp_trust_emulator.services.destinations import propagation
from support.destinations import PLAIN

if TYPE_CHECKING:
    pass


def test_request_follows_destination() -> None:
    """Headers, queries and further fields are the destination's; the client authenticates by Basic if named."""
    properties = {
        **PLAIN,
        "tokenServiceURL": "https://token.example.com/token",
        "tokenServiceURL.headers.x-trace": "1",
        "tokenServiceURL.queries.sap-client": "100",
        "tokenService.body.resource": "api",
        "clientKey": "key",
        "companyId": "ACME",
        "scope": "A B",
    }
    request = propagation.token_request(parse_destination(Level.SUBACCOUNT, properties), "assertion")
    assert request.url == "https://token.example.com/token?sap-client=100"
    assert dict(parse_qsl(request.content.decode())) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": "assertion",
        "client_id": "key",
        "company_id": "ACME",
        "scope": "A B",
        "resource": "api",
    }
    assert (request.headers["x-trace"], "authorization" in request.headers) == ("1", False)


@pytest.mark.parametrize(("encoding", "text"), [(None, "-_-_"), ("base64url", "-_-_"), ("base64", "+/+/")])
def test_encoding_follows_destination(encoding: str | None, text: str) -> None:
    """The assertion is sent in the destination's encoding, by default base64url."""
    properties = {**PLAIN, **({"samlAssertionEncoding": encoding} if encoding else {})}
    assert propagation.encode_assertion(b"\xfb\xff\xbf", parse_destination(Level.SUBACCOUNT, properties)) == text


@pytest.mark.parametrize(
    ("text", "expected"), [("", 10), ("0", 10), ("1", 1), ("60", 60), ("61", 10), ("-1", 10), ("1.5", 10), ("x", 10)]
)
def test_timeout_follows_destination(text: str, expected: float) -> None:
    """A timeout in range is the destination's; otherwise it is ten seconds."""
    destination = parse_destination(Level.SUBACCOUNT, {**PLAIN, "tokenServiceURL.ConnectionTimeoutInSeconds": text})
    assert propagation.timeout_seconds(destination, "Connection", 60) == expected
