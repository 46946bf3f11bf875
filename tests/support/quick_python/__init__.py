"""A `python3` for Pulumi's commands that starts at once: importing Pulumi takes half of the time of a command."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

LAUNCHER = Path(__file__).with_name("python3")
QUESTIONS = {"version": ["--version"], "packages": ["-m", "pip", "list", "-v", "--format", "json"]}
"""What Pulumi asks Python at each command, by the names of the files with the answers."""
SERVER = Path(__file__).with_name("server.py")

_servers: dict[str, str] = {}
"""{PATH: address of the server that this process has started}"""


def quick_python(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which Pulumi calls the launcher, beside a server of the Python on this PATH."""
    if not hasattr(os, "pidfd_open"):  # elsewhere than on Linux, commands take longer
        return {}
    path = variables["PATH"]
    if path not in _servers:
        _servers[path] = _start(variables)
    return {"PULUMI_PYTHON_CMD": str(LAUNCHER), "QUICK_PYTHON_SERVER": _servers[path]}


def _start(variables: Mapping[str, str]) -> str:
    """Start a server that ends with this process, and return its address."""
    folder = Path(tempfile.mkdtemp(prefix="quick-python-"))
    address = str(folder / "socket")
    python = shutil.which("python3", path=variables["PATH"])
    assert python
    for name, words in QUESTIONS.items():
        (folder / name).write_bytes(subprocess.check_output([python, *words], env=variables))
    server = subprocess.Popen(
        [python, "-u", str(SERVER), address], env=variables, stdin=subprocess.PIPE, start_new_session=True
    )
    atexit.register(server.communicate)  # closes its standard input, at which it ends
    return address
