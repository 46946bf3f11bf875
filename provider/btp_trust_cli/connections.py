"""Which subaccounts are meant: the connections of stacks or of the environment, each with its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from msgspec import structs

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError, TrustError
from btp_trust.runtime.host import Host, find_project_folder
from btp_trust.runtime.session import Session
from btp_trust.service.credentials.bindings import find_bindings
from btp_trust.service.credentials.communication_user import is_communication_user
from btp_trust.service.credentials.connections import Connections
from btp_trust.service.credentials.service_key import DESTINATION, XSUAA, Service
from btp_trust.service.credentials.users import UserCredentialsLookup
from btp_trust_cli.pulumi_stack import PulumiProject, Stack, require_name
from btp_trust_cli.recorded import RecordedSubaccount
from btp_trust_cli.threads import thread_pool

_VARIABLE: Final = "BTP_TRUST_SERVICE_KEY"
STACKS_AT_ONCE: Final = 4
"""Each stack takes two runs of Pulumi's command line, of about a second each."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the options of a command choose."""

    stack: str | None = None
    all_stacks: bool = False
    folder: Path = field(default_factory=Path)
    connections: tuple[str, ...] = ()
    """Only these; empty for all."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stack, or the environment, with the connections that it has."""

    session: Session
    lookup: Connections
    users: UserCredentialsLookup
    connections: tuple[str, ...] = ()
    """To the Destination service."""
    xsuaa_connections: tuple[str, ...] = ()
    """To the XSUAA of targets: those of TrustedIdentityProviders."""
    stack: str | None = None
    recorded: Mapping[str, RecordedSubaccount] = field(default_factory=dict)
    invalid_settings: tuple[TrustError, ...] = ()
    """The settings of the stack that the program would refuse."""
    error: TrustError | None = None
    """Why reading the stack failed."""

    def recorded_subaccount(self, connection: str) -> str | None:
        """Return the GUID of the subaccount that the stack reaches by a connection."""
        return next((found.subaccount_id for found in self.recorded.values() if found.connection == connection), None)


def find_sources(selection: Selection, host: Host) -> list[Source]:
    """Find the stacks that are chosen; by default the selected one, and outside of a project the environment.

    Raises:
        TrustError: Pulumi's command line is missing or refuses, or a setting is unusable.
    """
    project = PulumiProject(selection.folder, host.environ)
    names = chosen_stacks(project, selection)
    if not names:
        return _narrowed([_from_environment(host)], selection.connections)
    host = structs.replace(host, project_folder=find_project_folder(selection.folder) or selection.folder)
    with thread_pool(STACKS_AT_ONCE) as pool:
        return _narrowed([_from_stack(stack, host) for stack in pool.map(project.read, names)], selection.connections)


def _narrowed(sources: list[Source], names: tuple[str, ...]) -> list[Source]:
    """Leave the named connections in each source; one that none lists is looked for in all: a command may know it."""
    listed = {name for source in sources for name in (*source.connections, *source.xsuaa_connections)}
    unlisted = [name for name in names if name not in listed]
    return [_narrow(source, frozenset(names), unlisted) for source in sources] if names else sources


def _narrow(source: Source, names: frozenset[str], unlisted: Iterable[str]) -> Source:
    own, xsuaa = _by_service(source.lookup, unlisted)
    return replace(
        source,
        connections=(*(name for name in source.connections if name in names), *own),
        xsuaa_connections=(*(name for name in source.xsuaa_connections if name in names), *xsuaa),
    )


def missing_connection(sources: Iterable[Source]) -> ConfigurationError:
    """Return the error of a selection in which no subaccount can be reached."""
    places = ", ".join(f"stack {source.stack}" if source.stack else "the environment" for source in sources)
    return ConfigurationError(
        f"There is no subaccount to read: {places}.",
        "Looked for resources of btp-trust in the state; btp-trust:serviceKey, btp-trust:connections and "
        f"btp-trust:connectionsFile in the configuration; {_VARIABLE} and bindings in the environment. "
        "What btp-trust:serviceKeyCommand knows cannot be listed: it counts once the stack has resources.",
        "Choose another stack or folder (--stack NAME, -C FOLDER), or set a service key: "
        "pulumi config set --secret btp-trust:serviceKey '<JSON of the service key>'",
    )


def chosen_stacks(project: PulumiProject, selection: Selection) -> list[str]:
    """Return the names of the stacks that are chosen; none outside of a project, and while no stack is selected.

    Raises:
        TrustError: Pulumi's command line is missing or refuses, or the name of a stack is an address.
    """
    if selection.all_stacks:
        return project.stack_names() or [_refuse_empty_project()]
    if selection.stack is not None:
        return [require_name(selection.stack)]
    selected = project.selected_stack() if project.exists else None
    return [] if selected is None else [require_name(selected)]


