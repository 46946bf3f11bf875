"""The protection of a connection to a Dask scheduler: its clients run code on the workers."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from distributed.security import Security

from btp_trust.errors import ConfigurationError


def security_of(address: str) -> Security | None:
    """Return the TLS settings for an address; None on loopback, where `tcp://` is allowed.

    Raises:
        ConfigurationError: The address is unprotected, or certificates are missing.
    """
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
