"""Service key of a connection: the places that may have it, in the documented order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from msgspec import Struct

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError, CredentialsMissing
from btp_trust.service.credentials.bindings import SECRETS_ROOT, Binding, find_bindings
from btp_trust.service.credentials.environment import ConnectionVariables
from btp_trust.service.credentials.service_key import DESTINATION, Service, ServiceKey, parse_service_key
from btp_trust.service.transport.decoding import DecodingError, find_json_object

CONNECTIONS: Final = "btp-trust:connections"
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
        environ: The environment.
        secrets_root: The folder of bindings in SAP's convention.
    """

    def __init__(
        self,
        config: Callable[[str], str | None],
        environ: Mapping[str, str],
        secrets_root: Path = SECRETS_ROOT,
    ) -> None:
        self._config = config
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
        if name == DEFAULT_CONNECTION and (text := self._config("btp-trust:serviceKey")):
            yield text, "config btp-trust:serviceKey", False
        if (key := self.configured_keys.get(name)) is not None:
            yield key, f"config btp-trust:connections, {name!r}", False
        if text := self._variables.get(_VARIABLE, name):
            yield text, self._variables.name(_VARIABLE, name), False
        # Last and lazily: a malformed VCAP_SERVICES is an error only where a binding is needed.
        if binding := self._binding(name, service):
            yield binding.credentials, binding.where, True

    @cached_property
    def configured_keys(self) -> dict[str, str]:
        """The credentials of `btp-trust:connections` by connection; parsed once, as there may be a thousand.

        Raises:
            ConfigurationError: It is no JSON object of objects.
        """
        return configured_credentials(self._config)

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
            f"config btp-trust:connections with {name!r}",
            f"environment variable {self._variables.name(_VARIABLE, name)}",
            f"bindings of {service.instance_label} in VCAP_SERVICES, $SERVICE_BINDING_ROOT, {self._secrets_root}",
        ]


def configured_credentials(config: Callable[[str], str | None]) -> dict[str, str]:
    """Return the credentials of all connections in the configuration, by their names.

    Raises:
        ConfigurationError: It is malformed.
    """
    text = config(CONNECTIONS)
    try:
        keys = find_json_object(text) if text else {}
    except DecodingError:
        # Fails the check below, whose message is for both mistakes.
        keys = {"": None}
    # Objects only: `pulumi config set --path` stores texts, and whether those are secret is invisible here.
    if not all(isinstance(key, dict) for key in keys.values()):
        raise ConfigurationError(
            f"The config {CONNECTIONS} cannot be read.",
            "It must be one JSON object that maps connection names to service keys, as objects and not as text.",
            f"Set it again: pulumi config set --secret {CONNECTIONS} '{{\"<name>\": <service key>, …}}'",
        )
    return {name: json.dumps(key) for name, key in keys.items()}


def _config_command(name: str) -> str:
    if name == DEFAULT_CONNECTION:
        return "btp-trust:serviceKey '<JSON of the service key>'"
    return f"btp-trust:connections '{{\"{name}\": <JSON of the service key>}}'"
