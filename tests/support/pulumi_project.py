"""A Pulumi project on the real command line: its own backend and home, one stack, the emulator as the service."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bootstrap.machine import Machine
from bootstrap.main import DROPPED_VARIABLES, environment
from btp_trust_emulator import Emulator, JournalEntry
from support import stack_files, vault
from support.paths import ROOT
from support.quick_python import quick_python

TRIGGER, PASSIVE, ACTIVE = "RotationTrigger", "PassiveTrustCertificate", "ActiveTrustCertificate"
UNSET_VARIABLES = re.compile(
    "PULUMI_|BTP_TRUST_|VAULT_|VCAP_|SERVICE_BINDING_ROOT|SSL_CERT_|PYTHONWARNINGS|PYTHONPATH|COVERAGE_PROCESS_"
)
QUICK = {"GOGC": "400"}
"""Settings that make each command quicker: Pulumi ends before it would run out of memory."""
QUICK_VARIABLES = (*QUICK, "PULUMI_PYTHON_CMD", "QUICK_PYTHON_SERVER")
AS_INSTALLED = dict.fromkeys((*QUICK, "PULUMI_PYTHON_CMD"), "")
"""Variables of a project whose commands run as those of a user."""
TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.")
_RESOURCE_ERROR = re.compile(r"^  pulumi-python:.*\n(?:    .*\n)*?    error: ((?:.+\n)+)", re.MULTILINE)
PULUMI_YAML = "name: project\nruntime: python\n"
PROGRAM = "import pulumi\nimport btp_trust as trust\n"


def program(*lines: str) -> str:
    """Return a program of these lines."""
    return PROGRAM + "\n".join(lines) + "\n"


def adopting_program(more: str = "") -> str:
    """Return a program that only has ActiveTrustCertificate, with these arguments."""
    return program(
        f'signing = trust.ActiveTrustCertificate("signing"{more})', 'pulumi.export("fingerprint", signing.fingerprint)'
    )


def rotation_program(
    passive_generation: str | None, active_generation: str, *, passive: str = "", trigger: str = ""
) -> str:
    """Return the program of three resources: the prepared generation, the declared signer, further arguments."""
    candidate = ", candidate=upcoming" if passive_generation else ""
    upcoming = f'upcoming = trust.PassiveTrustCertificate("next", generation="{passive_generation}"{passive})'
    return program(
        *([upcoming] if passive_generation else []),
        f'rotation = trust.RotationTrigger("rotation", generation="{active_generation}"{candidate}{trigger})',
        'signing = trust.ActiveTrustCertificate("signing", rotation=rotation)',
        'pulumi.export("fingerprint", signing.fingerprint)',
    )


def write_program(file: Path, text: str) -> None:
    """Write a program, a second later by its time than the one before.

    By second and length, Python tells whether its bytecode is of this text; a command takes less than a second.
    """
    before = file.stat().st_mtime if file.exists() else 0
    file.write_text(text)
    later = max(file.stat().st_mtime, before + 1)
    os.utime(file, (later, later))


def clean_environment() -> dict[str, str]:
    """Return an environment for the project's commands that ignores settings of this machine's user."""
    kept = {name: value for name, value in os.environ.items() if not UNSET_VARIABLES.match(name)}
    paths = _paths(*map(os.environ.get, ("PATH", "HOME", "XDG_CACHE_HOME")))
    return {name: value for name, value in kept.items() if name not in DROPPED_VARIABLES} | paths


@cache
def _paths(*_: str | None) -> dict[str, str]:
    """Find Pulumi and the virtual environment, by these variables: this starts each of them, and takes as long."""
    found = environment(Machine(ROOT, dict(os.environ)))
    return {name: found[name] for name in ("PATH", "VIRTUAL_ENV")}


def program_environment() -> dict[str, str]:
    """Return an environment in which programs have the dependencies of a user alone, not those of the tests.

    Libraries that httpx and pip look at, such as rich, would make each command a second slower.
    """
    machine, variables = Machine(ROOT, dict(os.environ)), clean_environment()
    if machine.programs_venv.exists():  # a single test runs without `make programs`, and takes longer
        first = str(machine.programs_venv / "bin")
        variables |= {"PATH": f"{first}{os.pathsep}{variables['PATH']}", "VIRTUAL_ENV": str(machine.programs_venv)}
    return {**variables, **QUICK, **quick_python(variables)}


@dataclass(frozen=True)
class CommandOutput:
    """The output of a command, and its exit status."""

    status: int
    text: str

    def __contains__(self, words: str) -> bool:
        """Return True if the output contains these words, with any alignment."""
        return " ".join(words.split()) in " ".join(self.text.split())

    @property
    def diagnostics(self) -> str:
        """Return the part under Diagnostics."""
        return self.text.partition("Diagnostics:")[2].partition("\nResources:")[0].partition("\nOutputs:")[0]

    @property
    def message(self) -> list[str]:
        """Return the lines of the error of one of our resources."""
        match = _RESOURCE_ERROR.search(self.text)
        assert match, self.text
        return [line.strip() for line in match[1].splitlines()]

    @property
    def has_resource_error(self) -> bool:
        """Return True if one of our resources has an error, below lines of its own."""
        return _RESOURCE_ERROR.search(self.text) is not None

    @property
    def lost_lines(self) -> list[str]:
        """Return the lines of `--diff` with a minus: resources, inputs, and parts of inputs that go."""
        shown = self.text.partition("\nResources:")[0]
        return [" ".join(line.split()) for line in shown.splitlines() if re.match(r"\s*- ", line)]

    def diff_lines(self, kind: str) -> list[str]:
        """Return the lines of `--diff` about a resource of this kind, except URN and ID."""
        lines = iter(self.text.splitlines())
        for line in lines:
            if re.search(rf"dynamic/btp-trust:{kind}: \((?!same)", line):
                break
        depth = len(line) - len(line.lstrip())
        found = []
        for shown in lines:
            if re.match(r"\s*[~+-]? ?(pulumi|--outputs)|\w", shown) or len(shown) - len(shown.lstrip()) < depth:
                break
            if shown.strip() and not re.match(r"\s*\[(urn|id)=", shown):
                found.append(" ".join(shown.split()))
        return found


@dataclass
class PulumiProject:
    """One stack of a program, on one subaccount."""

    folder: Path
    emulator: Emulator
    guid: str
    stack: str = "dev"
    variables: dict[str, str] = field(default_factory=dict)
    """Further environment variables of every command."""
    known_secrets: set[str] = field(default_factory=set)
    """Texts that must stay out of output and state."""
    secrets_provider: str = vault.PROVIDER
    """What encrypts the secrets of the stack; "passphrase" is Pulumi's default, which takes a third longer."""

    @property
    def label(self) -> str:
        """The subaccount, as lines and errors name it."""
        (account,) = (each for each in self.emulator.subaccounts() if each.guid == self.guid)
        return f"{account.subdomain} ({account.guid[:8]})"

    def create_stack(self, text: str = "") -> PulumiProject:
        """Create the folders and the stack, of this program or of the project that is there."""
        # The next certificate is younger than the subaccount's: they have whole seconds, and a command takes less.
        self.emulator.advance(1)
        for name in ("program", "backend", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if text:
            (self.program / "Pulumi.yaml").write_text(PULUMI_YAML)
            self.write(text)
            words = (self.stack, f"--secrets-provider={self.secrets_provider}")
            stack_files.create_or_copy(self.folder, words, lambda: self.init_stack(self.stack))
        else:
            self.init_stack(self.stack)
        return self

    def init_stack(self, name: str) -> None:
        """Run `pulumi stack init`."""
        self.pulumi("stack", "init", name, f"--secrets-provider={self.secrets_provider}")

    def set_config(self, name: str, value: str, *, secret: bool = False) -> None:
        """Write a value of the configuration as `pulumi config set` does."""
        stack_files.set_config(self._settings_file, name, value, secret=secret)

    def remove_config(self, name: str) -> None:
        """Remove a value from the configuration as `pulumi config rm` does."""
        stack_files.remove_config(self._settings_file, name)

    def set_service_key(self, key: dict[str, str] | None = None) -> PulumiProject:
        """Configure a service key, as a secret."""
        key = key or self.emulator.service_key(self.guid)
        self.known_secrets.add(key.get("clientsecret") or key["key"])
        self.set_config("btp-trust:serviceKey", json.dumps(key), secret=True)
        return self

    def set_service_key_in_environment(self) -> PulumiProject:
        """Provide a service key in the environment only, so that it can be removed."""
        key = self.emulator.service_key(self.guid)
        self.known_secrets.add(key["clientsecret"])
        self.variables["BTP_TRUST_SERVICE_KEY"] = json.dumps(key)
        return self

    def write(self, text: str) -> None:
        """Replace the program."""
        write_program(self.program / "__main__.py", text)

    def preview(self, *options: str, status: int | None = 0) -> CommandOutput:
        """Run `pulumi preview`."""
        return self.pulumi("preview", *options, status=status)

    def up(self, *options: str, status: int | None = 0) -> CommandOutput:
        """Run the update only, as a pipeline does after a merge."""
        return self.pulumi("up", "--yes", "--skip-preview", *options, status=status)

    def deploy(self, text: str, *options: str) -> CommandOutput:
        """Replace the program and deploy it."""
        self.write(text)
        return self.up(*options)

    def has_no_changes(self) -> bool:
        """Return True if previews show no changes, with `--refresh` and without."""
        plain = self.preview("--expect-no-changes")
        refreshed = self.preview("--expect-no-changes", "--refresh")
        return "unchanged" in plain and "unchanged" in refreshed

    def has_no_changes_after_refresh(self) -> bool:
        """Return True if a preview with `--refresh` shows no changes; takes half the time of the other check."""
        return "unchanged" in self.preview("--expect-no-changes", "--refresh")

    def pulumi(self, *words: str, status: int | None = 0, stdin: str = "") -> CommandOutput:
        """Run a command. Assert its exit status (None: any), and that its output is free of secrets."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.program,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert_no_secret(done.stdout, self.known_secrets)
        assert status in (None, done.returncode), f"{words} ended with {done.returncode}:\n{done.stdout}"
        return CommandOutput(done.returncode, done.stdout)

    def command(self, *words: str) -> list[str]:
        """Return the whole command line."""
        return ["pulumi", *words, "--non-interactive", "--color", "never"]

    @property
    def program(self) -> Path:
        """Folder of the program."""
        return self.folder / "program"

    @property
    def _settings_file(self) -> Path:
        return self.program / f"Pulumi.{self.stack}.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """Environment that hides this machine's user from Pulumi and the provider."""
        return {
            **program_environment(),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": stack_files.PASSPHRASE,
            **vault.variables(),
            "PULUMI_STACK": self.stack,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            **self.variables,
        }

    def state(self) -> dict[str, Any]:
        """Return {name: resource} of the stack's state, as `pulumi stack export` shows them."""
        (file,) = self.folder.glob(f"backend/.pulumi/stacks/*/{self.stack}.json")
        text = file.read_text()
        assert_no_secret(text, self.known_secrets)
        latest = json.loads(text)["checkpoint"]["latest"] or {}
        return {each["urn"].rpartition("::")[2]: each for each in latest.get("resources", [])}

    def slots(self) -> tuple[str | None, str | None]:
        """Return the fingerprints in the active and the passive slot."""
        slots = self.emulator.slots(self.guid)
        return slots.active, slots.passive

    def requests(self) -> list[str]:
        """Return every request since the journal was cleared."""
        return [request_label(entry) for entry in self.emulator.journal()]

    def writes(self) -> list[str]:
        """Return every write since the journal was cleared."""
        return [line for line in self.requests() if not line.startswith("GET") and "token" not in line]


def request_label(entry: JournalEntry) -> str:
    """Return a request in two words."""
    return f"{entry.method} {entry.path.rpartition('/')[2]}"


def assert_no_secret(text: str, secrets: set[str]) -> None:
    """Assert that a text is free of client secrets, tokens and private keys."""
    for secret in secrets:
        assert secret not in text
        assert secret.rpartition("$")[2] not in text
    assert "PRIVATE KEY" not in text
    assert not TOKEN.search(text)
