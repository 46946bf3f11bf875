"""The connections of one process that have got a token: the credentials, HTTP client and subaccount of each."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import httpx
from msgspec import Struct

from btp_trust.errors import TrustError, WrongSubaccount
from btp_trust.runtime.host import Host
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.configured_credentials import ConfiguredCredentials
from btp_trust.service.credentials.connections import Connection, Connections
from btp_trust.service.credentials.service_key import Service, ServiceKey
from btp_trust.service.credentials.user_tokens import UserTokens
from btp_trust.service.credentials.users import UserCredentialsLookup
from btp_trust.service.transport.http_client import CA_BUNDLE, SharedTransport, no_proxy_note, open_client
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust.snapshot import whole_guid


class OpenConnection(Struct, frozen=True):
    """A connection that has got a token."""

    connection: Connection
    subaccount_id: str
    subaccount_name: str | None
    """What the token calls it."""
    api_client: httpx.Client
    """Calls the service of the key with a token on each request."""
    user_tokens: UserTokens
    token_client: httpx.Client
    """Calls the token service."""

    def close(self) -> None:
        """Close the sockets of both clients."""
        self.api_client.close()
        self.token_client.close()


class OpenConnections:
    """Opens each connection once, and remembers a failure just as well.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        host: The environment, the clock and the transport.
        retry_policy: Bounds how long a token is waited for.
        print_note: Shows the user a line.
        configured: The credentials that the configuration has, or tells the place of.
    """

    def __init__(
        self,
        config: Callable[[str], str | None],
        host: Host,
        retry_policy: RetryPolicy,
        print_note: Callable[[str], None],
        configured: ConfiguredCredentials,
    ) -> None:
        self._host = host
        self._retry_policy = retry_policy
        self._print_note = print_note
        self._ca_bundle = config(CA_BUNDLE)
        self._connections = Connections(config, configured, host.environ, host.secrets_root)
        self._users = UserCredentialsLookup(config, host.environ)
        self._lock = threading.Lock()
        self._shared_transports: dict[bool, SharedTransport] = {}
        """By whether they use TLS: without it, the TLS settings trust no authority."""
        self._shared_tls: ssl.SSLContext | None = None
        # By service too: one name may have a key of the Destination service and one of XSUAA.
        self._locks: dict[tuple[Service, str], threading.Lock] = {}
        self._open: dict[tuple[Service, str], OpenConnection | TrustError] = {}

    def expect_subaccount(self, service: Service, name: str, expected: str | None, prop: str) -> OpenConnection:
        """Open a connection, and compare its subaccount with the one that the resource belongs to.

        Args:
            service: The service of the key.
            name: The connection's name.
            expected: GUID of the subaccount that was given or recorded, if any.
            prop: The argument that gives it.

        Raises:
            WrongSubaccount: The token is for another one, or a found binding leaves it open.
            TrustError: The connection gets no token.
        """
        opened = self.open(service, name)
        if expected is None and opened.connection.found_in_environment:
            raise _subaccount_id_missing(opened, prop)
        if expected is not None and opened.subaccount_id != expected:
            raise _wrong_subaccount(opened, expected, prop)
        return opened

    def open(self, service: Service, name: str) -> OpenConnection:
        """Return a connection with a token.

        Raises:
            TrustError: The connection gets no token.
        """
        with self._lock:
            lock = self._locks.setdefault((service, name), threading.Lock())
        # A lock of its own for each connection: the token of one is awaited while another one is used.
        with lock:
            if (service, name) not in self._open:
                self._open[service, name] = self._connect(service, name)
            opened = self._open[service, name]
        if isinstance(opened, TrustError):
            raise opened
        return opened

    def close(self, service: Service, name: str) -> None:
        """Close the sockets of a connection, if it is open."""
        opened = self._open.get((service, name))
        if isinstance(opened, OpenConnection):
            opened.close()

    def _tls(self, key: ServiceKey) -> ssl.SSLContext:
        """Return the TLS settings of a key; those without a client certificate are the same for all connections."""
        # By the machine's clock: the certificate is needed before any response has brought the service's time.
        if key.is_x509 or not key.uses_tls:
            return key.tls(self._host.clock(), self._ca_bundle)
        with self._lock:
            # Loading the authorities takes 60 ms, which a thousand connections would take each.
            if self._shared_tls is None:
                self._shared_tls = key.tls(self._host.clock(), self._ca_bundle)
            return self._shared_tls

    def _transport(self, key: ServiceKey, tls: ssl.SSLContext) -> httpx.BaseTransport | None:
        """Return the transport of a key; None for one of its own, as the TLS of a client certificate needs."""
        if self._host.transport is not None or key.is_x509:
            return self._host.transport
        with self._lock:
            if key.uses_tls not in self._shared_transports:
                self._shared_transports[key.uses_tls] = SharedTransport(tls, self._ca_bundle)
            return self._shared_transports[key.uses_tls].lease()

    def _connect(self, service: Service, name: str) -> OpenConnection | TrustError:
        """Find the credentials and get a token; a failure is kept, so that each resource fails alike."""
        try:
            connection = self._connections.find(name, service)
            tls = self._tls(connection.key)
            if note := no_proxy_note():
                self._print_note(note)
            return self._open_clients(name, connection, tls)
        except TrustError as error:
            return error

    def _open_clients(self, name: str, connection: Connection, tls: ssl.SSLContext) -> OpenConnection:
        """Open both clients and get a token; a failure closes them."""
        key = connection.key
        with ExitStack() as stack:
            # The token service has a client of its own: the other one's auth would wait for its own token.
            http = stack.enter_context(closing(open_client(tls, self._transport(key, tls), None, "", self._ca_bundle)))
            auth = ClientCredentials(key, http, self._retry_policy, self._host.monotonic)
            api_client = stack.enter_context(
                closing(open_client(tls, self._transport(key, tls), auth, key.uri, self._ca_bundle))
            )
            users = UserTokens(self._users, name, key, http, self._retry_policy)
            opened = OpenConnection(connection, auth.subaccount_id, auth.subaccount_name, api_client, users, http)
            stack.pop_all()
        return opened


def _subaccount_id_missing(opened: OpenConnection, prop: str) -> WrongSubaccount:
    connection = opened.connection
    return WrongSubaccount(
        f"{prop} is missing.",
        f"Connection {connection.name!r} was found in the environment ({connection.where}), so the "
        "program leaves open which subaccount is meant, and another machine may be bound to another one.",
        f'If {opened.subaccount_id} is meant: {prop}="{opened.subaccount_id}".',
        prop=prop,
    )


def _wrong_subaccount(opened: OpenConnection, expected: str, prop: str) -> WrongSubaccount:
    connection, expected = opened.connection, whole_guid(expected)
    # Whole: two GUIDs are compared here, and the service key of one of them is to be found.
    found = f"{opened.subaccount_name} ({opened.subaccount_id})" if opened.subaccount_name else opened.subaccount_id
    return WrongSubaccount(
        f"Connection {connection.name!r} is for another subaccount.",
        f"The resource belongs to {expected}, but the credentials in {connection.where} are for {found}. "
        "Nothing was planned for it.",
        f"Give the connection a service key of {expected}; a resource for {found} needs a name of its own.",
        prop=prop,
    )
