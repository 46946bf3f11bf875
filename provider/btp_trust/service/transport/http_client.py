"""HTTP client: trusted certificate authorities, proxies, and settings. Verification is always on."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable
from functools import cache
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
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=5)
"""A thread waits for its own service alone; as many connections stay open as are read at a time."""
_PEM_HEADER: Final = "-----BEGIN CERTIFICATE-----"
_MAX_PATH_LENGTH: Final = 200
"""Characters of a variable's value that passes for a path, which may be shown."""


@cache
def unused_tls_context() -> ssl.SSLContext:
    """Return TLS settings for services of this machine (the emulator), which speak plain HTTP: without authorities."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def create_tls_context(bundle: str | None = None) -> ssl.SSLContext:
    """Create TLS settings that verify: by the usual authorities (or SSL_CERT_FILE), and those of a bundle as well.

    Args:
        bundle: The config `btp-trust:caBundle`: certificates in PEM, or the path of a file with them.

    Raises:
        ConfigurationError: `bundle`, or the environment's file or folder of authorities, is unusable.
    """
    context = _default_tls_context()
    if bundle:
        try:
            context.load_verify_locations(cadata=_pem_certificates(bundle))
        except (ssl.SSLError, TypeError):  # the latter for characters beyond ASCII
            raise _unusable_bundle("One of its certificates is damaged.") from None
    return context


def open_client(
    tls: ssl.SSLContext,
    transport: httpx.BaseTransport | None,
    auth: httpx.Auth | None = None,
    base_url: str = "",
    ca_bundle: str | None = None,
) -> httpx.Client:
    """Open an HTTP client. It uses the proxy of the environment; redirects, cookies and compression are off.

    Args:
        tls: TLS settings for services.
        transport: For tests; None is the network.
        auth: Puts credentials on each request.
        base_url: The prefix of relative URLs.
        ca_bundle: As for `create_tls_context`: authorities for proxies that are reached by TLS.
    """
    # `trust_env` is off, as httpx reads proxies by other rules than curl; `proxies` reads them here.
    no_cookies: Any = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.Client(
        transport=transport or _route(tls, ca_bundle),
        trust_env=False,
        auth=auth,
        base_url=base_url,
        headers={"Accept-Encoding": "identity"},
        # A malformed cookie of one response would make the headers of the next request invalid.
        cookies=no_cookies,
        # A redirect would carry the credentials to a host that the service key leaves out.
        follow_redirects=False,
        event_hooks={"response": [_drop_location]},
    )


class SharedTransport:
    """One transport for the clients of many connections: those of one region use each other's open connections.

    Args:
        tls: TLS settings for services.
        ca_bundle: As for `create_tls_context`: authorities for proxies that are reached by TLS.
    """

    def __init__(self, tls: ssl.SSLContext, ca_bundle: str | None = None) -> None:
        self._transport = _route(tls, ca_bundle)
        self._lock = threading.Lock()
        self._users = 0

    def lease(self) -> httpx.BaseTransport:
        """Return the transport for one more client; the last client that closes it closes all connections."""
        with self._lock:
            self._users += 1
        return _LeasedTransport(self._transport.handle_request, self._release)

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._transport.close()


class _LeasedTransport(httpx.BaseTransport):
    def __init__(self, handle_request: Callable[[httpx.Request], httpx.Response], release: Callable[[], None]) -> None:
        self._handle_request = handle_request
        self._release = release

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._handle_request(request)

    def close(self) -> None:
        self._release()


def _route(tls: ssl.SSLContext, ca_bundle: str | None) -> ProxyRoutingTransport:
    return ProxyRoutingTransport(tls, parse_proxies(os.environ), lambda: create_tls_context(ca_bundle))


def no_proxy_note() -> str | None:
    """Return a line about entries of the environment's NO_PROXY that are skipped as malformed."""
    return parse_proxies(os.environ).note


def _drop_location(response: httpx.Response) -> None:
    """Drop the target of a redirect: httpx parses it, and a malformed one would raise in place of a response."""
    response.headers.pop("Location", None)


