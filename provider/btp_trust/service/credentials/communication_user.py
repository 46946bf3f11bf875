"""The communication user of a connection to S/4HANA or the ABAP environment: the inbound user of SAP_COM_0A48.

It logs on with a password or with a client certificate. Messages name its fields; values stay hidden.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from btp_trust.certificate import parse_pem
from btp_trust.errors import ConfigurationError, CredentialsMissing, CredentialsRejected
from btp_trust.formatting import format_rfc3339
from btp_trust.parsing import text_decoding
from btp_trust.service.credentials.client_certificate import UnusablePair, load_client_certificate
from btp_trust.service.credentials.configured_credentials import CONNECTIONS, ConfiguredCredentials
from btp_trust.service.credentials.environment import ConnectionVariables
from btp_trust.service.credentials.key_formats import find_credentials
from btp_trust.service.credentials.safe_url import UNSAFE_URL, is_safe_url
from btp_trust.service.transport.decoding import DecodingError, find_json_object
from btp_trust.service.transport.http_client import create_tls_context, unused_tls_context

SCENARIO: Final = "SAP_COM_0A48"
"""Communication scenario whose inbound user may read and write communication systems."""
_VARIABLE: Final = "BTP_TRUST_COMMUNICATION_USER"
_EXAMPLE: Final = '{"url": "https://<tenant>-api.s4hana.cloud.sap", "user": "<user>", "password": "<password>"}'
_REMEDY: Final = f"Give the inbound user of a communication arrangement for {SCENARIO}, for example: {_EXAMPLE}"
_FIELD_SETS: Final = (frozenset({"url", "user", "password"}), frozenset({"url", "certificate", "key"}))


class CommunicationUser(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials for one tenant."""

    url: str
    """Base URL of the tenant's APIs."""
    user: str = ""
    password: str = ""
    certificate: str = ""
    """PEM chain of the client certificate, in place of user and password."""
    key: str = ""
    """PEM of its private key."""

    def __repr__(self) -> str:
        """Name the tenant; hide the credentials."""
        return f"CommunicationUser(url={self.url!r}, …)"

    @property
    def host(self) -> str:
        """Host of the tenant, by which messages name it."""
        return httpx.URL(self.url).host

    def tls(self, now: datetime, ca_bundle: str | None = None) -> ssl.SSLContext:
        """Create the TLS settings: the authorities, and the client certificate if there is one.

        Args:
            now: When the client certificate must be valid.
            ca_bundle: Further authorities, see `http_client.create_tls_context`.

        Raises:
            CredentialsRejected: The client certificate has expired.
            ConfigurationError: `certificate` and `key` are of different pairs, or `ca_bundle` is unusable.
        """
        if not self.url.lower().startswith("https:"):
            return unused_tls_context()
        context = create_tls_context(ca_bundle)
        if self.certificate:
            self._require_unexpired(now)
            self._load_client_certificate(context)
        return context

    def _require_unexpired(self, now: datetime) -> None:
        expires = parse_pem(self.certificate).not_after
        if expires <= now:
            raise CredentialsRejected(
                f"The client certificate of the communication user expired {format_rfc3339(expires)}.",
                f"{self.host} rejects it since then.",
                "Give the communication user a new certificate in the tenant, and the connection the new pair.",
            )

    def _load_client_certificate(self, context: ssl.SSLContext) -> None:
        try:
            load_client_certificate(context, self.certificate, self.key)
        except UnusablePair:
            raise ConfigurationError(
                "The communication user's `certificate` and `key` cannot be used together.",
                "OpenSSL refuses to load the pair.",
                "Give the connection the certificate and the private key of one pair, both in PEM.",
            ) from None


class ResolvedCommunicationUser(Struct, frozen=True):
    """Communication user of a connection, with the place that has it."""

    connection: str
    user: CommunicationUser
    where: str


class CommunicationUsers:
    """Looks up communication users by connection; the first place that has one wins.

    Args:
        configured: The credentials that the configuration has, or tells the place of.
        environ: The environment.
    """

    def __init__(self, configured: ConfiguredCredentials, environ: Mapping[str, str]) -> None:
        self._configured = configured
        self._variables = ConnectionVariables(environ)

    def find(self, connection: str) -> ResolvedCommunicationUser:
        """Find the communication user of a connection.

        Raises:
            CredentialsMissing: All places are empty.
            ConfigurationError: The first user is malformed, or two connections share an environment variable.
        """
        source = next(self._sources(connection), None)
        if source is None:
            variable = f"environment variable {self._variables.name(_VARIABLE, connection)}"
            places = "; ".join([*self._configured.searched_places(connection), variable])
            raise CredentialsMissing(
                f"No communication user was found for connection {connection!r}.",
                f"Searched, in this order: {places}.",
                f"Set one: pulumi config set --secret {CONNECTIONS} '{{\"{connection}\": {_EXAMPLE}}}'",
            )
        text, where = source
        return ResolvedCommunicationUser(connection, parse_communication_user(text, where), where)

    def _sources(self, connection: str) -> Iterator[tuple[str, str]]:
        for found in self._configured.sources(connection):
            yield found.text, found.where
        if value := self._variables.get(_VARIABLE, connection):
            yield value, self._variables.name(_VARIABLE, connection)


def parse_communication_user(text: str | bytes, where: str) -> CommunicationUser:
    """Parse a communication user.

    Args:
        text: JSON, and the text that a tool put around it.
        where: The place of the user, for messages.

    Raises:
        ConfigurationError: `text` is no communication user. The message names fields only.
    """
    try:
        document = find_json_object(text)
    except DecodingError:
        document = {}
    user = _from_document(document)
    if (why := _why_unusable(document, user)) is not None:
        raise ConfigurationError(f"The communication user in {where} cannot be used.", why, _REMEDY)
    return user


def is_communication_user(text: str | bytes) -> bool:
    """Return True if a text is a communication user: a connection of another kind has its own reader."""
    try:
        parse_communication_user(text, "")
    except ConfigurationError:
        return False
    return True


def _from_document(document: Mapping[str, Any]) -> CommunicationUser:
    # PEM in all the notations that service keys have.
    pair = find_credentials({name: document[name] for name in ("certificate", "key") if name in document})
    texts = {name: value for name in ("url", "user", "password") if isinstance(value := document.get(name), str)}
    # A password may begin or end with a blank; an address may not.
    return CommunicationUser(
        url=text_decoding.strip_invisible(texts.get("url", "")).strip(),
        user=texts.get("user", "").strip(),
        password=texts.get("password", ""),
        certificate=pair.get("certificate", ""),
        key=pair.get("key", ""),
    )


def _why_unusable(document: Mapping[str, Any], user: CommunicationUser) -> str | None:
    if "clientid" in find_credentials(document):
        return "It is a service key, and a communication system is reached by a communication user of its own tenant."
    # Both ways to log on could stand for two users.
    if {name for name in user.__struct_fields__ if getattr(user, name)} not in _FIELD_SETS:
        return "It is a JSON object with `url`, `user` and `password`, or with `url`, `certificate` and `key`."
    if not is_safe_url(user.url):
        return UNSAFE_URL
    if ":" in user.user:
        return "Its `user` has a colon, which separates the name from the password when a user logs on."
    return _why_no_certificate(user.certificate)


def _why_no_certificate(pem: str) -> str | None:
    try:
        if pem:
            parse_pem(pem)
    except ValueError:
        return "Its `certificate` is no PEM certificate."
    return None
