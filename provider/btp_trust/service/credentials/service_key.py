"""Service keys of the Destination service and of XSUAA. Messages name their fields; values stay hidden.

Fields after SAP's documentation of bindings with a client secret and with an X.509 certificate.
"""

from __future__ import annotations

import ssl
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from btp_trust.certificate import parse_pem
from btp_trust.errors import RENEWED_KEY_HINT, ConfigurationError, CredentialsRejected
from btp_trust.formatting import format_rfc3339
from btp_trust.service.credentials import wrong_key
from btp_trust.service.credentials.client_certificate import UnusablePair, load_client_certificate
from btp_trust.service.credentials.key_formats import find_credentials
from btp_trust.service.credentials.safe_url import UNSAFE_URL, is_safe_url
from btp_trust.service.transport.decoding import NO_JSON, DecodingError, find_json_object, to_text
from btp_trust.service.transport.http_client import create_tls_context, unused_tls_context


class Service(Struct, frozen=True):
    """Service of a connection."""

    name: str
    """Its name in bindings."""
    url_field: str
    """The field of its keys that holds its base URL."""
    instance_label: str
    """The kind of instance that has the keys, for a sentence."""

    @property
    def remedy(self) -> str:
        """Remedy for an unusable key."""
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
        """Name the service; hide the credentials."""
        return f"ServiceKey(uri={self.uri!r}, …)"

    @property
    def is_x509(self) -> bool:
        """Return True if the token service expects a client certificate (mutual TLS)."""
        return not self.clientsecret

    @property
    def uses_tls(self) -> bool:
        """Return True if one of the services is on another machine; plain HTTP is for this one (the emulator)."""
        return any(url.lower().startswith("https:") for url in (self.uri, self.token_url))

    @property
    def token_url(self) -> str:
        """URL of the token endpoint."""
        return f"{(self.certurl if self.is_x509 else self.url).rstrip('/')}/oauth/token"

    def tls(self, now: datetime, ca_bundle: str | None = None) -> ssl.SSLContext:
        """Create the TLS settings: the authorities, and the client certificate of an X.509 key.

        Args:
            now: When the client certificate must be valid.
            ca_bundle: Further authorities, see `http_client.create_tls_context`.

        Raises:
            CredentialsRejected: The client certificate has expired.
            ConfigurationError: `certificate` and `key` are of different pairs, or `ca_bundle` is unusable.
        """
        if not self.uses_tls:
            return unused_tls_context()
        context = create_tls_context(ca_bundle)
        if self.is_x509:
            # Checked here, so that the error has the date; the token service would only refuse.
            self._require_unexpired(now)
            self._load_client_certificate(context)
        return context

    def _require_unexpired(self, now: datetime) -> None:
        expires = parse_pem(self.certificate).not_after
        if expires <= now:
            raise CredentialsRejected(
                f"The certificate of the binding expired {format_rfc3339(expires)}.",
                "Keys that SAP manages live 7 days by default, and the token service rejects them afterwards.",
                f"Create a new service key (or bind again) and give it to the connection. {RENEWED_KEY_HINT}",
            )

    def _load_client_certificate(self, context: ssl.SSLContext) -> None:
        try:
            load_client_certificate(context, self.certificate, self.key)
        except UnusablePair:
            raise ConfigurationError(
                "The service key's `certificate` and `key` cannot be used together.",
                "OpenSSL refuses to load the pair.",
                "Create a new service key and use its JSON whole.",
            ) from None


def parse_service_key(text: str | bytes, where: str, service: Service = DESTINATION) -> ServiceKey:
    """Parse a service key in any notation of common tools, see `decoding.find_json_object` and `key_formats`.

    Args:
        text: The JSON, and the text that a tool put around it.
        where: The place of the key, for messages.
        service: The service that the key must be for.

    Raises:
        ConfigurationError: `text` is not a key of `service`. The message names fields only.
    """
    why = ""
    try:
        return _validate(find_json_object(text), where, service)
    except DecodingError as error:
        why = _describe_invalid(text, str(error))
    # Raised after the handler: the decoder's error would become the context.
    raise _unusable_key(where, why, service)


def _describe_invalid(text: str | bytes, why: str) -> str:
    """Describe a text without a JSON object by its resemblance; keep any other reason."""
    return wrong_key.describe_text(to_text(text)) if why == NO_JSON else why


def _validate(document: dict[str, Any], where: str, service: Service) -> ServiceKey:
    fields = find_credentials(document)
    own = {name: fields.get(name, "") for name in ServiceKey.__struct_fields__}
    key = ServiceKey(**{**own, "uri": fields.get(service.url_field, "")})
    needed = ("certurl", "certificate", "key") if key.is_x509 else ("url",)
    missing = [field for field in ("uri", "clientid", *needed) if not getattr(key, field)]
    if missing:
        raise _unusable_key(where, _describe_missing(missing, document, service), service)
    if (other := wrong_key.find_other_service(document, service.url_field)) is not None:
        raise _unusable_key(where, f"It resembles a key of {other}.", service)
    if not all(is_safe_url(url) for url in (key.uri, key.url, key.certurl) if url):
        raise _unusable_key(where, UNSAFE_URL, service)
    if key.is_x509:
        try:
            parse_pem(key.certificate)
        except ValueError:
            raise _unusable_key(where, "Its `certificate` is no PEM certificate.", service) from None
    return key


def _describe_missing(missing: list[str], document: dict[str, Any], service: Service) -> str:
    names = ", ".join(service.url_field if field == "uri" else field for field in missing)
    needs = (
        f"It needs `{service.url_field}`, `clientid` and either `clientsecret` with `url` or `certificate`, `key` "
        f"and `certurl`: {names} is missing."
    )
    return f"{needs} {wrong_key.describe_document(document, service.url_field)}".rstrip()


def _unusable_key(where: str, why: str, service: Service) -> ConfigurationError:
    return ConfigurationError(f"The service key in {where} cannot be used.", why, service.remedy)
