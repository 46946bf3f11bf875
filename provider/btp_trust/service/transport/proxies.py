"""Which proxy is asked for a URL: the environment's variables as curl reads them, and the forms that people write.

No name is looked up and nothing is opened. The rules are those of curl's documentation (`HTTPS_PROXY`, `NO_PROXY`),
with forms besides that other programs take; docs/reference/connections.md has the table of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

import httpx

from btp_trust.errors import ConfigurationError

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""This machine itself: reached without TLS, and never by a proxy, which would see the credentials."""
NOT_SHOWN: Final = "***"
LAST_PORT: Final = 65_535
_PROXY_PORTS: Final = {"http": 1080, "https": 443}
"""What curl takes where the proxy's URL has no port."""
_SERVICE_PORTS: Final = {"http": 80, "https": 443}
_VARIABLES: Final = {
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
"""By the scheme of what is called; the first that is not empty. HTTP_PROXY is none: a web server sets it from a
request's header `Proxy`."""
_LONGEST_SHOWN: Final = 80
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$|0x[0-9a-f]*$){_LABEL}")
"""A name; one that ends in a number is an address or nothing."""
_BRACKETS: Final = re.compile(r"\[([^\[\]]+?)(?:\](/[0-9]+)?|(/[0-9]+)\])(?::([0-9]+))?")
_PORT: Final = re.compile(r"([^:]+):([0-9]+)")
_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    scheme: str
    """How the proxy itself is spoken to: `http` or `https`."""
    host: str
    port: int
    auth: tuple[str, str] | None = field(repr=False)
    variable: str

    @property
    def name(self) -> str:
        """Host and port, as they may be shown: no user and no password."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of NO_PROXY: whom it lets be called directly."""

    name: str = ""
    """A domain; empty is every host."""
    is_subdomains_only: bool = False
    """Whether it is about the hosts below the domain alone."""
    network: IPv4Network | IPv6Network | None = None
    """Addresses, in place of a name."""
    port: int | None = None
    """The one port that it is about."""

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


@dataclass(frozen=True, slots=True)
class Proxies:
    """What an environment says of proxies."""

    named: Mapping[str, tuple[str, str]] = field(repr=False)
    """By the scheme of what is called: the variable and what it holds, which may be a password."""
    rules: tuple[_Rule, ...] = ()
    note: str | None = None
    """A line about entries of NO_PROXY that are skipped."""

    def proxy_for(self, url: httpx.URL) -> Proxy | None:
        """Choose the proxy to ask for a URL; None is to call it directly.

        Raises:
            ConfigurationError: It would be one that cannot be asked.
        """
        host = _normalize_host(url.raw_host.decode("ascii"))
        port = url.port or _SERVICE_PORTS.get(url.scheme, 0)
        if url.scheme not in self.named or host in LOOPBACK or any(rule.covers(host, port) for rule in self.rules):
            return None
        return _parse_proxy(*self.named[url.scheme])


def parse_proxies(environ: Mapping[str, str]) -> Proxies:
    """Read the environment."""
    named = {}
    for scheme, variables in _VARIABLES.items():
        variable = _first_set(environ, *variables)
        if variable is not None:
            named[scheme] = (variable, environ[variable])
    exceptions = _first_set(environ, "no_proxy", "NO_PROXY")
    if exceptions is None:
        return Proxies(named)
    text = environ[exceptions]
    entries = {entry: _parse_rule(entry.lower()) for entry in re.split(r"[,\s]+", text) if entry}
    skipped = [_redact_entry(entry, text) for entry, rule in entries.items() if rule is None]
    return Proxies(
        named, tuple(filter(None, entries.values())), _skipped_note(exceptions, skipped) if skipped else None
    )


def _first_set(environ: Mapping[str, str], *variables: str) -> str | None:
    return next((variable for variable in variables if environ.get(variable)), None)


def _parse_rule(entry: str) -> _Rule | None:
    """Read one entry, in small letters; None if it says nothing that can be understood."""
    if entry == "*":
        return _Rule()
    scheme, is_url, rest = entry.partition("://")
    if is_url and scheme not in _SERVICE_PORTS:
        return None
    text, port = _split_port(rest.removesuffix("/") if is_url else entry)
    if port is not None and not 0 < port <= LAST_PORT:
        return None
    try:
        return _Rule(network=ip_network(text, strict=False), port=port)
    except ValueError:
        pass
    is_subdomains_only = text.startswith("*.")
    name = _to_ascii(text.removeprefix("*." if is_subdomains_only else ".").removesuffix("."))
    return _Rule(name, is_subdomains_only, port=port) if _NAME.fullmatch(name) else None


def _split_port(text: str) -> tuple[str, int | None]:
    """Part a host, an address or a range from a port."""
    if found := _BRACKETS.fullmatch(text):
        address, outside, inside, port = found.groups()
        return f"{address}{outside or inside or ''}", int(port) if port else None
    if found := _PORT.fullmatch(text):
        return found[1], int(found[2])
    return text, None


def _to_ascii(name: str) -> str:
    """Write a name as name servers know it; what is none stays what it is."""
    try:
        return name if name.isascii() else httpx.URL(f"https://{name}").raw_host.decode("ascii")
    except httpx.InvalidURL:
        return name


def _normalize_host(host: str) -> str:
    return host.lower().removesuffix(".")


def _parse_address(host: str) -> _Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _redact_entry(entry: str, text: str) -> str:
    """Show an entry, but nothing of a user and a password: where there is an @, they may be spread over entries."""
    if "@" in entry:
        entry = f"{NOT_SHOWN}@{entry.rpartition('@')[2]}"
    elif "@" in text:
        entry = NOT_SHOWN
    return entry if len(entry) <= _LONGEST_SHOWN else f"{entry[:_LONGEST_SHOWN]}…"


def _skipped_note(variable: str, skipped: list[str]) -> str:
    named = ", ".join(map(repr, skipped))
    what = f"the entry {named} cannot be" if len(skipped) == 1 else f"the entries {named} cannot be"
    return (
        f"note: {variable}: {what} understood, and nothing is called directly for it. An entry is a domain, a host, an "
        "address or a range of addresses, with a port if need be, or *."
    )


def _parse_proxy(variable: str, text: str) -> Proxy:
    """Read the URL of a proxy; what is within may be a password and is not shown."""
    before, is_url, after = text.strip().partition("://")
    scheme, rest = (before.lower(), after) if is_url else ("http", before)
    if scheme.startswith("socks"):
        raise _unusable_proxy(variable, "It is a SOCKS proxy, and SOCKS is not supported.")
    if scheme not in _PROXY_PORTS:
        raise _unusable_proxy(variable, "It is not the URL of an HTTP proxy: the scheme is http or https.")
    userinfo, has_user, place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    host, port = _split_port(place.lower())
    host = _to_ascii(_normalize_host(host))
    port = _PROXY_PORTS[scheme] if port is None else port
    if not 0 < port <= LAST_PORT or (_parse_address(host) is None and not _NAME.fullmatch(host)):
        raise _unusable_proxy(variable, "It is not the URL of an HTTP proxy: host or port is none.")
    user, _, password = userinfo.partition(":")
    return Proxy(scheme, host, port, (unquote(user), unquote(password)) if has_user else None, variable)


def _unusable_proxy(variable: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The proxy that {variable} names cannot be used.",
        f"{why} What it holds is not shown, as it may hold a password.",
        f"Correct it ({variable}=http://<host>:<port>), or name the service's hosts in NO_PROXY.",
    )
