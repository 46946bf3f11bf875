"""The seven operations of the trust API. This module alone has their paths, status codes and JSON keys.

Source: SAP's OpenAPI file of the Destination service, tags "Trust Certificate on Subaccount Level" and
"SAML IdP Metadata XML". All requests are without a body.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import httpx
import msgspec

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.service.credentials.service_key import DESTINATION
from btp_trust.service.responses import (
    BASE_PATH,
    decode_body,
    require_authorized,
    require_documented_not_found,
    unexpected_response,
)
from btp_trust.service.transport.request import send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

_METADATA: Final = "/saml2Metadata"
_ACTIVE: Final = "/saml2Metadata/certificate"
_PASSIVE: Final = "/saml2Metadata/certificate/passive"
_ROTATE: Final = "/saml2Metadata/rotateCertificate"


# SAP's schema makes the certificates optional. Required here: a response that lacks one leaves the outcome open.
class _CertificateResponse(msgspec.Struct):
    certificate: str


class _RotationResponse(msgspec.Struct, rename="camel"):
    active_certificate: str
    passive_certificate: str


class _MetadataResponse(msgspec.Struct, rename="camel"):
    idp_metadata: str


class _DeletionResponse(msgspec.Struct, rename="pascal"):
    count: int


class TrustCertificatesClient:
    """Calls the trust API of the token's subaccount: a write once, a read again while the service is unavailable.

    All methods raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the service's, and whose auth puts a token on each request.
        retry_policy: Bounds the attempts of a read and the time of all requests.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy
        self.server_time: datetime | None = None
        """The service's clock at its last response, UTC."""

    def active(self) -> Certificate | None:
        """GET the active certificate; None if the slot is empty."""
        return self._get_certificate(_ACTIVE)

    def passive(self) -> Certificate | None:
        """GET the passive certificate; None if the slot is empty."""
        return self._get_certificate(_PASSIVE)

    def has_metadata(self) -> bool:
        """GET the IdP metadata; return True if the subaccount has a key pair."""
        response = self._get(_METADATA)
        if response.status_code == httpx.codes.NOT_FOUND:
            _require_not_found(response)
            return False
        if not decode_body(response, _MetadataResponse).idp_metadata:
            raise unexpected_response(response)
        return True

    def generate_active(self) -> Certificate:
        """POST: generate the active certificate, or renew it; the service signs with it at once."""
        return self._generate(_ACTIVE)

    def generate_passive(self) -> Certificate:
        """POST: generate the passive certificate, or overwrite it with a new one."""
        return self._generate(_PASSIVE)

    def rotate(self) -> tuple[Certificate, Certificate]:
        """POST: swap both certificates; return the active and the passive one afterwards."""
        response = self._send("POST", _ROTATE)
        after = decode_body(response, _RotationResponse)
        return _parse_certificate(after.active_certificate, response), _parse_certificate(
            after.passive_certificate, response
        )

    def delete_passive(self) -> None:
        """DELETE the passive certificate; an empty slot is a success."""
        response = self._send("DELETE", _PASSIVE)
        if response.status_code == httpx.codes.NOT_FOUND:
            _require_not_found(response)
        else:
            # Any count is a success: 0 would be an empty slot as well.
            decode_body(response, _DeletionResponse)

    def _get_certificate(self, path: str) -> Certificate | None:
        response = self._get(path)
        if response.status_code == httpx.codes.NOT_FOUND:
            require_documented_not_found(response)
            return None
        return _parse_certificate(decode_body(response, _CertificateResponse).certificate, response)

    def _generate(self, path: str) -> Certificate:
        response = self._send("POST", path)
        return _parse_certificate(decode_body(response, _CertificateResponse).certificate, response)

    def _get(self, path: str) -> httpx.Response:
        return self._retry_policy.run_with_retries(lambda: self._send("GET", path), is_unavailable)

    def _send(self, method: str, path: str) -> httpx.Response:
        # The service answers 400 to a body of any kind, so there is none.
        request = self._http.build_request(method, f"{BASE_PATH}{path}", headers={"Accept": "application/json"})
        response = send(self._http, request, self._retry_policy)
        # Ages of certificates are compared with the service's clock, as this machine's may be wrong.
        self.server_time = server_time(response) or self.server_time
        return require_authorized(response, "trust certificates", DESTINATION)


def _parse_certificate(pem: str, response: httpx.Response) -> Certificate:
    try:
        return parse_pem(pem)
    except ValueError as error:
        raise unexpected_response(response, f" The certificate: {error}.") from None


def _require_not_found(response: httpx.Response) -> None:
    """Accept also the plain `Not Found` that two operations document: reading metadata and deleting."""
    # A page with the same words comes from a proxy.
    if response.content.strip() != b"Not Found" or "html" in response.headers.get("content-type", "").lower():
        require_documented_not_found(response)
