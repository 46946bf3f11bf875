"""What one process shares: connections, tokens, HTTP clients, readings of the slots, and a lock per subaccount.

Provider instances are empty, because Pulumi pickles them into the state; all of them use the one `Session`.
The engine runs a process for a preview and another for the changes, and calls it from four threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from btp_trust.errors import ConfigurationError, Refused, TrustError, WrongSubaccount, to_printable
from btp_trust.runtime.host import Host
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.trust_configuration import TrustConfiguration
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.connections import Connection, Connections
from btp_trust.service.credentials.service_key import DESTINATION, XSUAA, Service
from btp_trust.service.credentials.user_tokens import UserTokens
from btp_trust.service.credentials.users import UserCredentialsLookup
from btp_trust.service.destinations import DestinationClient
from btp_trust.service.identity_providers import IdentityProviderClient
from btp_trust.service.transport.http_client import CA_BUNDLE, no_proxy_note, open_client
from btp_trust.service.transport.retry import RetryPolicy, parse_timeouts
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust.snapshot import subaccount_label


@dataclass(frozen=True, slots=True)
class _OpenConnection:
    """A connection that has got a token."""

    connection: Connection
    subaccount_id: str
    api_client: httpx.Client
    """Calls the service of the key with a token on each request."""
    user_tokens: UserTokens


class Session:
    """The connections and subaccounts of one process.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is not set.
        world: What is outside.
    """

    def __init__(self, config: Callable[[str], str | None], host: Host | None = None) -> None:
        self.host = host or Host()
        self.retry_policy = RetryPolicy(parse_timeouts(config), self.host.sleep, self.host.monotonic)
        self.offline = _read_switch(config, "btp-trust:offline")
        self.strict = _read_switch(config, "btp-trust:strict")
        self._ca_bundle = config(CA_BUNDLE)
        self._connections = Connections(config, self.host.environ, self.host.secrets_root)
        self._users = UserCredentialsLookup(config, self.host.environ)
        self._lock = threading.Lock()
        self._connection_locks: dict[tuple[Service, str], threading.Lock] = {}
        self._open_connections: dict[tuple[Service, str], _OpenConnection | TrustError] = {}
        self._subaccounts: dict[str, Subaccount] = {}
        self._trust_configurations: dict[str, TrustConfiguration] = {}
        self._declared_passives: set[str] = set()
        self._declared_names: dict[tuple[str, str], str] = {}
        self._connections_of: dict[tuple[str, str], str] = {}
        self._declared_registrations: dict[tuple[str, str], object] = {}
        self._unknown_plans: list[object] = []
        self._printed: set[str] = set()

    def subaccount(self, connection: str, expected: str | None, prop: str = "subaccount_id") -> Subaccount:
        """Return the subaccount of a connection, after comparing it with the one that the resource belongs to.

        No slot is read before they are the same.

        Args:
            connection: The connection's name.
            expected: GUID of the subaccount that was given or recorded, if any.
            prop: The argument that gives it.

        Raises:
            WrongSubaccount: The token is for another one, or a binding was found and none is expected.
            TrustError: No token can be had.
        """
        connected = self._expect_subaccount(DESTINATION, connection, expected, prop)
        with self._lock:
            known = self._subaccounts.get(connected.subaccount_id)
            if known is None:
                client = TrustCertificatesClient(connected.api_client, self.retry_policy)
                known = Subaccount(connected.subaccount_id, client, self.host, self.retry_policy)
                self._subaccounts[connected.subaccount_id] = known
            return known

    def trust_configuration(self, connection: str, expected: str | None) -> TrustConfiguration:
        """Return the subaccount of a connection to XSUAA, compared in the same way.

        Raises:
            WrongSubaccount: As above.
            TrustError: No token can be had.
        """
        connected = self._expect_subaccount(XSUAA, connection, expected, "subaccount_id")
        with self._lock:
            known = self._trust_configurations.get(connected.subaccount_id)
            if known is None:
                client = IdentityProviderClient(connected.api_client, self.retry_policy)
                host = self.host
                known = TrustConfiguration(
                    connected.subaccount_id, client, self.retry_policy, host.clock, host.engine_exited
                )
                self._trust_configurations[connected.subaccount_id] = known
            return known

    def destination_client(self, connection: str) -> DestinationClient:
        """Return what reads the destinations that a connection's service instance sees."""
        return DestinationClient(self._open(DESTINATION, connection).api_client, self.retry_policy)

    def user_tokens(self, connection: str) -> UserTokens:
        """Return what gets the token of a connection's user."""
        return self._open(DESTINATION, connection).user_tokens

    def has_passive(self, subaccount_id: str) -> bool:
        """Whether a PassiveTrustCertificate of this subaccount is in the program of this command."""
        with self._lock:
            return subaccount_id in self._declared_passives

    def declare_passive(self, subaccount_id: str) -> None:
        """Take down that a PassiveTrustCertificate of this subaccount is in the program of this command."""
        with self._lock:
            self._declared_passives.add(subaccount_id)

    def declare_name(self, subaccount_id: str, fingerprint: str, name: str) -> None:
        """Record which name the program's PassiveTrustCertificate gives a certificate that it does not name."""
        with self._lock:
            self._declared_names[subaccount_id, fingerprint] = name

    def declared_name(self, subaccount_id: str, fingerprint: str) -> str | None:
        """Return that name, if it gives one."""
        with self._lock:
            return self._declared_names.get((subaccount_id, fingerprint))

    def connection_of(self, kind: str, subaccount_id: str, connection: str) -> str:
        """Return the connection by which the first resource of this kind in this command reached the subaccount.

        If there was none so far, it is this one, and is recorded.
        """
        with self._lock:
            return self._connections_of.setdefault((kind, subaccount_id), connection)

    def has_registration(self, subaccount_id: str, origin_key: str) -> bool:
        """Whether a TrustedIdentityProvider of this origin key, there, is in the program of this command."""
        with self._lock:
            return (subaccount_id, origin_key) in self._declared_registrations

    def declare_registration(self, subaccount_id: str, origin_key: str, args: object) -> bool:
        """Take down that a TrustedIdentityProvider of this origin key, there, is in the program of this command.

        Returns:
            Whether it is the only one, by its arguments: a check knows no name, and a replacement is checked twice.
        """
        with self._lock:
            return self._declared_registrations.setdefault((subaccount_id, origin_key), args) == args

    def declare_unknown_plan(self, plan: object) -> None:
        """Record that a check of this command has let unknown values into this plan."""
        with self._lock:
            self._unknown_plans.append(plan)

    def has_unknown_plan(self, plan: object) -> bool:
        """Whether a check of this command has made this plan, which has unknown values."""
        with self._lock:
            return plan in self._unknown_plans

    def print_once(self, line: str, about: str | None = None) -> None:
        """Show the user a line under the diagnostics of the command: once, and one line about the same matter."""
        with self._lock:
            if (about or line) in self._printed:
                return
            self._printed.add(about or line)
        self.host.stderr.write(f"{to_printable(line)}\n")
        self.host.stderr.flush()

    def warn(self, what: str, why: str, remedy: str) -> None:
        """Warn of something that this command can do nothing about.

        Raises:
            Refused: `btp-trust:strict` makes a failure of it.
        """
        if self.strict:
            raise Refused(what, why, remedy)
        self.print_once(f"warning: {what} {why} {remedy}")

    def _expect_subaccount(self, service: Service, name: str, expected: str | None, prop: str) -> _OpenConnection:
        connected = self._open(service, name)
        if expected is None and connected.connection.found_in_environment:
            raise _subaccount_id_missing(connected, prop)
        if expected is not None and connected.subaccount_id != expected:
            raise _wrong_subaccount(connected, expected, prop)
        return connected

    def _open(self, service: Service, name: str) -> _OpenConnection:
        with self._lock:
            lock = self._connection_locks.setdefault((service, name), threading.Lock())
        with lock:
            if (service, name) not in self._open_connections:
                self._open_connections[service, name] = self._connect(service, name)
            connected = self._open_connections[service, name]
        if isinstance(connected, TrustError):
            raise connected
        return connected

    def _connect(self, service: Service, name: str) -> _OpenConnection | TrustError:
        """Find the credentials and get a token; a failure is kept, so that each resource fails alike."""
        try:
            connection = self._connections.find(name, service)
            tls = connection.key.tls(self.host.clock(), self._ca_bundle)
            if note := no_proxy_note():
                self.print_once(note)
            http = open_client(tls, self.host.transport, None, "", self._ca_bundle)
            auth = ClientCredentials(connection.key, http, self.retry_policy, self.host.monotonic)
            api_client = open_client(tls, self.host.transport, auth, connection.key.uri, self._ca_bundle)
            users = UserTokens(self._users, name, connection.key, http, self.retry_policy)
            return _OpenConnection(connection, auth.subaccount_id, api_client, users)
        except TrustError as error:
            return error


