"""A fake of Pulumi's command line for runs of a stack: each call of a command takes the next of its answers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from support.fleet_previews import urn

_SCRIPT: Final = """\
#!/bin/sh
cd {folder} || exit 99
echo "$@" >> calls
command=$1
while [ $# -gt 0 ]; do
    [ "$1" = --save-plan ] && cp saved-plan.json "$2"
    shift
done
first=$(ls -d answers/"$command".* 2> /dev/null | head -1)
[ -n "$first" ] || exit 1
[ "$(ls -d answers/"$command".* | wc -l)" -gt 1 ] && mv "$first" used/ && first=used/$(basename "$first")
. "$PWD/$first"
"""


@dataclass
class FakePulumiRuns:
    """A folder that is a project, and has the script; the last answer of a command is repeated."""

    folder: Path
    _answers: int = field(default=10, init=False)

    def __post_init__(self) -> None:
        """Write the script."""
        for name in ("bin", "answers", "used"):
            (self.folder / name).mkdir(parents=True)
        script = self.folder / "bin/pulumi"
        script.write_text(_SCRIPT.format(folder=shlex.quote(str(self.folder))))
        script.chmod(0o755)
        plan: dict[str, Any] = {"resourcePlans": {urn("RotationTrigger"): {"goal": {"inputDiff": {}}}}}
        (self.folder / "saved-plan.json").write_bytes(msgspec.json.encode(plan))

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which this script is Pulumi's command line."""
        return {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder)}

    @property
    def commands(self) -> list[str]:
        """The first word of each call."""
        return [line.split()[0] for line in (self.folder / "calls").read_text().splitlines()]

    def answer(self, command: str, stdout: bytes = b"", stderr: str = "", *, status: int = 0, lines: str = "") -> None:
        """Add an answer: what is printed, then lines of the shell, then the exit status."""
        self._answers += 1
        base = self.folder / "answers" / f"{command}.{self._answers}"
        out, err = self.folder / f"{base.name}.out", self.folder / f"{base.name}.err"
        out.write_bytes(stdout)
        err.write_text(stderr)
        base.write_text(f"cat {shlex.quote(str(out))}\ncat {shlex.quote(str(err))} >&2\n{lines}\nexit {status}\n")
