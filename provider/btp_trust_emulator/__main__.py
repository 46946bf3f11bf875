"""The command `btp-trust-emulator`."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

from btp_trust_emulator.emulator import DEFAULT_KEY_SIZE, Emulator
from btp_trust_emulator.errors import Refused
from btp_trust_emulator.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRONG_USE = 2
_SMALLEST_KEY = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 0 after a clean stop, 2 if the start failed (the reason is on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        with _emulator(options) as emulator, _stop_signal() as stop:
            print(f"btp-trust-emulator listens on {emulator.url}", flush=True)  # noqa: T201 - that is its output
            stop.wait()
    except (Refused, OSError) as exc:
        print(f"btp-trust-emulator: {exc}", file=sys.stderr)  # noqa: T201 - same
        return _WRONG_USE
    return 0


def _emulator(options: argparse.Namespace) -> Emulator:
    switches = Switches(**{field.name: getattr(options, field.name) for field in fields(Switches)})
    return Emulator(
        socket=True,
        key_size=options.key_size,
        state=options.state,
        switches=switches,
        host=options.host,
        port=options.port,
        tls_port=options.tls_port,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "btp-trust-emulator", description="Emulates the trust API of the SAP BTP Destination service."
    )
    serve = parser.add_subparsers(dest="command", required=True).add_parser(
        "serve", help="serve until SIGTERM or SIGINT"
    )
    serve.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=0, help="port for http; 0 picks one, which stdout shows")
    serve.add_argument(
        "--tls-port", type=int, default=0, help="port for https, which accepts client certificates; 0 picks one"
    )
    serve.add_argument(
        "--state",
        type=Path,
        help="file that keeps the state over a restart, private keys included; default: in memory",
    )
    serve.add_argument(
        "--key-size",
        type=_key_size,
        default=DEFAULT_KEY_SIZE,
        help="bits of the RSA keys of trust certificates (default: %(default)s)",
    )
    _add_switches(serve)
    return parser


def _add_switches(parser: argparse.ArgumentParser) -> None:
    """Add one option per switch, its choices the members of the enum."""
    for name, kind in get_type_hints(Switches).items():
        default = getattr(Switches(), name)
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=kind,
            default=default,
            metavar="{" + ",".join(member.value for member in kind) + "}",
            help=f"unknown of the real service (default: {default.value})",
        )


def _key_size(text: str) -> int:
    size = int(text)
    if size < _SMALLEST_KEY:
        raise argparse.ArgumentTypeError(f"{size} bits are too few; give at least {_SMALLEST_KEY}")
    return size


@contextlib.contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Provide an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
