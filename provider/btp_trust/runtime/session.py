"""What one process shares: its connections, the readings and plans of its subaccounts, and what it has printed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from btp_trust.errors import ConfigurationError, Refused, TrustError
from btp_trust.runtime import operation_context
from btp_trust.runtime.command_plan import CommandPlans
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.credentials import configured_credentials
from btp_trust.runtime.engine_log import EngineLog
from btp_trust.runtime.expiry_limits import parse_expiry_limits
from btp_trust.runtime.host import Host
from btp_trust.runtime.open_connections import OpenConnection, OpenConnections
from btp_trust.runtime.partial_deployment import PARTIAL, PartialDeployment
from btp_trust.runtime.read_ahead import ReadAhead, parse_read_ahead
from btp_trust.runtime.rolled_back import RolledBackRotations
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.user_lines import WARNING, UserLines
from btp_trust.service.credentials.service_key import DESTINATION, XSUAA, Service
from btp_trust.service.credentials.user_tokens import UserTokens
from btp_trust.service.destinations import DestinationClient
from btp_trust.service.transport.retry import RetryPolicy, parse_timeouts
from btp_trust.service.trust_certificates import TrustCertificatesClient

if TYPE_CHECKING:
    from btp_trust.runtime.communication_systems import CommunicationSystem, CommunicationSystems
    from btp_trust.runtime.trust_configuration import TrustConfiguration
    from btp_trust.service.communication_systems import TrustBlock

_Error = TypeVar("_Error", bound=TrustError)


class Session:
    """The connections, readings and printed lines of one process.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None for an unset one.
        host: The surroundings of the plugin.
    """

    def __init__(self, config: Callable[[str], str | None], host: Host | None = None) -> None:
        self.host = host or Host()
        self.retry_policy = RetryPolicy(parse_timeouts(config), self.host.sleep, self.host.monotonic)
        self.offline = _read_switch(config, "btp-trust:offline")
        self.strict = _read_switch(config, "btp-trust:strict")
        self.expiry_limits = parse_expiry_limits(config)
        self.plans = CommandPlans()
        self.rolled_back = RolledBackRotations()
        self._lock = threading.Lock()
        self._lines = UserLines(EngineLog(self.host.engine_address), self.host.stderr)
        self.credentials = configured_credentials(config, self.host, self.retry_policy, self._warn_about_machine)
        self._common = (config, self.host, self.retry_policy, self.print_note)
        self._systems: CommunicationSystems | None = None
        self._connections = OpenConnections(*self._common, self.credentials)
        self._subaccounts: dict[str, Subaccount] = {}
        self._trust_configurations: dict[str, TrustConfiguration] = {}
        limit = 0 if self.offline else parse_read_ahead(config)
        self.read_ahead = ReadAhead(limit, self._reach, self.host.start_thread)
        self.partial = PartialDeployment(
            self.read_ahead,
            self._reach,
            self.host,
            self.retry_policy,
            self.print_note,
            is_allowed=_read_switch(config, PARTIAL),
        )

    def subaccount(self, connection: str, expected: str | None, prop: str = "subaccount_id") -> Subaccount:
        """Return the subaccount of a connection, after comparing it with the one that the resource belongs to.

        Slots are used only after that: those of another subaccount would plan a wrong write.

        Args:
            connection: The connection's name.
            expected: GUID of the subaccount that was given or recorded, if any.
            prop: The argument that gives it.

        Raises:
            WrongSubaccount: The token is for another one, or a found binding leaves it open.
            TrustError: The connection gets no token.
        """
        self.read_ahead.enter(connection)
        return self._subaccount(self._connections.expect_subaccount(DESTINATION, connection, expected, prop))

    def _reach(self, connection: str) -> None:
        """Get a token for a connection and read its slots, unless that was done in this command.

        Raises:
            TrustError: It failed, now or before.
        """
        # Of its own: a write may reach a hundred connections before it begins.
        with self.retry_policy.fresh_deadline():
            account = self._subaccount(self._connections.open(DESTINATION, connection))
            if not account.was_read:
                account.snapshot()

    def _subaccount(self, opened: OpenConnection) -> Subaccount:
        with self._lock:
            # By subaccount: two connections that reach the same one share its reading and its write lock.
            if (known := self._subaccounts.get(opened.subaccount_id)) is None:
                known = Subaccount(
                    opened.subaccount_id,
                    TrustCertificatesClient(opened.api_client, self.retry_policy),
                    self.retry_policy,
                    self.host.clock,
                    self.host.engine_exited,
                    name=opened.subaccount_name,
                    show_user=self.print_once,
                    command_plan=self.plans.of(opened.subaccount_id),
                )
                self._subaccounts[opened.subaccount_id] = known
            return known

    def open_connection(self, connection: str, service: Service = DESTINATION) -> OpenConnection:
        """Return a connection with a token, for any subaccount: a reader compares it with the recorded one.

        Raises:
            TrustError: The connection gets no token.
        """
        return self._connections.open(service, connection)

    def close_connection(self, connection: str, service: Service = DESTINATION) -> None:
        """Close the sockets of an opened connection that is done with."""
        self._connections.close(service, connection)

    def trust_configuration(self, connection: str, expected: str | None) -> TrustConfiguration:
        """Return the trust configuration of a connection to XSUAA, compared in the same way.

        Raises:
            WrongSubaccount: The token is for another subaccount, or a found binding leaves it open.
            TrustError: The connection gets no token.
        """
        # Loaded where a program has registrations: every other command would wait for it.
        from btp_trust.runtime.trust_configuration import TrustConfiguration  # noqa: PLC0415 - see above
        from btp_trust.service.identity_providers import IdentityProviderClient  # noqa: PLC0415 - see above

        opened = self._connections.expect_subaccount(XSUAA, connection, expected, "subaccount_id")
        with self._lock:
            if (known := self._trust_configurations.get(opened.subaccount_id)) is None:
                known = TrustConfiguration(
                    opened.subaccount_id,
                    IdentityProviderClient(opened.api_client, self.retry_policy),
                    self.retry_policy,
                    self.host.clock,
                    self.host.engine_exited,
                    name=opened.subaccount_name,
                    show_user=self.print_once,
                )
                self._trust_configurations[opened.subaccount_id] = known
            return known

    def communication_system(self, connection: str, system: str, block: TrustBlock) -> CommunicationSystem:
        """Return one block of a communication system of the tenant that a connection reaches."""
        # Loaded where a program has such systems: every other command would wait for it.
        from btp_trust.runtime.communication_systems import CommunicationSystems  # noqa: PLC0415 - see above

        with self._lock:
            if self._systems is None:
                self._systems = CommunicationSystems(*self._common, self.print_once, configured=self.credentials)
        return self._systems.get(connection, system, block)

    def destination_client(self, connection: str) -> DestinationClient:
        """Return a client for the destinations that a connection's service instance sees."""
        return DestinationClient(self._connections.open(DESTINATION, connection).api_client, self.retry_policy)

    def user_tokens(self, connection: str) -> UserTokens:
        """Return the tokens of a connection's user."""
        return self._connections.open(DESTINATION, connection).user_tokens

    @property
    def label(self) -> str:
        """The subaccount of the operation under way, in words; empty while it is unknown, or if there is none."""
        return "" if (context := operation_context.current()).is_system else context.label

    def named(self, error: _Error) -> _Error:
        """Return an error that names the subaccount of the operation under way."""
        return operation_context.current().named(error)

    def print_notices(self, notices: Iterable[Notice]) -> None:
        """Show the user the lines that a lifecycle has gathered, up to an error among them.

        Raises:
            TrustError: The notice of an error.
        """
        for notice in notices:
            if notice.error is not None:
                raise notice.error
            self.print_once(notice.line, notice.about)

    def print_once(self, line: str, about: str | None = None) -> None:
        """Show the user a line under its resource, unless one about the same matter of the subaccount was shown."""
        self._lines.print_once(line, about)

    def print_note(self, line: str) -> None:
        """Show the user a line about the machine, once: it belongs to no subaccount."""
        with operation_context.outside():
            self.print_once(line)

    def _warn_about_machine(self, what: str, why: str, remedy: str) -> None:
        """Warn as `warn` does, of something that belongs to no subaccount."""
        with operation_context.outside():
            self.warn(what, why, remedy)

    def warn(self, what: str, why: str, remedy: str) -> None:
        """Warn of something that only a person can resolve.

        Raises:
            Refused: `btp-trust:strict` is set.
        """
        self.print_notices([self.warning(what, why, remedy)])

    def warning(self, what: str, why: str, remedy: str) -> Notice:
        """Return the same warning as a notice; with `btp-trust:strict`, that of an error."""
        if self.strict:
            return Notice.of_error(Refused(what, why, remedy))
        return Notice(f"{WARNING}{what} {why} {remedy}")


def _read_switch(config: Callable[[str], str | None], key: str) -> bool:
    value = config(key)
    if value not in (None, "true", "false"):
        raise ConfigurationError(
            f"The config {key} is neither true nor false.",
            "It is a switch, and a typo must not disable it silently.",
            f"Set it to true or false: pulumi config set {key} true",
        )
    return value == "true"
