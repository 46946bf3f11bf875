"""A service key of the Destination service, or of XSUAA: parse it, and never show it.

Fields after SAP's documentation of bindings with a client secret and with an X.509 certificate.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from btp_trust.certificate import parse_pem
from btp_trust.errors import RENEWED_KEY_HINT, ConfigurationError, CredentialsRejected
from btp_trust.formatting import format_rfc3339
from btp_trust.parsing.pem import find_blocks
from btp_trust.service.credentials import wrong_key
from btp_trust.service.credentials.key_formats import find_credentials
from btp_trust.service.transport.decoding import NO_JSON, DecodingError, find_json_object, to_text
from btp_trust.service.transport.http_client import create_tls_context
from btp_trust.service.transport.proxies import LAST_PORT, LOOPBACK


@dataclass(frozen=True, slots=True)
class Service:
    """A service that a connection may be for."""

    name: str
    """As bindings name it."""
    url_field: str
    """The field of its keys that holds its base URL."""
    instance_label: str
    """What a key is made of, for a sentence."""

    @property
    def remedy(self) -> str:
        """What to do about a key that cannot be used."""
        return f"Create a service key of {self.instance_label} in that subaccount and use its JSON whole."


DESTINATION: Final = Service("destination", "uri", "a destination service instance")
XSUAA: Final = Service("xsuaa", "apiurl", "an XSUAA instance (plan apiaccess)")


class ServiceKey(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for one instance of a service."""

    uri: str
    """Base URL of the service: `uri` of the Destination service, `apiurl` of XSUAA."""
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

    def tls(self, now: datetime, ca_bundle: str | None = None) -> ssl.SSLContext:
        """Make the TLS settings: the authorities, and the client certificate of an X.509 key.

        Args:
            now: When the client certificate must be valid.
            ca_bundle: Further authorities, see `channel.authorities`.

        Raises:
            CredentialsRejected: The client certificate has expired.
            ConfigurationError: It does not fit its key, or authorities cannot be loaded.
        """
        if not any(url.lower().startswith("https:") for url in (self.uri, self.token_url)):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # on this machine itself: no authorities to load
        context = create_tls_context(ca_bundle)
        if self.is_x509:
            self._load_client_certificate(context, now)
        return context

    def _load_client_certificate(self, context: ssl.SSLContext, now: datetime) -> None:
        expires = parse_pem(self.certificate).not_after
        if expires <= now:
            raise CredentialsRejected(
                f"The certificate of the binding expired {format_rfc3339(expires)}.",
                "Keys that SAP manages live 7 days by default, and the token service refuses them afterwards.",
                f"Create a new service key (or bind again) and give it to the connection. {RENEWED_KEY_HINT}",
            )
        with tempfile.TemporaryDirectory(prefix="btp-trust-") as folder:
            chain = Path(folder, "chain.pem")
            chain.touch(mode=0o600)
            chain.write_text(_pem_lines(self.certificate) + _pem_lines(self.key), encoding="utf-8")
            try:
                # An empty pass phrase: OpenSSL would ask for one at the terminal, and nobody sits there.
                context.load_cert_chain(chain, password="")
            except OSError:
                raise ConfigurationError(
                    "The service key's `certificate` and `key` cannot be used together.",
                    "OpenSSL refuses to load the pair.",
                    "Create a new service key and use its JSON whole.",
                ) from None


def parse_service_key(text: str | bytes, where: str, service: Service = DESTINATION) -> ServiceKey:
    """Read a service key in any of the shapes that tools give it, see `documents.find_json_object` and `key_formats`.

    Args:
        text: The JSON, and what a tool put around it.
        where: The place that it came from, for messages.
        service: The service that it must be for.

    Raises:
        ConfigurationError: It cannot be used. The message names fields, never values.
    """
    why = ""
    try:
        return _validate(find_json_object(text), where, service)
    except DecodingError as error:
        why = _describe_invalid(text, str(error))
    # Not raised within the handler: an error of a decoder would be a part of it.
    raise _unusable_key(where, why, service)


def _describe_invalid(text: str | bytes, why: str) -> str:
    """Say what a text without a JSON object resembles; what else is wrong with a text is said already."""
    return wrong_key.describe_text(to_text(text)) if why == NO_JSON else why


def _validate(document: dict[str, Any], where: str, service: Service) -> ServiceKey:
    fields = find_credentials(document)
    own = {name: fields.get(name, "") for name in ServiceKey.__struct_fields__}
    key = ServiceKey(**{**own, "uri": fields.get(service.url_field, "")})
    needed = ("certurl", "certificate", "key") if key.is_x509 else ("url",)
    missing = [field for field in ("uri", "clientid", *needed) if not getattr(key, field)]
    if missing:
        named = ", ".join(service.url_field if field == "uri" else field for field in missing)
        needs = (
            f"It needs `{service.url_field}`, `clientid` and either `clientsecret` with `url` or `certificate`, `key` "
            f"and `certurl`: {named} is missing."
        )
        said = wrong_key.describe_document(document, service.url_field)
        raise _unusable_key(where, f"{needs} {said}".rstrip(), service)
    if (other := wrong_key.find_other_service(document, service.url_field)) is not None:
        raise _unusable_key(where, f"It resembles a key of {other}.", service)
    if not all(_is_safe(url) for url in (key.uri, key.url, key.certurl) if url):
        raise _unusable_key(
            where,
            "Its URLs must begin with https:// (http:// only for this machine itself) and name a host; no user, no "
            "query, no fragment.",
            service,
        )
    if key.is_x509:
        try:
            parse_pem(key.certificate)
        except ValueError:
            raise _unusable_key(where, "Its `certificate` is no PEM certificate.", service) from None
    return key


def _is_safe(text: str) -> bool:
    try:
        url = httpx.URL(text)
        host, port = url.host, url.port or 0
        url.raw_host.decode("ascii").encode("idna")  # as the resolver will do it
    except (httpx.InvalidURL, UnicodeError):
        return False
    if not host or url.userinfo or port > LAST_PORT or "?" in text or "#" in text:
        return False
    return url.scheme == "https" or (url.scheme == "http" and host in LOOPBACK)


def _unusable_key(where: str, why: str, service: Service) -> ConfigurationError:
    return ConfigurationError(f"The service key in {where} cannot be used.", why, service.remedy)


def _pem_lines(pem: str) -> str:
    return "".join(each.text for each in find_blocks(pem))
