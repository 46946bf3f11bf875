"""Proxy of a URL: the environment's variables as curl reads them, and further notations that people use.

Pure: names are compared and never resolved. The rules are those of curl's documentation (`HTTPS_PROXY`, `NO_PROXY`),
with notations of other programs besides; docs/reference/connections.md has the table of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

import httpx
from msgspec import Struct

from btp_trust.errors import ConfigurationError
from btp_trust.service.transport.redaction import REDACTED

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""This machine itself: reached directly and without TLS, so that a proxy never sees the credentials."""
LAST_PORT: Final = 65_535
_PROXY_PORTS: Final = {"http": 1080, "https": 443}
"""Default ports of curl, for proxy URLs without a port."""
_SERVICE_PORTS: Final = {"http": 80, "https": 443}
_VARIABLES: Final = {
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
"""By the scheme of the service's URL; the first that has a value counts. HTTP_PROXY is left out: a CGI server sets it
from a request's header `Proxy`."""
_MAX_SHOWN_LENGTH: Final = 80
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$|0x[0-9a-f]*$){_LABEL}")
"""A domain name; one that ends in a number is an address, or malformed."""
_BRACKETS: Final = re.compile(r"\[([^\[\]]+?)(?:\](/[0-9]+)?|(/[0-9]+)\])(?::([0-9]+))?")
_PORT: Final = re.compile(r"([^:]+):([0-9]+)")
_Address = IPv4Address | IPv6Address


class Proxy(Struct, frozen=True):
    """An HTTP proxy."""

    scheme: str
    """How the proxy itself is reached: `http` or `https`."""
    host: str
    port: int
    auth: tuple[str, str] | None
    variable: str

    def __repr__(self) -> str:
        """Hide user and password."""
        return f"Proxy({self.name})"

    @property
    def name(self) -> str:
        """Host and port, which may be shown; user and password stay out."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Rule(Struct, frozen=True):
    """One entry of NO_PROXY: hosts that are called directly."""

    name: str = ""
    """A domain; empty is every host."""
    is_subdomains_only: bool = False
    """True if the rule is for hosts below the domain alone."""
    network: IPv4Network | IPv6Network | None = None
    """Addresses, in place of a name."""
    port: int | None = None
    """The one port that the rule is for; None is every port."""

    def covers(self, host: str, port: int) -> bool:
        return self.port in (None, port) and self._covers(host)

    def _covers(self, host: str) -> bool:
        address = _parse_address(host)
        if self.network is not None:
            return address is not None and address in self.network
        if not self.name:
            return True
        return address is None and (
            host.endswith(f".{self.name}") or (host == self.name and not self.is_subdomains_only)
        )


class Proxies(Struct, frozen=True):
    """Proxies and exceptions of an environment."""

    variable_by_scheme: Mapping[str, tuple[str, str]]
    """By the scheme of the service's URL: the variable and its value, which may hold a password."""
    rules: tuple[_Rule, ...] = ()
    note: str | None = None
    """A line about entries of NO_PROXY that are skipped."""

    def __repr__(self) -> str:
        """Hide the values of the variables."""
        return f"Proxies({', '.join(self.variable_by_scheme)})"

    def proxy_for(self, url: httpx.URL) -> Proxy | None:
        """Return the proxy for a URL; None if the URL is called directly.

        Raises:
            ConfigurationError: The URL needs a proxy whose variable is malformed.
        """
        host = _normalize_host(url.raw_host.decode("ascii"))
        port = url.port or _SERVICE_PORTS.get(url.scheme, 0)
        if host in LOOPBACK or any(rule.covers(host, port) for rule in self.rules):
            return None
        variable = self.variable_by_scheme.get(url.scheme)
        # Parsed here, so that a malformed proxy is an error only for hosts that need it.
        return None if variable is None else _parse_proxy(*variable)


def parse_proxies(environ: Mapping[str, str]) -> Proxies:
    """Read the environment."""
    variable_by_scheme = {
        scheme: (variable, environ[variable])
        for scheme, variables in _VARIABLES.items()
        if (variable := _first_set(environ, *variables)) is not None
    }
    # Small letters win over capitals, as for curl.
    no_proxy = _first_set(environ, "no_proxy", "NO_PROXY")
    if no_proxy is None:
        return Proxies(variable_by_scheme)
    text = environ[no_proxy]
    rules = {entry: _parse_rule(entry.lower()) for entry in re.split(r"[,\s]+", text) if entry}
    skipped = [_redact_entry(entry, text) for entry, rule in rules.items() if rule is None]
    note = _skipped_note(no_proxy, skipped) if skipped else None
    return Proxies(variable_by_scheme, tuple(filter(None, rules.values())), note)


