"""The command `btp-trust`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Final

OK: Final = 0
UNKNOWN: Final = 3
INTERRUPTED: Final = 130
MISSING: Final = """\
btp-trust: the libraries of the command line are missing.
They are an extra, which spares them to programs and pipelines.
Install them: python -m pip install 'btp-trust[cli]'
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code, 3 where it failed to find out."""
    try:
        from btp_trust_cli.app import Finished, app  # noqa: PLC0415 - for its error
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write(MISSING)
        return UNKNOWN
    try:
        app(arguments)
    except Finished as end:
        return end.exit_code
    except SystemExit as end:
        # 2 would be taken for CRITICAL, and means wrong options here.
        return end.code if end.code in (OK, INTERRUPTED) else UNKNOWN
    except Exception as error:  # noqa: BLE001 - also an unforeseen one ends as UNKNOWN; 1 would be WARNING
        sys.stderr.write(_describe(error))
    return UNKNOWN


def _describe(error: Exception) -> str:
    from btp_trust.errors import TrustError  # noqa: PLC0415 - takes longer than `--help`

    if isinstance(error, TrustError):
        return f"btp-trust: {error}\n"
    # Its text is left out: it may repeat a secret value.
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"btp-trust: a bug: {type(error).__name__}\n{frames}Report it with these lines.\n"


if __name__ == "__main__":
    sys.exit(main())
