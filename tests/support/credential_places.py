"""The places of credentials, in a configuration, an environment and folders of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from btp_trust.service.credentials.configured_credentials import ConfiguredCredentials
from btp_trust.service.credentials.connections import Connections
from btp_trust.service.credentials.key_command import Surroundings

NOWHERE = Path("missing")


def configured(
    config: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
    folder: Path = NOWHERE,
    *,
    warn: Callable[[str, str, str], None] = lambda *_: None,
    **limits: Any,
) -> ConfiguredCredentials:
    """Return the credentials of a configuration, whose keys have their namespace."""
    return ConfiguredCredentials(config.get, lambda: Surroundings(environ or {}, folder, **limits), warn)


def key_places(
    config: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
    secrets_root: Path = NOWHERE,
    folder: Path = NOWHERE,
) -> Connections:
    """Return the places of service keys."""
    return Connections(config.get, configured(config, environ, folder), environ or {}, secrets_root)
