"""The host of this plugin: its clock, environment and streams, and whether Pulumi's engine is still there."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import httpx

from btp_trust.service.credentials.bindings import SECRETS_ROOT

_STANDARD_INPUT: Final = 0


def has_engine_exited() -> bool:
    """Tell whether the process that started this plugin has ended.

    Pulumi gives each plugin a pipe as standard input, writes nothing to it and alone holds its other end; so the pipe
    hangs up when Pulumi ends, however it ends. The parent's process id would not tell: the plugin's parent is a shell,
    which outlives Pulumi too. Where standard input is no pipe (a plugin that was started by hand), or cannot be polled
    (Windows), nobody is missed.
    """
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(_STANDARD_INPUT).st_mode)
    except OSError:
        return False
    if not is_pipe or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(_STANDARD_INPUT, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def system_clock() -> datetime:
    """Read the machine's clock: the one place of the package that does."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Host:
    """Everything outside: tests choose it, a process takes the default."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], datetime] = system_clock
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    secrets_root: Path = SECRETS_ROOT
    engine_exited: Callable[[], bool] = has_engine_exited
    """Whether Pulumi has ended, so that nobody would note down what is done from here on."""