def _first_set(environ: Mapping[str, str], *variables: str) -> str | None:
    return next((variable for variable in variables if environ.get(variable)), None)


def _parse_rule(entry: str) -> _Rule | None:
    """Read one entry, in small letters; None if it is malformed."""
    if entry == "*":
        return _Rule()
    scheme, is_url, rest = entry.partition("://")
    if is_url and scheme not in _SERVICE_PORTS:
        return None
    text, port = _split_port(rest.removesuffix("/") if is_url else entry)
    if port is not None and not 0 < port <= LAST_PORT:
        return None
    # Host bits in a range are ignored, as by curl.
    try:
        return _Rule(network=ip_network(text, strict=False), port=port)
    except ValueError:
        pass
    is_subdomains_only = text.startswith("*.")
    name = _to_ascii(text.removeprefix("*." if is_subdomains_only else ".").removesuffix("."))
    return _Rule(name, is_subdomains_only, port=port) if _NAME.fullmatch(name) else None


def _split_port(text: str) -> tuple[str, int | None]:
    """Split a host, an address or a range from its port."""
    if brackets := _BRACKETS.fullmatch(text):
        address, outside, inside, port = brackets.groups()
        return f"{address}{outside or inside or ''}", int(port) if port else None
    if host_and_port := _PORT.fullmatch(text):
        return host_and_port[1], int(host_and_port[2])
    return text, None


def _to_ascii(name: str) -> str:
    """Encode a name for name servers (IDNA); leave other texts as they are."""
    try:
        return name if name.isascii() else httpx.URL(f"https://{name}").raw_host.decode("ascii")
    except httpx.InvalidURL:
        return name


def _normalize_host(host: str) -> str:
    # A dot at the end names the same host, from the root of the name service.
    return host.lower().removesuffix(".")


def _parse_address(host: str) -> _Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _redact_entry(entry: str, text: str) -> str:
    """Redact user and password: where the variable has an @, they may be spread over several entries."""
    if "@" in entry:
        entry = f"{REDACTED}@{entry.rpartition('@')[2]}"
    elif "@" in text:
        entry = REDACTED
    return entry if len(entry) <= _MAX_SHOWN_LENGTH else f"{entry[:_MAX_SHOWN_LENGTH]}…"


def _skipped_note(variable: str, skipped: list[str]) -> str:
    names = ", ".join(map(repr, skipped))
    skipped_entries = f"the entry {names} is" if len(skipped) == 1 else f"the entries {names} are"
    return (
        f"note: {variable}: {skipped_entries} malformed and therefore skipped. An entry is a domain, a host, an "
        "address or a range of addresses, with a port if need be, or *."
    )


def _parse_proxy(variable: str, text: str) -> Proxy:
    """Parse the URL of a proxy. Errors leave the URL out, as it may hold a password."""
    before, is_url, after = text.strip().partition("://")
    scheme, rest = (before.lower(), after) if is_url else ("http", before)
    if scheme.startswith("socks"):
        raise _unusable_proxy(variable, "It is a SOCKS proxy, and only HTTP proxies are supported.")
    if scheme not in _PROXY_PORTS:
        raise _unusable_proxy(variable, "The scheme of an HTTP proxy's URL is http or https.")
    # The last @ ends the user: the password may have others.
    userinfo, has_user, place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    host, port = _split_port(place.lower())
    host = _to_ascii(_normalize_host(host))
    port = _PROXY_PORTS[scheme] if port is None else port
    if not 0 < port <= LAST_PORT or (_parse_address(host) is None and not _NAME.fullmatch(host)):
        raise _unusable_proxy(variable, "Its host or its port is malformed.")
    user, _, password = userinfo.partition(":")
    return Proxy(scheme, host, port, (unquote(user), unquote(password)) if has_user else None, variable)


def _unusable_proxy(variable: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The proxy that {variable} names cannot be used.",
        f"{why} Its URL is not shown, as it may hold a password.",
        f"Correct it ({variable}=http://<host>:<port>), or name the service's hosts in NO_PROXY.",
    )
