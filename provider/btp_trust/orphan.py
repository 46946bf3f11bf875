"""Whether Pulumi is still there: its plugin outlives a `kill -9`, and nobody notes down what it does then."""

from __future__ import annotations

import os
import select
import stat
from typing import Final

_STANDARD_INPUT: Final = 0


def pulumi_is_gone() -> bool:
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
