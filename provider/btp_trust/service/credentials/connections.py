"""Service key of a connection: the places that may have it, in the documented order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from msgspec import Struct

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError, CredentialsMissing
from btp_trust.service.credentials.bindings import SECRETS_ROOT, Binding, find_bindings
from btp_trust.service.credentials.configured_credentials import CONNECTIONS, ConfiguredCredentials
from btp_trust.service.credentials.credentials_by_name import FoundCredentials
from btp_trust.service.credentials.environment import ConnectionVariables
from btp_trust.service.credentials.service_key import DESTINATION, Service, ServiceKey, parse_service_key

_VARIABLE: Final = "BTP_TRUST_SERVICE_KEY"


class Connection(Struct, frozen=True):
    """The credentials of one connection."""

    name: str
    key: ServiceKey
    where: str
    found_in_environment: bool
    """True if the key is a binding's: then the environment alone decides which subaccount is meant."""


class Connections:
    """Looks up service keys, in the documented order; the first that exists wins.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        configured: The credentials that the configuration has, or tells the place of.
        environ: The environment.
        secrets_root: The folder of bindings in SAP's convention.
    """

    def __init__(
        self,
        config: Callable[[str], str | None],
        configured: ConfiguredCredentials,
        environ: Mapping[str, str],
        secrets_root: Path = SECRETS_ROOT,
    ) -> None:
        self._config = config
        self.configured = configured
        """Communication users are among these, too."""
        self._environ = environ
        self._secrets_root = secrets_root
        self._variables = ConnectionVariables(environ)

    def find(self, name: str, service: Service = DESTINATION) -> Connection:
        """Find the key of a connection for a service.

        Raises:
            CredentialsMissing: All places are empty.
            ConfigurationError: The first key is malformed, or two connections share an environment variable.
        """
        text, where, is_binding = self._first_source(name, service)
        return Connection(name, parse_service_key(text, where, service), where, is_binding)

    def locate(self, name: str, service: Service = DESTINATION) -> str:
        """Return the place of a connection's key, which may be malformed. Raises as `find` does."""
        return self._first_source(name, service)[1]

    def _first_source(self, name: str, service: Service) -> tuple[str | bytes, str, bool]:
        # The first key ends the search, also a malformed one: the next place may have a key of another subaccount.
        source = next(self._sources(name, service), None)
        if source is None:
            raise CredentialsMissing(
                f"No service key was found for connection {name!r}.",
                f"Searched, in this order: {'; '.join(self._searched_places(name, service))}.",
                f"Set one: pulumi config set --secret {_config_command(name)}",
            )
        return source

    def _sources(self, name: str, service: Service) -> Iterator[tuple[str | bytes, str, bool]]:
        """Give each key with its place, and whether a binding has it."""
        for found in chain(self._own_key(name), self.configured.sources(name), self._variable(name)):
            yield found.text, found.where, False
        # Last and lazily: a malformed VCAP_SERVICES is an error only where a binding is needed.
        if binding := self._binding(name, service):
            yield binding.credentials, binding.where, True

    def unused_places(self, name: str, used: str) -> list[str]:
        """Return the places of further keys, which the used one hides; no command is run. Raises as `find`."""
        stored = chain(self._own_key(name), self.configured.stored(name), self._variable(name))
        return [found.where for found in stored if found.where != used]

    def _own_key(self, name: str) -> Iterator[FoundCredentials]:
        if name == DEFAULT_CONNECTION and (text := self._config("btp-trust:serviceKey")):
            yield FoundCredentials(text, "config btp-trust:serviceKey")

    def _variable(self, name: str) -> Iterator[FoundCredentials]:
        if text := self._variables.get(_VARIABLE, name):
            yield FoundCredentials(text, self._variables.name(_VARIABLE, name))

    def _binding(self, name: str, service: Service) -> Binding | None:
        bindings = find_bindings(self._environ, self._secrets_root, service)
        selected = [binding for binding in bindings if name in binding.names]
        fitting = [binding for binding in bindings if binding.is_for_service]
        # An instance of the service goes before user-provided credentials, whose purpose is less certain.
        managed = [binding for binding in fitting if not binding.is_user_provided]
        candidates = selected or ((managed or fitting) if name == DEFAULT_CONNECTION else [])
        if len(candidates) > 1:
            raise ConfigurationError(
                f"Connection {name!r} fits several bindings.",
                "Found: " + "; ".join(binding.where for binding in candidates) + ".",
                'Name the instance: connection="<instance name>" selects it.',
            )
        return candidates[0] if candidates else None

    def _searched_places(self, name: str, service: Service) -> list[str]:
        config = ["config btp-trust:serviceKey"] if name == DEFAULT_CONNECTION else []
        return [
            *config,
            *self.configured.searched_places(name),
            f"environment variable {self._variables.name(_VARIABLE, name)}",
            f"bindings of {service.instance_label} in VCAP_SERVICES, $SERVICE_BINDING_ROOT, {self._secrets_root}",
        ]


def _config_command(name: str) -> str:
    if name == DEFAULT_CONNECTION:
        return "btp-trust:serviceKey '<JSON of the service key>'"
    return f"{CONNECTIONS} '{{\"{name}\": <JSON of the service key>}}'"
