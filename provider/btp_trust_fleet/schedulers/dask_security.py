"""The protection of a connection to a Dask scheduler: its clients run code on the workers."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from distributed.security import Security

from btp_trust.errors import ConfigurationError

_ADDRESS: Final = re.compile(r"[a-z]+://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]{1,5})?/?")


def security_of(address: str) -> Security | None:
    """Return the TLS settings for an address; None on loopback, where `tcp://` is allowed.

    Raises:
        ConfigurationError: The address has another form or is unprotected, or certificates are missing.
    """
    if _ADDRESS.fullmatch(address) is None:
        raise ConfigurationError(
            "The address of the Dask scheduler is refused.",
            "It is other than tls://HOST:PORT, and left out here, as it may hold a password. The certificates of both "
            "sides stand for user and password.",
            "Give --scheduler tls://HOST:PORT. If the address holds a password, renew that: other users of this "
            "machine may have seen the command.",
        )
    parts = urlsplit(address)
    if parts.scheme == "tcp" and _is_loopback(parts.hostname):
        return None
    if parts.scheme != "tls":
        raise ConfigurationError(
            f"The Dask scheduler {address} is refused.",
            "A scheduler open to everybody runs programs of everybody, with the credentials of its workers.",
            "Start scheduler and workers with TLS, and give tls://HOST:PORT; tcp:// is for 127.0.0.1 alone.",
        )
    return _with_certificates(address)


def _with_certificates(address: str) -> Security:
    """Return Dask's own settings: of its configuration files, or of DASK_DISTRIBUTED__COMM__TLS__*."""
    security = Security(require_encryption=True)
    try:
        context = security.get_connection_args("client")["ssl_context"]
    except OSError:  # ssl.SSLError is one, too
        context = None
    if context is not None:
        return security
    raise ConfigurationError(
        f"The certificates for {address} are missing or unreadable.",
        "Scheduler, workers and this command show each other certificates of one authority.",
        "Set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY to files in PEM form.",
    )


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