def _read_switch(config: Callable[[str], str | None], key: str) -> bool:
    value = config(key)
    if value not in (None, "true", "false"):
        raise ConfigurationError(
            f"The config {key} is neither true nor false.",
            "It is a switch, and a slip of the pen must not turn it off.",
            f"Set it to true or false: pulumi config set {key} true",
        )
    return value == "true"


def _subaccount_id_missing(connected: _OpenConnection, prop: str) -> WrongSubaccount:
    connection = connected.connection
    return WrongSubaccount(
        f"{prop} is missing.",
        f"Connection {connection.name!r} was found in the environment ({connection.where}), so nothing in the "
        "program says which subaccount is meant, and another machine may be bound to another one.",
        f'If {connected.subaccount_id} is meant: {prop}="{connected.subaccount_id}".',
        prop=prop,
    )


def _wrong_subaccount(connected: _OpenConnection, expected: str, prop: str) -> WrongSubaccount:
    connection, found, expected = connected.connection, connected.subaccount_id, subaccount_label(expected)
    return WrongSubaccount(
        f"Connection {connection.name!r} is for another subaccount.",
        f"The resource belongs to {expected}, but the credentials in {connection.where} are for {found}. "
        "No slot was read.",
        f"Give the connection a service key of {expected}; a resource for {found} needs a name of its own.",
        prop=prop,
    )


_session: Session | None = None
_session_lock = threading.Lock()


def configure(config: Callable[[str], str | None]) -> None:
    """Make the session of this process, unless there is one: Pulumi configures each provider class by itself."""
    with _session_lock:
        if _session is None:
            _install(Session(config))


def set_current(session: Session | None) -> None:
    """Choose the session of this process: for tests, which bring a world of their own."""
    with _session_lock:
        _install(session)


def current() -> Session:
    """Return the session of this process.

    Raises:
        RuntimeError: Pulumi has not configured a provider.
    """
    if _session is None:
        raise RuntimeError("configure() was not called")
    return _session


@contextmanager
def operation() -> Iterator[Session]:
    """Give the session of this process to one operation, and bound the operation's time.

    What an error was made of stands in its message. Without its context Pulumi shows that message alone: not an
    earlier error first, whose class and remedy are others.
    """
    session = current()
    try:
        with session.retry_policy.deadline():
            yield session
    except TrustError as error:
        raise error from None


def _install(session: Session | None) -> None:
    global _session  # noqa: PLW0603 - the one place where a process keeps what its providers share
    _session = session
