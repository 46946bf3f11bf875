"""The host of this plugin: its clock, environment and streams, and whether Pulumi's engine is still there."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import httpx
from msgspec import Struct, field

from btp_trust.runtime.engine_log import engine_address
from btp_trust.service.credentials.bindings import SECRETS_ROOT

PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_STANDARD_INPUT: Final = 0


def find_project_folder(start: Path) -> Path | None:
    """Return the folder of the Pulumi project in a folder, or in the nearest one above; None outside of a project.

    The plugin starts in the folder of the program, which `main` of Pulumi.yaml may place below the project's.
    """
    whole = start.resolve()
    folders = (whole, *whole.parents)
    return next((folder for folder in folders if any((folder / name).is_file() for name in PROJECT_FILES)), None)


def has_engine_exited() -> bool:
    """Return True if Pulumi's engine, which started this plugin, has exited.

    Pulumi gives each plugin a pipe as standard input, leaves it empty and alone holds its other end; so the pipe hangs
    up when Pulumi ends, in every way in which it may end. The parent's process ID would mislead: the plugin's parent
    is a shell, which outlives Pulumi too. Returns False where standard input is something else than a pipe (a plugin
    that was started by hand), or cannot be polled (Windows).
    """
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(_STANDARD_INPUT).st_mode)
    except OSError:
        return False
    if not is_pipe or not hasattr(select, "poll"):
        return False
    # POLLHUP is reported without being asked for, and the timeout of 0 ms keeps this from waiting.
    poll = select.poll()
    poll.register(_STANDARD_INPUT, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def system_clock() -> datetime:
    """Read the machine's clock: the one place of the package that does."""
    return datetime.now(UTC)


def start_daemon_thread(function: Callable[[], None]) -> None:
    """Run a function in a thread that ends with the process: it only reads."""
    threading.Thread(target=function, daemon=True).start()


class Host(Struct, frozen=True):
    """The surroundings of the plugin: tests choose them, a process takes the defaults."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], datetime] = system_clock
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    engine_address: str | None = field(default_factory=engine_address)
    """Where Pulumi's engine takes lines; without it they go to `stderr`."""
    secrets_root: Path = SECRETS_ROOT
    project_folder: Path | None = None
    """Where relative paths of the configuration begin; None: in the folder of the project, looked for on first use."""
    engine_exited: Callable[[], bool] = has_engine_exited
    """Whether Pulumi's engine has exited: the state would miss everything that is done from here on."""
    start_thread: Callable[[Callable[[], None]], None] = start_daemon_thread
    """Runs a function in a thread of its own; tests run it at once."""

    def __repr__(self) -> str:
        """Hide the environment, which may hold credentials."""
        return "Host(…)"
