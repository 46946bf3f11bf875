"""The way to a service: whom TLS believes, and which proxy is asked. Nothing switches verification off."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final

import httpx

from btp_trust.errors import ConfigurationError
from btp_trust.parsing.pem import find_blocks
from btp_trust.parsing.text_decoding import decode
from btp_trust.service.transport.proxies import Proxies, Proxy, parse_proxies
from btp_trust.service.transport.request_progress import RequestProgress

CA_BUNDLE: Final = "btp-trust:caBundle"
_PEM_HEADER: Final = "-----BEGIN CERTIFICATE-----"
_LONGEST_PATH: Final = 200
"""Characters of a variable that are taken for a path, which may be shown."""


def create_tls_context(bundle: str | None = None) -> ssl.SSLContext:
    """Make TLS settings that verify: the usual authorities (or SSL_CERT_FILE), and those of a bundle as well.

    Args:
        bundle: The config `btp-trust:caBundle`: certificates in PEM, or the path of a file of them.

    Raises:
        ConfigurationError: Authorities cannot be loaded.
    """
    context = _default_tls_context()
    if bundle:
        try:
            context.load_verify_locations(cadata=_pem_certificates(bundle))
        except (ssl.SSLError, TypeError):  # the latter for characters that are not ASCII
            raise _unusable_bundle("One of its certificates is damaged.") from None
    return context


def open_client(
    tls: ssl.SSLContext,
    transport: httpx.BaseTransport | None,
    auth: httpx.Auth | None = None,
    base_url: str = "",
    ca_bundle: str | None = None,
) -> httpx.Client:
    """Open a client that asks the environment's proxy, follows no redirect, keeps no cookie, wants nothing packed.

    Args:
        tls: Whom to believe.
        transport: For tests; None is the network.
        auth: Puts credentials on each request.
        base_url: Where relative URLs begin.
        ca_bundle: As for `authorities`: whom to believe where the proxy itself is spoken to by TLS.
    """
    no_cookies: Any = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.Client(
        transport=transport
        or ProxyRoutingTransport(tls, parse_proxies(os.environ), lambda: create_tls_context(ca_bundle)),
        trust_env=False,
        auth=auth,
        base_url=base_url,
        headers={"Accept-Encoding": "identity"},
        cookies=no_cookies,
        follow_redirects=False,
        event_hooks={"response": [_drop_location]},
    )


def no_proxy_note() -> str | None:
    """Say which entries of the environment's NO_PROXY cannot be understood, if there are any."""
    return parse_proxies(os.environ).note


def _drop_location(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: one that it cannot read would lose the answer."""
    response.headers.pop("Location", None)


class ProxyRoutingTransport(httpx.BaseTransport):
    """Sends each request directly, or through the proxy that its host has.

    Args:
        tls: Whom to believe.
        proxies: What the environment says.
        proxy_tls: Makes the TLS settings for proxies that are spoken to by TLS: without a client's certificate.
    """

    def __init__(self, tls: ssl.SSLContext, proxies: Proxies, proxy_tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._proxies = proxies
        self._proxy_tls = proxy_tls
        self._lock = threading.Lock()
        self._transports: dict[Proxy | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and record on it how far it comes."""
        proxy = self._proxies.proxy_for(request.url)
        request.extensions["trace"] = RequestProgress(
            request.url.raw_host.decode("ascii"), proxy.name if proxy else None
        )
        return self._transport(proxy).handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            transport.close()

    def _transport(self, proxy: Proxy | None) -> httpx.HTTPTransport:
        with self._lock:
            if proxy not in self._transports:
                self._transports[proxy] = httpx.HTTPTransport(
                    verify=self._tls, trust_env=False, proxy=self._to_httpx_proxy(proxy) if proxy else None
                )
            return self._transports[proxy]

    def _to_httpx_proxy(self, proxy: Proxy) -> httpx.Proxy:
        url = httpx.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
        tls = self._proxy_tls() if proxy.scheme == "https" else None
        return httpx.Proxy(url, ssl_context=tls, auth=proxy.auth)


def _default_tls_context() -> ssl.SSLContext:
    """Believe certifi's and the system's, or those that the environment names in their place."""
    named = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
    folders = os.environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    if named == "SSL_CERT_DIR" and not any(map(os.path.isdir, folders)):
        raise _unusable_variable(named, "it is no folder")
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        kind = "it holds no certificate" if isinstance(error, ssl.SSLError) else type(error).__name__
        raise _unusable_variable(named, kind) from None
    if named is None:
        context.load_default_certs()
    return context


def _unusable_variable(named: str | None, why: str) -> ConfigurationError:
    """Make the error for authorities that cannot be loaded; a value that is no path may be a key and is not shown."""
    value = os.environ.get(named or "", "")
    shown = f" {value}" if 0 < len(value) <= _LONGEST_PATH and "-----" not in value and value.isprintable() else ""
    return ConfigurationError(
        "The certificate authorities cannot be loaded.",
        f"{named or 'certifi'} names something that cannot be used{shown}: {why}.",
        "Correct the environment variable, or unset it.",
    )


def _pem_certificates(bundle: str) -> str:
    """Take the certificates alone: bundles have comments, in any encoding."""
    text = bundle if _PEM_HEADER in bundle else _read_bundle_file(bundle)
    found = [each.text for each in find_blocks(text) if each.label == "CERTIFICATE"]
    if not found:
        raise _unusable_bundle("It holds no PEM certificate (BEGIN CERTIFICATE … END CERTIFICATE).")
    return "".join(found)


def _read_bundle_file(path: str) -> str:
    octets, kind = None, ""
    try:
        octets = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        kind = type(error).__name__
    if octets is None:  # not raised within the handler: the system's error has the path, which may be a key by mistake
        raise _unusable_bundle(f"It is no PEM, and as the path of a file it cannot be read: {kind}.")
    try:
        return decode(octets)
    except ValueError:
        return ""  # a key store, or one certificate in DER


def _unusable_bundle(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The config {CA_BUNDLE} cannot be used.",
        why,
        f"Give it the path of a PEM file with the authority's certificate: pulumi config set {CA_BUNDLE} <path>",
    )
