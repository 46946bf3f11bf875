"""The communication systems of one process: one reading for each block of a system, one logon for each connection."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
from msgspec import Struct

from btp_trust.errors import CredentialsRejected, TrustError
from btp_trust.runtime.cached_reading import CachedReading
from btp_trust.runtime.host import Host
from btp_trust.service.communication_systems import (
    PARAMS,
    ROOT,
    CommunicationSystemClient,
    SystemTrust,
    TrustBlock,
)
from btp_trust.service.credentials.communication_user import CommunicationUsers, ResolvedCommunicationUser
from btp_trust.service.credentials.configured_credentials import ConfiguredCredentials
from btp_trust.service.transport.csrf import CsrfSession
from btp_trust.service.transport.http_client import CA_BUNDLE, no_proxy_note, open_client
from btp_trust.service.transport.retry import RetryPolicy


class CommunicationSystem(CachedReading[CommunicationSystemClient, SystemTrust]):
    """One block of one communication system, in this command.

    Args:
        tenant: Address of its tenant.
        system: Its ID.
        block: The block.
        client: The API of the tenant.
        retry_policy: Bounds how long the tenant is waited for.
        host: The clock, and whether Pulumi's engine has exited.
        show_user: Shows the user a line, at once.
    """

    def __init__(
        self,
        tenant: str,
        system: str,
        block: TrustBlock,
        client: CommunicationSystemClient,
        *,
        retry_policy: RetryPolicy,
        host: Host,
        show_user: Callable[[str], None],
    ) -> None:
        super().__init__(client, retry_policy, host.clock, host.engine_exited, show_user=show_user)
        self.tenant = tenant
        self.system = system
        self.block = block

    @property
    def label(self) -> str:
        """The block in words."""
        return f"{self.system} at {httpx.URL(self.tenant).host} ({self.block})"

    @property
    def address(self) -> str:
        """What tells the block from all others, by any connection."""
        return f"{self.tenant}/{self.system}/{self.block}"

    def trust(self) -> SystemTrust:
        """Return what the block trusts, as this command has read it."""
        return self.last()

    def record_reading(self, trust: SystemTrust) -> SystemTrust:
        """Record what a write has left."""
        self._last = trust
        return trust

    def _fetch(self) -> SystemTrust:
        return self.client.read(self.system, self.block)


class _Tenant(Struct, frozen=True):
    """The tenant of a connection."""

    address: str
    client: CommunicationSystemClient


class CommunicationSystems:
    """Opens each connection once, and remembers a failure just as well.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        host: The environment, the clock and the transport.
        retry_policy: Bounds how long a tenant is waited for.
        print_note: Shows the user a line about the machine.
        show_user: Shows the user a line, at once.
        configured: The credentials that the configuration has, or tells the place of.
    """

    def __init__(
        self,
        config: Callable[[str], str | None],
        host: Host,
        retry_policy: RetryPolicy,
        print_note: Callable[[str], None],
        show_user: Callable[[str], None],
        *,
        configured: ConfiguredCredentials,
    ) -> None:
        self._host = host
        self._retry_policy = retry_policy
        self._print_note = print_note
        self._show_user = show_user
        self._ca_bundle = config(CA_BUNDLE)
        self._users = CommunicationUsers(configured, host.environ)
        self._lock = threading.Lock()
        self._tenants: dict[str, _Tenant | TrustError] = {}
        self._systems: dict[tuple[str, str, TrustBlock], CommunicationSystem] = {}

    def get(self, connection: str, system: str, block: TrustBlock) -> CommunicationSystem:
        """Return one block of a communication system.

        Raises:
            TrustError: The connection has no usable communication user.
        """
        with self._lock:
            tenant = self._open(connection)
            if isinstance(tenant, TrustError):
                raise tenant
            # By address: two connections that reach the same tenant share the reading and the write lock.
            key = (tenant.address, system, block)
            if (known := self._systems.get(key)) is None:
                known = self._systems[key] = CommunicationSystem(
                    tenant.address,
                    system,
                    block,
                    tenant.client,
                    retry_policy=self._retry_policy,
                    host=self._host,
                    show_user=self._show_user,
                )
            return known

    def _open(self, connection: str) -> _Tenant | TrustError:
        """Open a connection, without a request; a failure is kept, so that each resource fails alike."""
        if (known := self._tenants.get(connection)) is None:
            try:
                known = self._connect(self._users.find(connection))
            except TrustError as error:
                known = error
            self._tenants[connection] = known
        return known

    def _connect(self, found: ResolvedCommunicationUser) -> _Tenant:
        user, url = found.user, httpx.URL(found.user.url)
        # Scheme, host and port in one notation, so that two connections to one tenant are known as such. httpx leaves
        # the default port out of a URL whose scheme is in lower case alone, as it is here.
        address = str(url.copy_with(scheme=url.scheme)).rstrip("/")
        tls = user.tls(self._host.clock(), self._ca_bundle)
        if note := no_proxy_note():
            self._print_note(note)
        auth = CsrfSession(
            None if user.certificate else httpx.BasicAuth(user.user, user.password),
            str(httpx.URL(f"{address}{ROOT}/", params=PARAMS)),
            self._retry_policy,
            lambda request: _logon_rejected(request, found),
        )
        http = open_client(tls, self._host.transport, auth, f"{address}{ROOT}", self._ca_bundle)
        return _Tenant(address.lower(), CommunicationSystemClient(http, self._retry_policy))


def _logon_rejected(request: str, found: ResolvedCommunicationUser) -> CredentialsRejected:
    credentials = "certificate" if found.user.certificate else "password"
    return CredentialsRejected(
        f"{request} was refused: 401.",
        f"{found.user.host} rejects the communication user of connection {found.connection!r} ({found.where}). "
        "Such a user is locked after a few failed logons, so this command sends no further request for it.",
        f"Check its user and its {credentials}, and in the app Maintain Communication Users whether it is locked; then "
        "run the same command again.",
    )
