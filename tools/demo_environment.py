"""The stage of a demo: an emulator, a git repository with an example, a Pulumi stack; all in one temporary folder.

Everything that is started here is ended here, by its process id, whatever happens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
DEPLOY: Final = "up --yes --skip-preview --suppress-outputs"
PROGRAM: Final = "__main__.py"
WIDTH: Final = 100
_TIMEOUT_SECONDS: Final = 15
_NOISE: Final = re.compile(
    r"^\s*$"
    r"|^@ "  # dots that tell that something goes on
    r"|^\s*\[urn="
    r"|\(0s\)|refreshing|^(Previewing|Updating|Destroying) "  # begun; the line that follows tells of the end
    r"|^\s*(~  |\+  |-  )?pulumi:pulumi:Stack |^  pulumi:pulumi:Stack"  # the stack itself, which is no resource of ours
    r"|^\s*(~  )?pulumi-python:\S+ \w+ *(refresh *)?$"
    r"|^\s*pulumi-python:\S+ \w+ .*(\berror: |\d errors?)"  # told again, whole, under Diagnostics
    r"|^Duration|^The resources in the stack have been deleted|^If you want to remove the stack"
)
_INTERRUPTED: Final = re.compile(
    r"^ *Traceback \(most recent call last\):\n(?: +.*\n)*? *KeyboardInterrupt$", re.MULTILINE
)
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?(-----END CERTIFICATE-----|\.\.\.)", re.DOTALL)


class DemoFailedError(Exception):
    """Something did not happen as the demo says."""


@dataclass
class DemoEnvironment:
    """What the demo plays on."""

    folder: Path
    program: Path
    """The folder of the Pulumi program."""
    emulator: httpx.Client
    subaccount: str
    names: dict[str, str] = field(default_factory=dict)
    """Each certificate's generation by its fingerprint."""
    history: list[tuple[str, str, str, str]] = field(default_factory=list)
    """After each step: its title, the date, what the active and the passive slot held."""

    def step(self, title: str, *explanation: str) -> None:
        """Begin a step of the story."""
        self.history.append((title, "", "", ""))
        heading = f"{len(self.history)}. {title} "
        say("", f"{heading}{'─' * (WIDTH - 12 - len(heading))} {self.today()}", *explanation)

    def expect_slots(self, active: str | None, passive: str | None) -> None:
        """Look into the slots at the end of a step: they must hold these generations."""
        slots = self.slots()
        title = self.history[-1][0]
        signs, waits = (
            self._label_certificate(slots["active"], active),
            self._label_certificate(slots["passive"], passive),
        )
        self.history[-1] = (title, self.today(), signs, waits)

    def pull_request(self, title: str, *changes: tuple[str, str]) -> None:
        """Change the program as a pull request would: commit it and show the difference."""
        text = (self.program / PROGRAM).read_text()
        for old, new in changes:
            expect(text.count(old) == 1, f"{old!r} stands once in the program")
            text = text.replace(old, new)
        self.commit(title, PROGRAM, text)

    def commit(self, title: str, file: str, text: str) -> None:
        """Give a file of the repository another text, in a pull request of its own."""
        (self.program / file).write_text(text)
        self._git("commit", "--quiet", "--all", f"--message={title}")
        say("", f"Pull request: {title}")
        self._show_change()

    def revert(self, title: str) -> None:
        """Revert the last pull request that has this title."""
        commit = self._git("log", "-1", "--format=%h", f"--grep=^{title}$").strip()
        say("", f"$ git revert {commit}   # {title}")
        self._git("revert", "--no-edit", commit)
        self._show_change()

    def pulumi(self, command: str, *expected_texts: str, status: int = 0, stdin: Path | None = None) -> None:
        """Run a command, show what it prints, and hold it to its exit status and the texts that it must say."""
        say("", f"$ pulumi {command}{f' < {stdin.name}' if stdin else ''}")
        with (stdin or Path(os.devnull)).open("rb") as source:
            code, printed = run_to_end(["pulumi", *command.split()], self.program, self.environment, source)
        for line in filter_output(printed):
            say(f"  {line}")
        say(*([f"  (exit status {code})"] if code else []))
        expect(code == status, f"`pulumi {command}` ends with {status}, not {code}:\n{printed}")
        for text in expected_texts:
            expect(text in " ".join(printed.split()), f"`pulumi {command}` says {text!r}:\n{printed}")

    def act_in_cockpit(self, action: str) -> None:
        """Let somebody press a button in the cockpit."""
        self.call_control_plane("POST", f"subaccounts/{self.subaccount}/cockpit", {"action": action})

    def set_date(self, day: str) -> None:
        """Move the emulator's clock."""
        self.call_control_plane("PUT", "clock", {"now": f"{day}T09:00:00Z"})

    def today(self) -> str:
        """The date that the emulator's clock shows."""
        return str(self.call_control_plane("GET", "clock")["now"])[:10]

    def slots(self) -> dict[str, str | None]:
        """The fingerprints in both slots."""
        return self._subaccount_field("slots")

    def certificates(self) -> dict[str, str | None]:
        """The PEMs in both slots."""
        return self._subaccount_field("certificates")

    @property
    def environment(self) -> dict[str, str]:
        """An environment in which neither git nor Pulumi sees anything of this machine's user."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PULUMI_HOME": str(self.folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "demo",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "demo" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def prepare(self, example: Path) -> None:
        """Copy the example into a repository of its own, make the backend."""
        shutil.copytree(example, self.program, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "backend").mkdir()
        self._git("init", "--quiet")
        self._git("add", ".")
        self._git("commit", "--quiet", "--message=Begin")

    def secret(self, name: str, content: str) -> Path:
        """Write a secret into a file that only its owner can read."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(content)
        return file

    @property
    def service_key(self) -> Path:
        """A file with the service key."""
        key = self.call_control_plane("GET", f"subaccounts/{self.subaccount}/service-key")
        return self.secret("service-key.json", json.dumps(key))

    def _subaccount_field(self, what: str) -> dict[str, str | None]:
        listed = self.call_control_plane("GET", "subaccounts")["subaccounts"]
        return next(each[what] for each in listed if each["guid"] == self.subaccount)

    def _show_change(self) -> None:
        for line in self._git("show", "--format=", "--unified=0").splitlines():
            if line[:1] in "+-" and line[:3] not in ("+++", "---"):
                say(f"  {line[0]} {line[1:]}")

    def _label_certificate(self, fingerprint: str | None, name: str | None) -> str:
        """Name what a slot holds; a name that is new is that of a certificate that is new."""
        if fingerprint is None or name is None:
            expect(fingerprint is name, f"a slot holds {name}, not {fingerprint}")
            return "empty"
        if name not in self.names.values():
            self.names.setdefault(fingerprint, name)
        expect(self.names.get(fingerprint) == name, f"a slot holds {name}, not {fingerprint}")
        return f"{fingerprint[:8]} ({name})"

    def call_control_plane(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the emulator's control plane."""
        answer = self.emulator.request(method, path, json=body)
        expect(answer.is_success, f"the emulator does {method} {path}: {answer.text}")
        content: dict[str, Any] = answer.json()
        return content

    def _git(self, *words: str) -> str:
        code, printed = run_to_end(["git", *words], self.program, self.environment)
        expect(code == 0, f"git {words[0]} works: {printed}")
        return printed


@contextlib.contextmanager
def demo_environment(example: Path, key_size: int) -> Iterator[DemoEnvironment]:
    """Set the stage, and clear it away whatever happens."""
    with tempfile.TemporaryDirectory(prefix="btp-trust-demo-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(run_emulator(["--state", str(folder / "emulator.json"), "--key-size", str(key_size)]))
        client = stack.enter_context(
            httpx.Client(base_url=f"{url}/_emulator/", timeout=_TIMEOUT_SECONDS, trust_env=False)
        )
        guid = client.post("subaccounts", json={}).json()["guid"]
        built = DemoEnvironment(folder, folder / example.name, client, guid)
        built.prepare(example)
        yield built


def run_demo(
    words: Sequence[str], example: Path, story: Sequence[Callable[[DemoEnvironment], None]], *prologue: str
) -> int:
    """Play a story on an example; 0 if each step did what it says."""
    parser = argparse.ArgumentParser(description=prologue[0])
    parser.add_argument("--key-size", type=int, default=4096, help="bits of the RSA keys (%(default)s, as real ones)")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being asked to end is an interruption like Ctrl-C
    began = time.monotonic()
    say(
        *prologue,
        "Shown is what they print, without blank lines, progress, URNs, the stack's own rows, the inside of PEMs, and",
        "the trace of a program that the engine interrupts when it refuses.",
    )
    try:
        with demo_environment(example, options.key_size) as demo:
            for chapter in story:
                chapter(demo)
            _print_table(demo)
    except DemoFailedError as error:
        print(f"\nThe demo stops: it is not so that {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left behind.", file=sys.stderr)
        return 130
    say("", f"Each step did what it says, in {time.monotonic() - began:.0f} s. Nothing is left behind.")
    return 0


def _print_table(demo: DemoEnvironment) -> None:
    """Print what was in which slot after each step."""
    rows = [("after", "on", "active: signs", "passive: waits"), *demo.history]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    say("", "Which certificate was where (fingerprints from the emulator):")
    for row in rows:
        say("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@contextlib.contextmanager
def run_emulator(options: Sequence[str]) -> Iterator[str]:
    """Serve the emulator on a free port and return its URL."""
    command = ["btp-trust-emulator", "serve", "--port", "0", *options]
    with terminating(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)) as process:
        first = process.stdout.readline() if process.stdout else ""
        expect("listens on" in first, "the emulator starts")
        yield first.split()[-1]


def run_to_end(
    command: Sequence[str], folder: Path, environment: dict[str, str], stdin: IO[bytes] | int = subprocess.DEVNULL
) -> tuple[int, str]:
    """Run a command to its end; return its exit status and all that it printed."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with terminating(process):
        printed, _ = process.communicate()
    return process.returncode, printed


@contextlib.contextmanager
def terminating(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Make sure that a process has ended: ask it, and if it does not listen, make it."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def filter_output(printed: str) -> list[str]:
    """Drop the engine's noise (also the trace of a program that it interrupts), and of a PEM all but its frame."""
    told = _INTERRUPTED.sub("", _PEM.sub("-----BEGIN CERTIFICATE----- …", printed))
    kept = [line.rstrip() for line in told.splitlines()]
    return [line for line in kept if not _NOISE.search(line)]


def say(*lines: str) -> None:
    """Print at once, so that the reader sees what goes on."""
    for line in lines:
        print(line, flush=True)


def expect(fact: object, claim: str) -> None:
    """Stop the demo unless what it claims is a fact."""
    if not fact:
        raise DemoFailedError(claim)
