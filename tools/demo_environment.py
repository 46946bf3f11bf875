"""The environment of a demo: an emulator, a git repository with an example, a Pulumi stack, in one temporary folder.

Every process that is started here is also ended here, by its process ID, also after errors.
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
    r"|^@ "  # dots that show progress
    r"|^\s*\[urn="
    r"|\(0s\)|refreshing|^(Previewing|Updating|Destroying) "  # a start; a later line has the end
    r"|^\s*(~  |\+  |-  )?pulumi:pulumi:Stack |^  pulumi:pulumi:Stack"  # the stack itself
    r"|^\s*(~  )?pulumi-python:\S+ \w+ *(refresh *)?$"
    r"|^\s*pulumi-python:\S+ \S+ .*(\berror: |\d errors?)"  # repeated in full under Diagnostics
    r"|^ {4}pulumi-python:\S+ \S+  \S"  # same
    r"|^Duration|^The resources in the stack have been deleted|^If you want to remove the stack"
)
_STEP_WITH_MESSAGE: Final = re.compile(
    r"^( [ +~-]+ pulumi-python:\S+ \S+ \w+(?: \([\d.]+s\))?+(?: \[diff: \S+\])?+)[; ].*", re.MULTILINE
)
"""A step, and the last message about its resource, which is under Diagnostics too."""
_TRACEBACK: Final = r"Traceback \(most recent call last\):\n(?:(?P=indent) +.*\n)*(?P=indent)\S.*"
_TRACEBACKS: Final = re.compile(
    rf"^(?P<indent> *){_TRACEBACK}"
    rf"(?:\n(?: *\n)*(?P=indent)(?:During|The above) .*:\n(?: *\n)*(?P=indent){_TRACEBACK})*$",
    re.MULTILINE,
)
"""The traceback of an exception, with those of the exceptions that came of it."""
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?(-----END CERTIFICATE-----|\.\.\.)", re.DOTALL)


class DemoFailedError(Exception):
    """A step of the demo had another result than it describes."""


@dataclass
class DemoEnvironment:
    """The folder, the emulator and the repository of a demo."""

    folder: Path
    program: Path
    """Folder of the Pulumi program."""
    emulator: httpx.Client
    subaccount: str
    names: dict[str, str] = field(default_factory=dict)
    """{fingerprint: generation} of every certificate."""
    history: list[tuple[str, str, str, str]] = field(default_factory=list)
    """After each step: its title, the date, the contents of the active and the passive slot."""
    variables: dict[str, str] = field(default_factory=dict)
    """Further environment variables of every command."""

    def step(self, title: str, *explanation: str) -> None:
        """Start a step of the story."""
        self.history.append((title, "", "", ""))
        heading = f"{len(self.history)}. {title} "
        say("", f"{heading}{'─' * (WIDTH - 12 - len(heading))} {self.today()}", *explanation)

    def expect_slots(self, active: str | None, passive: str | None) -> None:
        """Check at the end of a step that the slots hold these generations."""
        slots = self.slots()
        title = self.history[-1][0]
        active_label, passive_label = (
            self._label_certificate(slots["active"], active),
            self._label_certificate(slots["passive"], passive),
        )
        self.history[-1] = (title, self.today(), active_label, passive_label)

    def pull_request(self, title: str, *changes: tuple[str, str]) -> None:
        """Change the program as a pull request does: commit it and show the difference."""
        text = (self.program / PROGRAM).read_text()
        for old, new in changes:
            expect(text.count(old) == 1, f"{old!r} stands once in the program")
            text = text.replace(old, new)
        self.commit(title, PROGRAM, text)

    def commit(self, title: str, file: str, text: str) -> None:
        """Replace a file of the repository, in a pull request of its own."""
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
        """Run a command, show its output, and check its exit status and the expected texts."""
        say("", f"$ pulumi {command}{f' < {stdin.name}' if stdin else ''}")
        with (stdin or Path(os.devnull)).open("rb") as source:
            code, printed = run_to_end(["pulumi", *command.split()], self.program, self.environment, source)
        show_and_check(f"pulumi {command}", filter_output(printed), (code, printed), status, expected_texts)

    def btp_trust(self, command: str, *expected_texts: str, status: int = 0) -> None:
        """Run a command of `btp-trust` in the same way."""
        say("", f"$ btp-trust {command}")
        # By this interpreter, like the emulator: see `run_emulator`.
        words = [sys.executable, "-m", "btp_trust_cli", *command.split()]
        code, printed = run_to_end(words, self.program, self.environment)
        show_and_check(f"btp-trust {command}", printed.splitlines(), (code, printed), status, expected_texts)

    def act_in_cockpit(self, action: str) -> None:
        """Act in the cockpit, as a colleague."""
        self.call_control_plane("POST", f"subaccounts/{self.subaccount}/cockpit", {"action": action})

    def set_date(self, day: str, time: str = "09:00") -> None:
        """Move the emulator's clock. Days are counted from another time of day than that of an earlier certificate."""
        self.call_control_plane("PUT", "clock", {"now": f"{day}T{time}:00Z"})

    def today(self) -> str:
        """Return the date of the emulator's clock."""
        return str(self.call_control_plane("GET", "clock")["now"])[:10]

    def slots(self) -> dict[str, str | None]:
        """Return the fingerprints in both slots."""
        return self._subaccount_field("slots")

    def certificates(self) -> dict[str, str | None]:
        """Return the PEMs in both slots."""
        return self._subaccount_field("certificates")

    @property
    def environment(self) -> dict[str, str]:
        """Environment that hides this machine's user from git and Pulumi."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PULUMI_HOME": str(self.folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "demo",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": "demo" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            **self.variables,
        }

    def prepare(self, example: Path) -> None:
        """Copy the example into a repository of its own, and create the backend."""
        shutil.copytree(example, self.program, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "backend").mkdir()
        self._git("init", "--quiet")
        self._git("add", ".")
        self._git("commit", "--quiet", "--message=Start")

    def secret(self, name: str, content: str) -> Path:
        """Write a secret to a file that only its owner can read."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(content)
        return file

    @property
    def service_key(self) -> Path:
        """A file with the service key."""
        key = self.call_control_plane("GET", f"subaccounts/{self.subaccount}/service-key")
        return self.secret("service-key.json", json.dumps(key))

    def _subaccount_field(self, name: str) -> dict[str, str | None]:
        listed = self.call_control_plane("GET", "subaccounts")["subaccounts"]
        return next(account[name] for account in listed if account["guid"] == self.subaccount)

    def _show_change(self) -> None:
        for line in self._git("show", "--format=", "--unified=0").splitlines():
            if line[:1] in "+-" and line[:3] not in ("+++", "---"):
                say(f"  {line[0]} {line[1:]}")

    def _label_certificate(self, fingerprint: str | None, name: str | None) -> str:
        """Return a label for the contents of a slot; a new name belongs to a new certificate."""
        if fingerprint is None or name is None:
            expect(fingerprint is name, f"a slot holds {name}; found: {fingerprint}")
            return "empty"
        if name not in self.names.values():
            self.names.setdefault(fingerprint, name)
        expect(self.names.get(fingerprint) == name, f"a slot holds {name}; found: {fingerprint}")
        return f"{fingerprint[:8]} ({name})"

    def call_control_plane(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a request to the emulator's control plane."""
        response = self.emulator.request(method, path, json=body)
        expect(response.is_success, f"the emulator accepts {method} {path}: {response.text}")
        content: dict[str, Any] = response.json()
        return content

    def _git(self, *words: str) -> str:
        code, printed = run_to_end(["git", *words], self.program, self.environment)
        expect(code == 0, f"git {words[0]} succeeds: {printed}")
        return printed


@contextlib.contextmanager
def demo_environment(example: Path, key_size: int, variables: dict[str, str]) -> Iterator[DemoEnvironment]:
    """Set up the environment of a demo, and remove it in the end, also after errors."""
    with tempfile.TemporaryDirectory(prefix="btp-trust-demo-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(run_emulator(["--state", str(folder / "emulator.json"), "--key-size", str(key_size)]))
        say("", f"Follow it in a browser: {url}/_emulator/")
        client = stack.enter_context(
            httpx.Client(base_url=f"{url}/_emulator/", timeout=_TIMEOUT_SECONDS, trust_env=False)
        )
        guid = client.post("subaccounts", json={"subdomain": "acme-prod"}).json()["guid"]
        environment = DemoEnvironment(folder, folder / example.name, client, guid, variables=variables)
        environment.prepare(example)
        yield environment


def run_demo(
    words: Sequence[str], example: Path, steps: Sequence[Callable[[DemoEnvironment], None]], *prologue: str
) -> int:
    """Run the steps of a demo on an example; return 0 if all succeed."""
    parser = argparse.ArgumentParser(description=prologue[0])
    parser.add_argument(
        "--key-size", type=int, default=4096, help="bits of the RSA keys (%(default)s, as in the service)"
    )
    parser.add_argument(
        "--variable",
        dest="variables",
        metavar="NAME=VALUE",
        type=_pair,
        action="append",
        default=[],
        help="an environment variable of every command, besides those of the demo; may be repeated",
    )
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # treat SIGTERM as an interruption
    began = time.monotonic()
    say(
        *prologue,
        "The output is shortened: it omits blank lines, progress, URNs, rows of the stack, contents of PEMs, and",
        "the traceback of a program that the engine interrupts after a refusal.",
    )
    try:
        with demo_environment(example, options.key_size, dict(options.variables)) as demo:
            for step in steps:
                step(demo)
            _print_table(demo)
    except DemoFailedError as error:
        print(f"\nThe demo stops. Expected: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. All processes have ended, and all files are removed.", file=sys.stderr)
        return 130
    say("", f"All steps succeeded, in {time.monotonic() - began:.0f} s. All files are removed.")
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise argparse.ArgumentTypeError(f"{text!r} lacks a name or '='")
    return name, value


def _print_table(demo: DemoEnvironment) -> None:
    """Print the contents of the slots after each step."""
    rows = [("after", "on", "active", "passive"), *demo.history]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    say("", "Slots after each step (fingerprints from the emulator):")
    for row in rows:
        say("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@contextlib.contextmanager
def run_emulator(options: Sequence[str]) -> Iterator[str]:
    """Run the emulator on a free port; yield its URL."""
    # By this interpreter: the environment of the programs, first on PATH in the tests, has no emulator.
    command = [sys.executable, "-m", "btp_trust_emulator", "serve", "--port", "0", *options]
    with terminating(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)) as process:
        first = process.stdout.readline() if process.stdout else ""
        expect("listens on" in first, "the emulator starts")
        yield first.split()[-1]


def run_to_end(
    command: Sequence[str], folder: Path, environment: dict[str, str], stdin: IO[bytes] | int = subprocess.DEVNULL
) -> tuple[int, str]:
    """Run a command; return its exit status and its whole output."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with terminating(process):
        printed, _ = process.communicate()
    return process.returncode, printed


@contextlib.contextmanager
def terminating(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Terminate a process at the end of the block, and kill it if it is still alive then."""
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


def show_and_check(
    command: str, lines: Sequence[str], outcome: tuple[int, str], status: int, expected_texts: Sequence[str]
) -> None:
    """Show the lines of a command, and check its exit status and the expected texts."""
    code, printed = outcome
    say(*(f"  {line}".rstrip() for line in lines), *([f"  (exit status {code})"] if code else []))
    expect(code == status, f"`{command}` ends with {status}; found: {code}:\n{printed}")
    for text in expected_texts:
        expect(text in " ".join(printed.split()), f"`{command}` prints {text!r}:\n{printed}")


def filter_output(printed: str) -> list[str]:
    """Remove progress lines, tracebacks of interrupted programs, and the contents of PEMs."""
    text = _TRACEBACKS.sub(_unless_interrupted, _PEM.sub("-----BEGIN CERTIFICATE----- …", printed))
    kept = [line.rstrip() for line in _STEP_WITH_MESSAGE.sub(r"\1", text).splitlines()]
    return [line for line in kept if not _NOISE.search(line)]


def _unless_interrupted(tracebacks: re.Match[str]) -> str:
    return "" if "KeyboardInterrupt" in tracebacks[0] else tracebacks[0]


def say(*lines: str) -> None:
    """Print lines at once."""
    for line in lines:
        print(line, flush=True)


def expect(fact: object, claim: str) -> None:
    """Stop the demo unless a claim is true.

    Raises:
        DemoFailedError: `fact` is false.
    """
    if not fact:
        raise DemoFailedError(claim)
