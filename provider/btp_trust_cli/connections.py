"""Which subaccounts are meant: the connections of stacks or of the environment, each with its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError, TrustError
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.credentials.bindings import find_bindings
from btp_trust.service.credentials.connections import Connections
from btp_trust.service.credentials.service_key import XSUAA, parse_service_key
from btp_trust_cli.pulumi_stack import PulumiProject, Stack
from btp_trust_cli.recorded import RecordedSubaccount

_VARIABLE: Final = "BTP_TRUST_SERVICE_KEY"
_STACKS_AT_ONCE: Final = 4
"""Each stack takes two runs of Pulumi's command line, of about a second each."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the options of a command choose."""

    stack: str | None = None
    all_stacks: bool = False
    folder: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True)
class Source:
    """A stack, or the environment, with the connections that it has."""

    session: Session
    connections: tuple[str, ...] = ()
    stack: str | None = None
    recorded: Mapping[str, RecordedSubaccount] = field(default_factory=dict)
    error: TrustError | None = None

    def recorded_subaccount(self, connection: str) -> str | None:
        """Return the GUID of the subaccount that the stack reaches by a connection."""
        return next((found.subaccount_id for found in self.recorded.values() if found.connection == connection), None)


def find_sources(selection: Selection, host: Host) -> list[Source]:
    """Find the stacks that are chosen; without a choice the selected one, and outside of a project the environment.

    Raises:
        TrustError: Pulumi's command line is missing or refuses, or a setting cannot be used.
    """
    project = PulumiProject(selection.folder, host.environ)
    names = _chosen_stacks(project, selection)
    if not names:
        return [_from_environment(host)]
    with ThreadPoolExecutor(_STACKS_AT_ONCE) as pool:
        return [_from_stack(stack, host) for stack in pool.map(project.read, names)]


def _chosen_stacks(project: PulumiProject, selection: Selection) -> list[str]:
    if selection.all_stacks:
        return project.stack_names() or [_refuse_empty_project()]
    if selection.stack is not None:
        return [selection.stack]
    selected = project.selected_stack() if project.exists else None
    return [] if selected is None else [selected]


def _refuse_empty_project() -> str:
    raise ConfigurationError(
        "The project has no stack.",
        "--all-stacks reads the stacks that `pulumi stack ls` lists.",
        "Create one (pulumi stack init), or leave out --all-stacks to read the connections of the environment.",
    )


def _from_stack(stack: Stack, host: Host) -> Source:
    try:
        session = Session(stack.config.get, host)
        names = _connections_of(stack, host) or _environment_connections(host)
        return Source(session, names, stack.name, stack.recorded, stack.error)
    except TrustError as error:
        return Source(Session(_no_config, host), (), stack.name, stack.recorded, stack.error or error)


def _from_environment(host: Host) -> Source:
    return Source(Session(_no_config, host), _environment_connections(host) or (DEFAULT_CONNECTION,))


def _no_config(_key: str) -> None:
    """Return the settings of an environment without a stack: none."""


def _connections_of(stack: Stack, host: Host) -> tuple[str, ...]:
    """Return the connections to the Destination service: those of resources first, then those of the configuration."""
    configured = Connections(stack.config.get, host.environ, host.secrets_root).configured_keys
    default = [DEFAULT_CONNECTION] if stack.config.get("btp-trust:serviceKey") else []
    own = [name for name, key in configured.items() if not _is_for_xsuaa(key)]
    return _distinct([*(found.connection for found in stack.recorded.values()), *default, *own])


def _is_for_xsuaa(key: str) -> bool:
    """Return True for a connection that TrustedIdentityProviders use: it reaches a target in place of the slots."""
    try:
        parse_service_key(key, "", XSUAA)
    except ConfigurationError:
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
