"""The command `btp-trust`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

from btp_trust_cli.exit_codes import Finished, Severity

_INTERRUPTED: Final = 130
"""As shells have it: 128 and the number of SIGINT."""
_MISSING: Final = """\
btp-trust: the library {name} is missing.
The libraries of the command line are an extra, which spares them to programs and pipelines.
Install them: python -m pip install 'btp-trust[cli]'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code, 3 where it failed to find out."""
    try:
        from btp_trust_cli.app import app  # noqa: PLC0415 - its library may be missing

        app(arguments, prog_name="btp-trust")
    except Finished as end:
        return end.severity
    except SystemExit as end:
        # 2 would be taken for CRITICAL, and means wrong options here.
        return end.code if end.code in (Severity.OK, _INTERRUPTED) else Severity.UNKNOWN
    except Exception as error:  # noqa: BLE001 - also an unforeseen one ends as UNKNOWN; 1 would be WARNING
        if sys.stderr is not None:  # a service manager may close it
            sys.stderr.write(_describe(error))
    return Severity.UNKNOWN


def _describe(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("btp_trust"):
        return _MISSING.format(name=str(error.name).partition(".")[0])
    from btp_trust.errors import TrustError  # noqa: PLC0415 - takes longer than `--help`

    if isinstance(error, TrustError):
        return f"btp-trust: {error}\n"
    # Text and lines of code are left out: they may hold a secret value.
    frames = (
        f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )
    return "\n".join([f"btp-trust: a bug: {type(error).__name__}", *frames, "Report it with these lines.\n"])


def run() -> NoReturn:
    """Run the command of this process, and end it: interrupted, without waiting for the requests of other threads."""
    code = main()
    if code == _INTERRUPTED:
        _stop_commands()
        os._exit(code)
    sys.exit(code)


def _stop_commands() -> None:
    """Stop the commands that print service keys: their process groups get no interruption from the terminal."""
    if (module := sys.modules.get("btp_trust.service.credentials.child_process")) is not None:
        module.stop_all()


if __name__ == "__main__":
    run()