class ProxyRoutingTransport(httpx.BaseTransport):
    """Sends each request directly, or through the proxy of its host.

    Args:
        tls: TLS settings for services.
        proxies: The proxies of the environment.
        proxy_tls: Creates the TLS settings for proxies that are reached by TLS: without a client certificate.
    """

    def __init__(self, tls: ssl.SSLContext, proxies: Proxies, proxy_tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._proxies = proxies
        self._proxy_tls = proxy_tls
        self._lock = threading.Lock()
        self._transports: dict[Proxy | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and attach its progress."""
        proxy = self._proxies.proxy_for(request.url)
        request.extensions["trace"] = RequestProgress(
            request.url.raw_host.decode("ascii"), proxy.name if proxy else None
        )
        return self._transport(proxy).handle_request(request)

    def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        with self._lock:
            closed, self._transports = self._transports, {}
        for transport in closed.values():
            transport.close()

    def _transport(self, proxy: Proxy | None) -> httpx.HTTPTransport:
        with self._lock:
            # One transport for each proxy, kept open: later requests reuse its tunnel.
            if proxy not in self._transports:
                self._transports[proxy] = httpx.HTTPTransport(
                    verify=self._tls,
                    trust_env=False,
                    limits=_LIMITS,
                    proxy=self._to_httpx_proxy(proxy) if proxy else None,
                )
            return self._transports[proxy]

    def _to_httpx_proxy(self, proxy: Proxy) -> httpx.Proxy:
        url = httpx.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port)
        # The service key's client certificate is for the token service: a proxy must not be able to ask for it.
        tls = self._proxy_tls() if proxy.scheme == "https" else None
        return httpx.Proxy(url, ssl_context=tls, auth=proxy.auth)


def _default_tls_context() -> ssl.SSLContext:
    """Trust certifi's authorities and the system's, or those that the environment names in their place."""
    # In the order of httpx, which reads the file if both are set.
    variable = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
    folders = os.environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    # OpenSSL loads a missing folder silently, and would then reject every server.
    if variable == "SSL_CERT_DIR" and not any(map(os.path.isdir, folders)):
        raise _unusable_variable(variable, "it is no folder")
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else type(error).__name__
        raise _unusable_variable(variable, reason) from None
    # The authority of a company is often in the system's store alone.
    if variable is None:
        context.load_default_certs()
    return context


def _unusable_variable(variable: str | None, why: str) -> ConfigurationError:
    """Return the error for unusable authorities; it shows paths only, as other values may be keys."""
    value = os.environ.get(variable or "", "")
    shown = f" {value}" if 0 < len(value) <= _MAX_PATH_LENGTH and "-----" not in value and value.isprintable() else ""
    return ConfigurationError(
        "The certificate authorities cannot be loaded.",
        f"{variable or 'certifi'} names something unusable{shown}: {why}.",
        "Correct the environment variable, or unset it.",
    )


def _pem_certificates(bundle: str) -> str:
    """Return the certificates alone: bundles have comments, in any encoding."""
    text = bundle if _PEM_HEADER in bundle else _read_bundle_file(bundle)
    certificates = [block.text for block in find_blocks(text) if block.label == "CERTIFICATE"]
    if not certificates:
        raise _unusable_bundle("It holds no PEM certificate (BEGIN CERTIFICATE … END CERTIFICATE).")
    return "".join(certificates)


def _read_bundle_file(path: str) -> str:
    content, reason = None, ""
    try:
        content = Path(path).read_bytes()
    # ValueError is for a null character in the path.
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    # Raised after the handler: the system's error has the path, which may be a key by mistake.
    if content is None:
        raise _unusable_bundle(f"It is neither PEM nor the path of a readable file: {reason}.")
    try:
        return decode(content)
    except ValueError:
        return ""  # a key store, or one certificate in DER


def _unusable_bundle(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The config {CA_BUNDLE} cannot be used.",
        why,
        f"Give it the path of a PEM file with the authority's certificate: pulumi config set {CA_BUNDLE} <path>",
    )
