"""The way to a service: whom TLS believes, and which proxy is asked. Nothing switches verification off."""

from __future__ import annotations

import os
import re
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final

import httpx

from btp_trust.errors import ConfigurationError

CA_BUNDLE: Final = "btp-trust:caBundle"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""This machine itself: reached without TLS, and never by a proxy, which would see the credentials."""
_DIRECT: Final = {f"all://{f'[{host}]' if ':' in host else host}": None for host in LOOPBACK}
_BEGINS: Final = "-----BEGIN CERTIFICATE-----"
_CERTIFICATE: Final = re.compile(rf"{_BEGINS}[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----", re.ASCII)


def authorities(bundle: str | None = None) -> ssl.SSLContext:
    """Make TLS settings that verify: the usual authorities (or SSL_CERT_FILE), and those of a bundle as well.

    Args:
        bundle: The config `btp-trust:caBundle`: certificates in PEM, or the path of a file of them.

    Raises:
        ConfigurationError: Authorities cannot be loaded.
    """
    context = _usual_authorities()
    if bundle:
        try:
            context.load_verify_locations(cadata=_certificates(bundle))
        except ssl.SSLError:
            raise _unusable_bundle("One of its certificates is damaged.") from None
    return context


def client(
    tls: ssl.SSLContext, transport: httpx.BaseTransport | None, auth: httpx.Auth | None = None, base_url: str = ""
) -> httpx.Client:
    """Open a client that asks the environment's proxy, follows no redirect, keeps no cookie, wants nothing packed.

    Args:
        tls: Whom to believe.
        transport: For tests; None is the network.
        auth: Puts credentials on each request.
        base_url: Where relative URLs begin.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be asked.
    """
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    options: dict[str, Any] = {"headers": {"Accept-Encoding": "identity"}, "mounts": _DIRECT, "cookies": no_cookies}
    try:
        return httpx.Client(
            transport=transport,
            verify=tls,
            auth=auth,
            base_url=base_url,
            follow_redirects=False,
            event_hooks={"response": [_forget_location]},
            **options,
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        raise unusable_proxy() from None


def _forget_location(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: one that it cannot read would lose the answer."""
    response.headers.pop("Location", None)


def unusable_proxy() -> ConfigurationError:
    """Make the error for a proxy that cannot be asked; its URL may hold a password and is not shown."""
    return ConfigurationError(
        "The proxy that the environment names cannot be used.",
        "HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP proxy, or NO_PROXY is malformed; SOCKS is not supported.",
        "Correct them (HTTPS_PROXY=http://<host>:<port>), or name the service's hosts in NO_PROXY.",
    )


def _usual_authorities() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError:
        raise ConfigurationError(
            "The certificate authorities cannot be loaded.",
            f"SSL_CERT_FILE or SSL_CERT_DIR names something that cannot be read: "
            f"{os.environ.get('SSL_CERT_FILE') or os.environ.get('SSL_CERT_DIR')}.",
            "Correct the environment variable, or unset it.",
        ) from None


def _certificates(bundle: str) -> str:
    """Take the certificates alone: bundles have comments, in any encoding."""
    found = _CERTIFICATE.findall((bundle if _BEGINS in bundle else _file(bundle)).replace("\\n", "\n"))
    if not found:
        raise _unusable_bundle("It holds no PEM certificate (BEGIN CERTIFICATE … END CERTIFICATE).")
    return "\n".join(found)


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        kind = type(error).__name__
    # Not raised within the handler: the system's error has the path, which may be something else by mistake.
    raise _unusable_bundle(f"It is no PEM, and as the path of a file it cannot be read: {kind}.")


def _unusable_bundle(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The config {CA_BUNDLE} cannot be used.",
        why,
        f"Give it the path of a PEM file with the authority's certificate: pulumi config set {CA_BUNDLE} <path>",
    )
