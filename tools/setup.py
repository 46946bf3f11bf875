"""Find a Python that is new enough, then let it set the project up.

This file alone may be read by an older Python 3: it keeps to old syntax and to the standard library.
What is done then stands in the package `bootstrap` beside it.
"""

import os
import shutil
import subprocess
import sys

MINIMUM = (3, 11)
OTHER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
PROBE = "import sys; sys.exit(sys.version_info[:2] < ({}, {}))".format(*MINIMUM)
REFUSAL = """\
Python {wanted} or newer is needed, and `{name}` is Python {found}.
{others} on PATH are missing or fail to start.
What to do: install one of them, or say where one is: make setup PYTHON=/path/to/python3
"""


def is_new_enough() -> bool:
    """Tell whether the running Python can read the rest of the project."""
    return sys.version_info[:2] >= MINIMUM


def find_newer_python() -> str:
    """Return a Python on PATH that is new enough and starts (a shim may not), or an empty string."""
    for name in OTHER_NAMES:
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", PROBE], stderr=subprocess.DEVNULL) == 0:
            return found
    return ""


def refusal() -> str:
    """Say which Python is there, which is needed and what to do."""
    others = ", ".join(OTHER_NAMES)
    found, wanted = (".".join(str(part) for part in pair) for pair in (sys.version_info[:3], MINIMUM))
    return REFUSAL.format(wanted=wanted, name=sys.executable, found=found, others=others)


def main() -> int:
    """Hand over to `bootstrap`, under another Python if this one is too old."""
    if is_new_enough():
        from bootstrap.main import main as carry_out  # noqa: PLC0415 - an older Python cannot read it

        return carry_out(sys.argv[1:])
    python = find_newer_python()
    if python:
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])  # noqa: S606, PTH100 - see above
    sys.stderr.write(refusal())
    return 1


if __name__ == "__main__":
    sys.exit(main())
