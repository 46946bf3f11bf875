"""A workbench that runs the blocks of a section in order, in one folder.

- `python`, `yaml`, `json` and `sh` blocks whose first line is a comment with a file's name are written to that file;
- `diff` blocks change `__main__.py`, which must contain each removed line;
- `console` blocks: lines after `$ ` are commands, the others are their output. A command must fail if the page shows
  an `error:` or the state of a monitoring plugin, and succeed otherwise. `pulumi up` is answered with yes.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.doc_pages.blocks import Block
from support.doc_pages.comparison import RunValues
from support.pulumi_project import write_program

_TIMEOUT_SECONDS = 180.0
_FAILED = ("WARNING:", "CRITICAL:", "UNKNOWN:")


@dataclass
class PageWorkbench:
    """A folder in which blocks run, one after the other."""

    folder: Path
    env: dict[str, str]
    values: RunValues
    servers: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What runs beside the blocks, and ends with the workbench."""

    def run(self, block: Block, skipped: Mapping[str, str]) -> None:
        """Run a block, except commands that begin with a key of `skipped`."""
        if block.language == "console":
            for command, shown in block.commands:
                if not any(command.startswith(start) for start in skipped):
                    self._command(block, command, shown)
        elif block.language == "diff":
            self._change(block)
        elif block.file:
            (self._current_folder / block.file).write_text(self.values.substitute(block.text))

    def close(self) -> None:
        """Stop the servers, and remove the files of the shell."""
        self._shell_variables_file.unlink(missing_ok=True)
        self._shell_folder_file.unlink(missing_ok=True)
        self.servers.close()

    def start(self, *command: str) -> str:
        """Start a server, and return its first line."""
        server = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True)
        self.servers.callback(_stop, server)
        assert server.stdout is not None
        return server.stdout.readline()

    @property
    def _shell_variables_file(self) -> Path:
        return self.folder.parent / "shell"

    @property
    def _shell_folder_file(self) -> Path:
        return self.folder.parent / "place"

    @property
    def _current_folder(self) -> Path:
        """The working folder of the shell."""
        return Path(self._shell_folder_file.read_text()) if self._shell_folder_file.exists() else self.folder

    def _command(self, block: Block, command: str, shown: Sequence[str]) -> None:
        """Run a command in a shell that leaves its folder and its variables to the next one."""
        if command.startswith("btp-trust-emulator serve"):
            words = self.values.substitute(command).split()[1:]
            stdout, stderr, failed = [self.start(sys.executable, "-m", "btp_trust_emulator", *words)], [], False
        else:
            done = self._shell(self.values.substitute("pulumi up --yes" if command == "pulumi up" else command))
            stdout, stderr = done.stdout.splitlines(), done.stderr.splitlines()
            failed = done.returncode != 0
        must_fail = any(line.lstrip().startswith("error:") or line.startswith(_FAILED) for line in shown)
        problem = "its exit status is wrong" if failed != must_fail else self.values.difference(shown, stdout, stderr)
        everything = "\n".join([*stdout, *stderr])
        assert problem is None, f"{block}: $ {command}\n{problem}\n--- printed:\n{everything}"

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        variables, folder = self._shell_variables_file, self._shell_folder_file
        # Bytecode belongs to a text by second and length, and `git revert` takes less than a second.
        shutil.rmtree(self._current_folder / "__pycache__", ignore_errors=True)
        # The environment of programs, first on PATH, lacks the libraries of the command line.
        before = f"btp-trust() {{ '{sys.executable}' -m btp_trust_cli \"$@\"; }}\n"
        before += f". '{variables}'\n" if variables.exists() else ""
        after = f"status=$?\nexport -p > '{variables}'\nprintf %s \"$PWD\" > '{folder}'\nexit $status\n"
        return subprocess.run(
            ["bash", "-c", f"{before}{command}\n{after}"],
            cwd=self._current_folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )

    def _change(self, block: Block) -> None:
        """Apply a diff: the program must contain its kept and removed lines, together."""
        program = self._current_folder / "__main__.py"
        text, lines = program.read_text(), self.values.substitute(block.text).splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
        assert old in text, f"{block}: not in the program:\n{old}\n{text}"
        write_program(program, text.replace(old, new))


def _stop(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.communicate(timeout=_TIMEOUT_SECONDS)
