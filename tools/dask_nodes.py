"""Dask's scheduler and its workers as processes of this machine, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from demo_environment import expect, terminating

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_SECONDS: Final = 300.0


@dataclass(frozen=True)
class DaskNodes:
    """Starts them in a folder, which also gets their logs, with the environment that stacks need."""

    folder: Path
    environment: Mapping[str, str]

    @contextlib.contextmanager
    def scheduler(self) -> Iterator[str]:
        """Start a scheduler on a free port; yield its address."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        with self._node("scheduler", words):
            ends = time.monotonic() + START_SECONDS
            while not file.exists():
                expect(time.monotonic() < ends, "Dask's scheduler starts")
                time.sleep(0.1)
            yield str(json.loads(file.read_text())["address"])

    @contextlib.contextmanager
    def workers(self, address: str, number: int) -> Iterator[list[subprocess.Popen[str]]]:
        """Start workers that run one stack at a time."""
        options = ["--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        with contextlib.ExitStack() as stack:
            names = [f"worker-{index}" for index in range(1, number + 1)]
            commands = [["worker", address, "--name", name, *options] for name in names]
            pairs = zip(names, commands, strict=True)
            yield [stack.enter_context(self._node(name, words)) for name, words in pairs]

    @contextlib.contextmanager
    def _node(self, name: str, words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """Start a scheduler or a worker; its lines go to a file."""
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            )
            with terminating(process):
                yield process
