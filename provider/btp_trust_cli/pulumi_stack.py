"""Stacks of a Pulumi project, read by its own command line: names, configuration, state. It only reads.

The configuration holds secrets in clear: they go from the child's output into a `Stack`, and stay there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from btp_trust.errors import ConfigurationError, TrustError, UnreadableState
from btp_trust.parsing import structs
from btp_trust.resources.settings import Setting, invalid_settings
from btp_trust.runtime.host import find_project_folder
from btp_trust.service.transport.redaction import redact
from btp_trust_cli.history.deployments import WORDS, Deployment, ListedUpdate, parse_deployments
from btp_trust_cli.recorded import RecordedSubaccount, parse_stack, project_of, registration_connections

_NAMESPACE: Final = "btp-trust:"
_TIMEOUT_SECONDS: Final = 120
_Shape = TypeVar("_Shape")


class _ListedStack(msgspec.Struct):
    name: str
    current: bool = False


class _ConfigValue(msgspec.Struct):
    value: str | None = None
    secret: bool = False


class _Deployment(msgspec.Struct):
    resources: list[dict[str, Any]] = []


class _Export(msgspec.Struct):
    deployment: _Deployment = msgspec.field(default_factory=_Deployment)


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as far as this package reads it."""

    name: str
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The settings of this provider, secrets in clear."""
    recorded: Mapping[str, RecordedSubaccount] = field(default_factory=dict)
    """{GUID: what the state records of that subaccount}"""
    registration_connections: tuple[str, ...] = ()
    """The connections of its TrustedIdentityProviders: to the XSUAA of targets."""
    invalid_settings: tuple[TrustError, ...] = ()
    """Settings that a program would refuse: misspelt, or a secret in plain text."""
    error: TrustError | None = None
    """Why reading it failed."""


class PulumiProject:
    """A folder with a Pulumi project, or below one.

    Args:
        folder: The folder in which Pulumi's command line runs.
        environ: Its environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    @property
    def exists(self) -> bool:
        """Return True if there is a project here or in a folder above."""
        return find_project_folder(self._folder) is not None

    def stack_names(self) -> list[str]:
        """Return the names of all stacks.

        Raises:
            ConfigurationError: Pulumi's command line is missing, or refuses.
        """
        return [stack.name for stack in self._listed()]

    def selected_stack(self) -> str | None:
        """Return the name of the stack that the user has selected, or None. Raises as `stack_names`."""
        chosen = self._environ.get("PULUMI_STACK")
        return chosen or next((stack.name for stack in self._listed() if stack.current), None)

    def read(self, name: str) -> Stack:
        """Read the configuration and the state of a stack; an error is a part of the result."""
        try:
            config = self._decoded(dict[str, _ConfigValue], "config", "--show-secrets", "--json", "--stack", name)
            export = self._decoded(_Export, "stack", "export", "--stack", name)
            resources = export.deployment.resources
            return Stack(
                name,
                _own_settings(config),
                parse_stack(resources),
                registration_connections(resources),
                _invalid_settings(config, resources),
            )
        except TrustError as error:
            return Stack(name, error=error)

    def read_state(self, name: str) -> Stack:
        """Read the state of a stack alone, which holds no credentials; an error is a part of the result."""
        try:
            export = self._decoded(_Export, "stack", "export", "--stack", name)
            return Stack(name, recorded=parse_stack(export.deployment.resources))
        except TrustError as error:
            return Stack(name, error=error)

    def create(self, name: str, secrets_provider: str | None) -> None:
        """Create a stack, and leave the selected one as it is. Raises as `stack_names`."""
        provider = () if secrets_provider is None else ("--secrets-provider", secrets_provider)
        self._run("stack", "init", name, "--no-select", *provider)

    def deployments(self, name: str) -> tuple[Deployment, ...]:
        """Return the deployments that changed something, or failed, the newest first. Raises as `stack_names`."""
        return parse_deployments(self._decoded(list[ListedUpdate], *WORDS, "--stack", name))

    def _listed(self) -> list[_ListedStack]:
        return self._decoded(list[_ListedStack], "stack", "ls", "--json")

    def _decoded(self, shape: type[_Shape], *words: str) -> _Shape:
        printed = self._run(*words)
        try:
            return structs.decode(printed, shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        # Raised after the handler: the decoder's error quotes the output, which may hold secrets.
        raise UnreadableState(
            f"The output of `pulumi {' '.join(words[:2])}` is unreadable.",
            "It is other than the JSON of the expected form.",
            "Use Pulumi 3.250 or newer; if that is there, report this as a bug.",
        )

    def _run(self, *words: str) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command line, run directly
                ["pulumi", *words, "--non-interactive", "--color", "never"],  # noqa: S607 - from PATH, as users have it
                cwd=self._folder,
                env={**self._environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _pulumi_failed(words, f"Its answer took longer than {_TIMEOUT_SECONDS} seconds.") from None
        except OSError as error:
            raise _pulumi_missing(type(error).__name__) from None
        if done.returncode != 0:
            statement = redact(done.stderr.decode(errors="replace").strip()).rstrip(".")
            raise _pulumi_failed(words, f"It says: {statement or '(empty)'}.")
        return done.stdout


def require_name(stack: str) -> str:
    """Return the name of a stack, which each command shows.

    Raises:
        ConfigurationError: It is an address, such as that of the backend.
    """
    if "://" not in stack:
        return stack
    raise ConfigurationError(
        "The name of the stack is an address.",
        "It is left out here, as it may hold a password. The address of the backend belongs to `pulumi login`, or "
        "into PULUMI_BACKEND_URL.",
        "Give --stack or PULUMI_STACK a name that `pulumi stack ls` shows.",
    )


def _own_settings(config: Mapping[str, _ConfigValue]) -> dict[str, str]:
    return {
        key: setting.value
        for key, setting in config.items()
        if key.startswith(_NAMESPACE) and setting.value is not None
    }


def _invalid_settings(
    config: Mapping[str, _ConfigValue], resources: Sequence[Mapping[str, Any]]
) -> tuple[TrustError, ...]:
    settings = [Setting(key, setting.value, setting.secret) for key, setting in config.items()]
    return tuple(ConfigurationError(*parts) for parts in invalid_settings(settings, project_of(resources)))


def _pulumi_failed(words: tuple[str, ...], why: str) -> ConfigurationError:
    return ConfigurationError(
        f"`pulumi {' '.join(words)}` failed.",
        why,
        "Run the command yourself; log in (pulumi login) or set PULUMI_CONFIG_PASSPHRASE as it asks.",
    )


def _pulumi_missing(reason: str) -> ConfigurationError:
    return ConfigurationError(
        "Pulumi's command line failed to start.",
        f"{reason}: stacks are read by the command `pulumi`.",
        "Put it on PATH; or choose a folder outside of the project (-C): there the keys of the environment are read.",
    )
