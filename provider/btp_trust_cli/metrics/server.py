"""Serve the metrics over HTTP: read now and then, answer at once with what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from prometheus_client import start_http_server

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host
from btp_trust_cli.metrics.families import Reading, metric_families
from btp_trust_cli.metrics.text import FixedMetrics, as_registry
from btp_trust_cli.options import Address
from btp_trust_cli.terminal import Terminal


def serve(read: Callable[[], Reading], address: Address, interval: float, host: Host, terminal: Terminal) -> NoReturn:
    """Read every `interval` seconds and serve what is known, until the process ends.

    A scrape never waits for a reading: Prometheus gives up after ten seconds, and a large landscape takes longer.

    Raises:
        ConfigurationError: The address is taken, or belongs to another machine.
    """
    latest = FixedMetrics()
    _update(latest, read, terminal)
    try:
        server, thread = start_http_server(address.port, address.host, as_registry(latest))
    except OSError as error:
        raise ConfigurationError(
            f"The address {address.shown_host}:{address.port} cannot be served.",
            f"{type(error).__name__}: {error.strerror}.",
            "Choose a free port of this machine: --serve 127.0.0.1:9964",
        ) from None
    try:
        terminal.show(f"Serving http://{address.host}:{server.server_port}/metrics, reading every {interval:g} s.\n")
        while True:
            host.sleep(interval)
            _update(latest, read, terminal)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _update(latest: FixedMetrics, read: Callable[[], Reading], terminal: Terminal) -> None:
    reading = read()
    latest.families = tuple(metric_families(reading, latest.families))
    if reading.error is not None:
        terminal.stderr.write(f"btp-trust: {reading.error}\n")
        terminal.stderr.flush()