def _refuse_empty_project() -> str:
    raise ConfigurationError(
        "The project has no stack.",
        "--all-stacks reads the stacks that `pulumi stack ls` lists.",
        "Create one (pulumi stack init), or leave out --all-stacks to read the connections of the environment.",
    )


def _from_stack(stack: Stack, host: Host) -> Source:
    if stack.error is not None:
        return _unreadable(stack.name, stack.error, host)
    try:
        source = _with_config(stack.config.get, host)
        names = _connections_of(stack, source.lookup) or _environment_connections(host)
    except TrustError as error:  # an unusable setting
        return _unreadable(stack.name, error, host)
    # A connection that is recorded is one to the Destination service: its key is yet unread, and stays so.
    recorded = _recorded_connections(stack)
    own, xsuaa = _by_service(source.lookup, [name for name in names if name not in recorded])
    return replace(
        source,
        connections=(*recorded, *own),
        xsuaa_connections=_distinct([*stack.registration_connections, *xsuaa]),
        stack=stack.name,
        recorded=stack.recorded,
        invalid_settings=stack.invalid_settings,
    )


def _unreadable(stack: str, error: TrustError, host: Host) -> Source:
    return replace(_with_config(_no_config, host), stack=stack, error=error)


def _from_environment(host: Host) -> Source:
    source = _with_config(_no_config, host)
    own, xsuaa = _by_service(source.lookup, _environment_connections(host) or (DEFAULT_CONNECTION,))
    return replace(source, connections=own, xsuaa_connections=xsuaa)


def _with_config(config: Callable[[str], str | None], host: Host) -> Source:
    # No engine has started this process: its standard input may be any pipe.
    session = Session(config, structs.replace(host, engine_exited=_no_engine))
    # Of the session, so that a command is run once for each connection.
    lookup = Connections(config, session.credentials, host.environ, host.secrets_root)
    return Source(session, lookup, UserCredentialsLookup(config, host.environ))


def _no_engine() -> bool:
    return False


def _no_config(_key: str) -> None:
    """Return the (empty) settings of an environment."""


def _connections_of(stack: Stack, lookup: Connections) -> tuple[str, ...]:
    """Return the connections of resources first, then those of the configuration.

    A file or a folder of keys may be that of many stacks, so it counts only until the stack has resources. What a
    command knows cannot be listed.
    """
    recorded = _recorded_connections(stack)
    default = [DEFAULT_CONNECTION] if stack.config.get("btp-trust:serviceKey") else []
    files = [] if recorded else lookup.configured.file_names()
    # A communication user is for a tenant of S/4HANA: a subaccount is the other end.
    configured = [name for name in (*lookup.configured.secrets, *files) if not _is_for_tenant(lookup, name)]
    return _distinct([*recorded, *default, *configured])


def _recorded_connections(stack: Stack) -> tuple[str, ...]:
    return _distinct(found.connection for found in stack.recorded.values())


def _is_for_tenant(lookup: Connections, name: str) -> bool:
    try:
        found = next(lookup.configured.stored(name), None)
    except TrustError:  # an unreadable file, which the examination of the connection reports
        return False
    return found is not None and is_communication_user(found.text)


def _by_service(lookup: Connections, names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the connections to the Destination service, and those to XSUAA."""
    xsuaa = tuple(name for name in names if _is_for_xsuaa(lookup, name))
    return tuple(name for name in names if name not in set(xsuaa)), xsuaa


def _is_for_xsuaa(lookup: Connections, name: str) -> bool:
    # Both services may be bound under one name, so a key of XSUAA counts only where it is the only one.
    return not _has_key(lookup, name, DESTINATION) and _has_key(lookup, name, XSUAA)


def _has_key(lookup: Connections, name: str, service: Service) -> bool:
    try:
        lookup.find(name, service)
    except TrustError:  # also of a file that others can read, in strict mode
        return False
    return True


def _environment_connections(host: Host) -> tuple[str, ...]:
    return _distinct([*_variable_connections(host.environ), *_bound_connections(host)])


def _variable_connections(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(environ.items()):
        if name == _VARIABLE and value:
            yield DEFAULT_CONNECTION
        elif name.startswith(f"{_VARIABLE}_") and value:
            # Capitals and the underscores of other characters are lost: each name with this variable is the same one.
            yield name.removeprefix(f"{_VARIABLE}_").lower()


def _bound_connections(host: Host) -> Iterator[str]:
    for binding in find_bindings(host.environ, host.secrets_root):
        if binding.is_for_service:
            yield min(binding.names)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
