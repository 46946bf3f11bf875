"""A service key of the Destination service: parse it, and never show it.

Fields after SAP's documentation of bindings with a client secret and with an X.509 certificate.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from btp_trust.certificate import parse_pem
from btp_trust.errors import ConfigurationError, CredentialsRejected
from btp_trust.model import rfc3339

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_REMEDY: Final = "Create a service key of a destination service instance in that subaccount and use its JSON whole."


class ServiceKey(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for one destination service instance."""

    uri: str
    """Base URL of the Destination service."""
    clientid: str
    url: str = ""
    """Base URL of the token service, for a client secret."""
    clientsecret: str = ""
    certurl: str = ""
    """Base URL of the token service, for mutual TLS."""
    certificate: str = ""
    """PEM chain of the client certificate."""
    key: str = ""
    """PEM of its private key."""

    def __repr__(self) -> str:
        """Name the service, never the credentials."""
        return f"ServiceKey(uri={self.uri!r}, …)"

    @property
    def is_x509(self) -> bool:
        """Whether the token service is to be called with a client certificate."""
        return not self.clientsecret

    @property
    def token_url(self) -> str:
        """Where to POST the token request."""
        return f"{(self.certurl if self.is_x509 else self.url).rstrip('/')}/oauth/token"

    def tls(self, now: datetime) -> ssl.SSLContext:
        """Make the TLS settings: the usual authorities (or SSL_CERT_FILE), and the client certificate of an X.509 key.

        Raises:
            CredentialsRejected: The client certificate has expired.
            ConfigurationError: It does not fit its key.
        """
        context = httpx.create_ssl_context()
        if not self.is_x509:
            return context
        expires = parse_pem(self.certificate).not_after
        if expires <= now:
            raise CredentialsRejected(
                f"The certificate of the binding expired {rfc3339(expires)}.",
                "Keys that SAP manages live 7 days by default, and the token service refuses them afterwards.",
                "Create a new service key (or bind again) and give it to the connection.",
            )
        with tempfile.TemporaryDirectory(prefix="btp-trust-") as folder:
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_text(_lines(self.certificate) + "\n" + _lines(self.key))
            try:
                context.load_cert_chain(chain)
            except ssl.SSLError:
                raise ConfigurationError(
                    "The service key's `certificate` and `key` cannot be used together.",
                    "OpenSSL refuses to load the pair.",
                    _REMEDY,
                ) from None
        return context


def parse_service_key(text: str | bytes, where: str) -> ServiceKey:
    """Read the JSON of a service key; a `{"credentials": …}` wrapper is taken off.

    Args:
        text: The JSON.
        where: The place that it came from, for messages.

    Raises:
        ConfigurationError: It cannot be used. The message names fields, never values.
    """
    try:
        document = msgspec.json.decode(text)
        if isinstance(document, dict) and isinstance(document.get("credentials"), dict):
            document = document["credentials"]
        key = msgspec.convert(document, ServiceKey)
    except msgspec.ValidationError as error:
        raise _unusable(where, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unusable(where, "It is not JSON.") from None
    return _checked(key, where)


def _checked(key: ServiceKey, where: str) -> ServiceKey:
    needed = ("certurl", "certificate", "key") if key.is_x509 else ("url",)
    missing = [field for field in needed if not getattr(key, field)]
    if missing:
        raise _unusable(
            where,
            "It has neither `clientsecret` with `url` nor `certificate`, `key` and `certurl`: "
            f"{', '.join(missing)} is missing.",
        )
    for url in (key.uri, key.token_url):
        _check_url(url, where)
    if key.is_x509:
        try:
            parse_pem(key.certificate)
        except ValueError:
            raise _unusable(where, "Its `certificate` is no PEM certificate.") from None
    return key


def _check_url(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise _unusable(where, "One of its URLs is malformed.") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise _unusable(where, "Its URLs must begin with https:// (http:// only for this machine itself).")


def _unusable(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"The service key in {where} cannot be used.", why, _REMEDY)


def _lines(pem: str) -> str:
    return pem.replace("\\n", "\n")
