"""The log of Pulumi's engine: a line that goes there hangs on its resource, in `--diff` and in `--json` too.

A line on the plugin's standard error belongs to the stack as a whole, and `--diff` leaves it out. Pulumi gives a plugin
the engine's address as its argument, and leaves it to the plugin to use that.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import grpc  # type: ignore[import-untyped] # Pulumi brings it
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_PLUGIN_MODULE: Final = ("pulumi", "dynamic", "__main__.py")
_TIMEOUT: Final = 10.0
"""Seconds for one line: an engine that hangs must not hold up a write."""


def engine_address() -> str | None:
    """Return the address of Pulumi's engine: `python -m pulumi.dynamic HOST:PORT` is how the engine starts the plugin.

    The result is None in other processes.
    """
    program, *arguments = sys.argv
    is_plugin = Path(program).parts[-len(_PLUGIN_MODULE) :] == _PLUGIN_MODULE
    return arguments[0] if is_plugin and arguments else None


class EngineLog:
    """Sends lines to Pulumi's engine.

    Args:
        address: HOST:PORT of the engine.
    """

    def __init__(self, address: str | None) -> None:
        # The channel connects with its first line.
        self._engine = None if address is None else engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def log(self, message: str, urn: str, *, is_warning: bool) -> bool:
        """Send a line about a resource, or about the stack if the URN is empty; return whether it arrived."""
        if self._engine is None:
            return False
        severity = engine_pb2.WARNING if is_warning else engine_pb2.INFO
        try:
            self._engine.Log(engine_pb2.LogRequest(severity=severity, message=message, urn=urn), timeout=_TIMEOUT)
        except grpc.RpcError:
            return False
        return True
