"""The configured credentials of one process: what the host gives to a command, and what ends that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from btp_trust.runtime.host import Host, find_project_folder
from btp_trust.service.credentials.configured_credentials import ConfiguredCredentials
from btp_trust.service.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from btp_trust.service.credentials.key_command import Surroundings


def configured_credentials(
    config: Callable[[str], str | None],
    host: Host,
    retry_policy: RetryPolicy,
    warn: Callable[[str, str, str], None],
) -> ConfiguredCredentials:
    """Return the credentials of the configuration.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        host: The environment, the folder of the project, and whether Pulumi's engine has exited.
        retry_policy: Bounds how long a command may take.
        warn: Warns of a file that others can read: what, why, remedy; raises in strict mode.
    """

    def surroundings() -> Surroundings:
        from btp_trust.service.credentials.key_command import Surroundings  # noqa: PLC0415 - few stacks have a command

        folder = host.project_folder or find_project_folder(Path()) or Path()
        return Surroundings(host.environ, folder, host.engine_exited, lambda: retry_policy.remaining)

    return ConfiguredCredentials(config, surroundings, warn)
