"""Run a command that ends when the process that started it ends, even by `kill -9`. A script by itself: no imports.

Linux sends the command a SIGINT as soon as the thread that started it is gone. Elsewhere this process stays beside the
command, and reads a pipe whose other end only the starter has.

    python child.py PARENT PIPE COMMAND...    PIPE: number of the descriptor, or - for the signal of Linux
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
SIGNALLED = 128
"""A shell's exit status of a command that a signal ended: 128 and the number."""
MISSING = 127
"""A shell's exit status of a command that PATH lacks; here also of one that the system refuses to run."""


def main(arguments: list[str]) -> int:
    """Run the command. With the signal of Linux, this process becomes the command and returns nothing."""
    parent, pipe, *command = arguments
    if pipe == "-":
        return replace_process(int(parent), command)
    return watch(int(pipe), command)


def replace_process(parent: int, command: list[str]) -> int:
    """Ask for the signal, then become the command."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    # The parent may have ended before the call: then the signal never comes.
    if os.getppid() != parent:
        return SIGNALLED + signal.SIGINT
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's own command line, without a shell
    except OSError:
        return MISSING


def watch(pipe: int, command: list[str]) -> int:
    """Run the command beside this process, and interrupt it at the end of the pipe."""
    # A SIGINT to the group reaches the command by itself; this process has to see how it ends.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        process = subprocess.Popen(command)  # noqa: S603 - as above
    except OSError:
        return MISSING
    threading.Thread(target=interrupt_at_end, args=(pipe, process), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else SIGNALLED - code


def interrupt_at_end(pipe: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the other end of the pipe is closed."""
    os.read(pipe, 1)
    process.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
