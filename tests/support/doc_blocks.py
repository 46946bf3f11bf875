"""The code blocks of Markdown pages, and a workbench that runs them as a reader would.

A page is a sequence of sections. `<!-- begins: STAGE -->` starts one, in a project that has come that far (`Stages`).
Within a section the blocks run in order, in one folder:

- `python`, `yaml` and `json` blocks whose first line is a comment with a file's name are written to that file;
- `diff` blocks change `__main__.py`: each removed line must be there;
- `console` blocks: lines after `$ ` are commands, the others are what they print. `…` alone on a line stands for any
  number of lines. A command must fail if the page shows an `error:`, and succeed otherwise. `pulumi up` is answered
  with yes.

What differs from run to run is not compared: dates, durations, the port. A fingerprint on a page stands for one
fingerprint of the run, the same wherever it is shown, shortened or typed into a command.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bootstrap.machine import Machine
from bootstrap.main import ROOT, environment

GUID = "00000000-1111-4222-8333-000000005cdd"
PORT = "8642"
"""The emulator's port on the pages; a run takes a free one."""
MADE, TODAY = "2026-11-29T08:00:00Z", "2028-11-20T08:00:00Z"
"""When the first certificate of every stage was made, and the day on which its pages play."""

_FENCE = r"^```(?P<language>\w*)\n(?P<text>.*?)^```$"
_MARK = r"^<!-- begins: (?P<stage>[\w-]+) -->$"
_PART = re.compile(f"{_FENCE}|{_MARK}", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//) (?P<name>[\w./-]+\.(?:py|yaml|yml|json))")
_FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{8})\b(?!-)")
_VARYING = (
    (_FINGERPRINT, "<fingerprint>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<moment>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<day>"),
    (re.compile(r"\(\d+(\.\d+)?s\)|Duration: \d+s"), "<duration>"),
)
_PROGRESS_LINE = re.compile(r"@ \w+ ?\w*\.+$| {4}pulumi:pulumi:Stack \S+ ?( running .*| )$|$")
_TIMEOUT_SECONDS = 180.0
_GIT_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
_UNSET = re.compile("PYTEST_|PULUMI_|BTP_TRUST_|VCAP_|SERVICE_BINDING_ROOT|SSL_CERT_|GIT_")


_FIRST_STAGE = {"examples/README.md": "examples"}
"""How far a page's project has come before its first mark."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block's first line names."""
        named = _FILE.fullmatch(self.text.partition("\n")[0].strip())
        return named["name"] if named else None

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a console block, each with the lines shown below it."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and _is_continued(found[-1][0]) and not found[-1][1]:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
            else:
                found[-1][1].append(line)
        return found


def _is_continued(command: str) -> bool:
    """Whether the next line belongs to the command: a backslash ends it, or a quote is open."""
    return command.endswith("\\") or command.count("'") % 2 == 1


@dataclass(frozen=True)
class Section:
    """The blocks from one mark of a page to the next."""

    page: str
    stage: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        """Where it begins."""
        return f"{self.page}:{self.blocks[0].line}"


def sections(page: Path) -> list[Section]:
    """Read a page."""
    name, text = page.relative_to(ROOT).as_posix(), page.read_text()
    parts: list[tuple[str, list[Block]]] = [(_FIRST_STAGE.get(name, "nothing"), [])]
    for part in _PART.finditer(text):
        if part["stage"]:
            parts.append((part["stage"], []))
        else:
            line = text.count("\n", 0, part.start()) + 1
            parts[-1][1].append(Block(name, line, part["language"], part["text"]))
    return [Section(name, stage, tuple(blocks)) for stage, blocks in parts if blocks]


@dataclass
class PageWorkbench:
    """A folder in which blocks run, one after the other."""

    folder: Path
    env: dict[str, str]
    port: str
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    run_values: dict[str, str] = field(default_factory=dict)
    """What a fingerprint of the page, whole or shortened, is in this run."""

    def run(self, block: Block, skipped: Mapping[str, str]) -> None:
        """Run a block; commands that begin with a key of `unrun` are left out."""
        if block.language == "console":
            for command, shown in block.commands:
                if not any(command.startswith(start) for start in skipped):
                    self._command(block, command, shown)
        elif block.language == "diff":
            self._change(block)
        elif block.file:
            (self._current_folder / block.file).write_text(self._with_values_of_run(block.text))

    def close(self) -> None:
        """Stop what the blocks have started, and forget the shell."""
        self._shell_variables_file.unlink(missing_ok=True)
        self._shell_folder_file.unlink(missing_ok=True)
        for server in self.servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=_TIMEOUT_SECONDS)

    def serve(self, *arguments: str) -> str:
        """Start an emulator and return what it prints first."""
        command = [sys.executable, "-m", "btp_trust_emulator", "serve", *arguments]
        server = subprocess.Popen(command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
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
        """The folder in which the shell is."""
        return Path(self._shell_folder_file.read_text()) if self._shell_folder_file.exists() else self.folder

    def _command(self, block: Block, command: str, shown: Sequence[str]) -> None:
        """Run a command in a shell that leaves its folder and its variables to the next one."""
        if command.startswith("btp-trust-emulator serve"):
            printed, stderr_lines, failed = [self.serve(*self._with_values_of_run(command).split()[2:])], [], False
        else:
            done = self._shell(self._with_values_of_run("pulumi up --yes" if command == "pulumi up" else command))
            printed, stderr_lines = done.stdout.splitlines(), done.stderr.splitlines()
            failed = done.returncode != 0
        must_fail = any(line.lstrip().startswith("error:") for line in shown)
        problem = "its exit status is wrong" if failed != must_fail else self._difference(shown, printed, stderr_lines)
        everything = "\n".join([*printed, *stderr_lines])
        assert problem is None, f"{block}: $ {command}\n{problem}\n--- printed:\n{everything}"

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        state, place = self._shell_variables_file, self._shell_folder_file
        before = f". '{state}'\n" if state.exists() else ""
        after = f"status=$?\nexport -p > '{state}'\nprintf %s \"$PWD\" > '{place}'\nexit $status\n"
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
        """Apply a diff: the lines that it keeps and removes must stand together in the program."""
        program = self._current_folder / "__main__.py"
        text, lines = program.read_text(), self._with_values_of_run(block.text).splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
        assert old in text, f"{block.page}:{block.line}: not in the program:\n{old}\n{text}"
        program.write_text(text.replace(old, new))

    def _with_values_of_run(self, text: str) -> str:
        """Write the run's fingerprints and port for those of the page."""
        text = _FINGERPRINT.sub(lambda found: self.run_values.get(found[0], found[0]), text)
        return re.sub(rf"(?<=:){PORT}\b|(?<=--port ){PORT}\b", self.port, text)

    def _difference(self, shown: Sequence[str], printed: Sequence[str], stderr_lines: Sequence[str]) -> str | None:
        """Say what the page shows and the command did not print, on stdout or, after that, on stderr."""
        if not shown:
            return None
        known = self.run_values
        problem = self._missing(shown, printed)
        if problem is not None:
            self.run_values = known
            problem = self._missing(shown, [*printed, *stderr_lines])
        return problem

    def _missing(self, shown: Sequence[str], printed: Sequence[str]) -> str | None:
        """Say which line is not where it should be; None if all are."""
        lines = [line.rstrip() for line in printed if not _PROGRESS_LINE.fullmatch(line)]
        position, anywhere = 0, False
        for gap, chunk in itertools.groupby(shown, key=lambda line: line.strip() == "…"):
            if gap:
                anywhere = True
                continue
            wanted = [line.rstrip() for line in chunk if line.strip()]
            found = self._find(wanted, lines, position, anywhere=anywhere)
            if found is None:
                return "not printed here:\n" + "\n".join(wanted)
            position, anywhere = found + len(wanted), False
        return None if anywhere or position == len(lines) else f"not shown: {lines[position]}"

    def _find(self, wanted: Sequence[str], lines: Sequence[str], start: int, *, anywhere: bool) -> int | None:
        last = len(lines) - len(wanted) if anywhere else start
        masked = [_masked(self._with_values_of_run(line)) for line in wanted]
        for at in range(start, last + 1):
            candidate = lines[at : at + len(wanted)]
            if [_masked(line) for line in candidate] == masked and self._same_certificates(wanted, candidate):
                return at
        return None

    def _same_certificates(self, wanted: Sequence[str], printed: Sequence[str]) -> bool:
        pairs = zip(*(_FINGERPRINT.findall("\n".join(lines)) for lines in (wanted, printed)), strict=True)
        found = dict(self.run_values)
        for page, run in pairs:
            if (found.setdefault(page, run), found.setdefault(page[:8], run[:8])) != (run, run[:8]):
                return False
        if len(set(found.values())) < len(found):
            return False
        self.run_values = found
        return True


def _masked(line: str) -> str:
    for pattern, mask in _VARYING:
        line = pattern.sub(mask, line)
    return line


_ADOPTED = """\
import btp_trust as trust

signing = trust.ActiveTrustCertificate("signing")
"""
_CYCLE = """\
import btp_trust as trust

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
rotation = trust.RotationTrigger("rotation", generation="{signs}", candidate=upcoming)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""
_DEPLOYMENTS = {
    "adopted": ("subaccount", _ADOPTED, "Adopt"),
    "prepared": ("adopted", _CYCLE.format(signs="2026-11"), "Prepare 2028-11"),
    "rotated": ("prepared", _CYCLE.format(signs="2028-11"), "Rotate to 2028-11"),
}
_KILLED = {
    "killed-after-generating": ("prepared", "adopted"),
    "killed-after-swapping": ("rotated", "prepared"),
}
"""Everything is as in the first stage, but for Pulumi's state, which is that of the second."""
_TRUSTED_SLOTS = {
    "users-at-a-target": ("certificate", "certificate/passive"),
    "users-at-a-target-that-was-forgotten": ("certificate",),
}
"""Which certificates the target has."""
_WITH_OTHER_SUBACCOUNT = "beside-another-subaccount"
_OTHER_GUID = "00000000-2222-4333-8444-00000000b111"
_USER = {"user_name": "jane@example.com", "password": "of-jane"}
_ASSERTION = {
    "Name": "Assertion",
    "Type": "HTTP",
    "URL": "https://s4.example.com",
    "Authentication": "SAMLAssertion",
    "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PreviousSession",
}


class PageProjects:
    """Projects that have come some way, made once and copied from then on.

    `nothing`: an empty folder. `subaccount`: an emulator with a subaccount, and its service-key.json.
    `examples`: the same with a copy of the examples, and the files that their page speaks of.
    `adopted`, `prepared`, `rotated`: a stack and a repository an hour after the first, second, third deployment of
    the story.
    `users-at-a-target`: `prepared`, with a user and a destination `S4` to a target that trusts both certificates; in
    `…-that-was-forgotten` it trusts the old one only.
    `beside-another-subaccount`: `prepared`, with the key of another subaccount's XSUAA as billing-key.json.
    `killed-after-…`: `pulumi up` was killed after it had changed the service and before it could record that.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "home"
        inherited = {name: value for name, value in os.environ.items() if not _UNSET.match(name)}
        self._env = environment(Machine(ROOT, inherited))

    def workbench(self, stage: str, folder: Path) -> PageWorkbench:
        """Lay out a stage in a folder; close the workbench in the end."""
        if stage != "nothing":
            made = "prepared" if stage in {*_TRUSTED_SLOTS, _WITH_OTHER_SUBACCOUNT} else stage
            shutil.copytree(self._stage_folder(made), folder, dirs_exist_ok=True)
        bench = self._bench(folder)
        if stage != "nothing":
            self._serve(bench)
        if stage in _TRUSTED_SLOTS:
            _create_targets(
                bench, _TRUSTED_SLOTS[stage]
            )  # not once for all: destinations have the address of this emulator
        if stage == _WITH_OTHER_SUBACCOUNT:
            _add_subaccount(bench)
        if stage == "examples":
            _write_service_keys(bench.folder)
        elif stage not in ("nothing", "subaccount"):
            bench.env["PULUMI_STACK"] = "dev"
            bench.env["BTP_TRUST_SERVICE_KEY"] = f"@{bench.folder}/service-key.json"
        return bench

    def _bench(self, folder: Path) -> PageWorkbench:
        project, backend = folder / "project", folder / "backend"
        for path in (project, backend, self._home):
            path.mkdir(parents=True, exist_ok=True)
        hermetic = {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_HOME": str(self._home),
            "PULUMI_CONFIG_PASSPHRASE": "not a secret",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **{
                f"GIT_{who}_{what}": "reader@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        return PageWorkbench(project, {**self._env, **hermetic}, port)

    def _serve(self, bench: PageWorkbench) -> None:
        """Start the stage's emulator, and give the folder a service key with its address."""
        _serve_kept_state(bench)
        with _control_plane(bench) as control:
            key = control.get(f"subaccounts/{GUID}/service-key").raise_for_status().text
        (bench.folder / "service-key.json").write_text(key)

    def _stage_folder(self, stage: str) -> Path:
        folder = self._folder / stage
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            self._make(stage, unfinished)
            unfinished.rename(folder)
        return folder

    def _make(self, stage: str, folder: Path) -> None:
        if stage in _KILLED:
            whole, state = _KILLED[stage]
            shutil.copytree(self._stage_folder(whole), folder)
            shutil.rmtree(folder / "backend")
            shutil.copytree(self._stage_folder(state) / "backend", folder / "backend")
            _leave_lock(folder / "backend")
        elif stage == "subaccount":
            self._make_subaccount(folder)
        elif stage == "examples":
            shutil.copytree(self._stage_folder("subaccount"), folder)
            shutil.copytree(ROOT / "examples", folder / "project/examples")
        else:
            self._deploy(folder, *_DEPLOYMENTS[stage])

    def _make_subaccount(self, folder: Path) -> None:
        bench = self._bench(folder)
        _serve_kept_state(bench)
        try:
            with _control_plane(bench) as control:
                control.put("clock", json={"now": MADE}).raise_for_status()
                control.post("subaccounts", json={"guid": GUID, "generate": True}).raise_for_status()
                control.put("clock", json={"now": TODAY}).raise_for_status()
        finally:
            bench.close()

    def _deploy(self, folder: Path, base: str, program: str, subject: str) -> None:
        bench = self.workbench(base, folder)
        bench.env["BTP_TRUST_SERVICE_KEY"] = f"@{bench.folder}/service-key.json"
        first = ["git init --quiet --initial-branch main", "pulumi stack init dev"] if base == "subaccount" else []
        (bench.folder / "Pulumi.yaml").write_text("name: trust\nruntime: python\n")
        (bench.folder / ".gitignore").write_text("service-key.json\n")
        (bench.folder / "__main__.py").write_text(program)
        deploy = f"pulumi up --yes --skip-preview && git add . && git commit --quiet --message '{subject}'"
        commands = [*first, deploy]
        block = Block(f"stage {subject}", 0, "console", "".join(f"$ {command}\n" for command in commands))
        try:
            bench.run(block, {})
            with _control_plane(bench) as control:
                control.put("clock", json={"advance_seconds": 3600}).raise_for_status()
        finally:
            bench.close()


def _create_targets(bench: PageWorkbench, slots: Sequence[str]) -> None:
    """Give the subaccount a user and two destinations, one to a target that trusts what these slots hold."""
    account = f"subaccounts/{GUID}"
    with _control_plane(bench) as control:
        control.post(f"{account}/users", json=_USER).raise_for_status()
        target = control.post("targets", json={"name": "s4"}).raise_for_status().json()
        for certificate in _certificates(bench, slots):
            control.post("targets/s4/certificates", json={"certificate": certificate}).raise_for_status()
        for properties in (_to_target(target), _ASSERTION):
            given = {**properties, "audience": target["entity_id"]}
            control.post(f"{account}/destinations", json={"properties": given}).raise_for_status()


def _add_subaccount(bench: PageWorkbench) -> None:
    """Make another subaccount, and save the key of its XSUAA."""
    with _control_plane(bench) as control:
        control.post("subaccounts", json={"guid": _OTHER_GUID}).raise_for_status()
        key = control.get(f"subaccounts/{_OTHER_GUID}/api-access-key").raise_for_status()
    (bench.folder / "billing-key.json").write_text(key.text)


def _to_target(target: Mapping[str, str]) -> dict[str, str]:
    """Write the destination of a target."""
    return {
        **_ASSERTION,
        "Name": "S4",
        "Authentication": "OAuth2SAMLBearerAssertion",
        "clientKey": target["client_id"],
        "tokenServiceURL": target["token_service_url"],
        "tokenServiceUser": target["client_id"],
        "tokenServicePassword": target["client_secret"],
    }


def _certificates(bench: PageWorkbench, slots: Sequence[str]) -> Iterator[str]:
    """Read what these slots hold, by the service's own paths."""
    key = json.loads((bench.folder / "service-key.json").read_text())
    with httpx.Client(base_url=f"http://127.0.0.1:{bench.port}/destination-configuration/v1/saml2Metadata") as http:
        client = {"client_id": key["clientid"], "client_secret": key["clientsecret"]}
        url = f"http://127.0.0.1:{bench.port}{httpx.URL(key['url']).path}/oauth/token"
        token = http.post(url, data={"grant_type": "client_credentials", **client}).raise_for_status().json()
        for slot in slots:
            header = {"Authorization": f"Bearer {token['access_token']}"}
            yield http.get(slot, headers=header).raise_for_status().json()["certificate"]


def _serve_kept_state(bench: PageWorkbench) -> None:
    bench.serve("--port", bench.port, "--key-size", "1024", "--state", "../emulator.json")


def _control_plane(bench: PageWorkbench) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{bench.port}/_emulator/")


def _write_service_keys(folder: Path) -> None:
    """Put the service key where the examples' page takes it from."""
    key = json.loads((folder / "service-key.json").read_text())
    quickstart = folder / "examples/quickstart"
    (quickstart / "service-key.json").write_text(json.dumps(key))
    (quickstart / "connections.json").write_text(json.dumps({"development": key, "production": key}))


def _leave_lock(backend: Path) -> None:
    """Leave what `pulumi up` leaves when it is killed."""
    lock = backend / ".pulumi/locks/organization/trust/dev/6a8f3c1e-0b1d-4c55-9d67-1f0c8a7e2b11.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(json.dumps({"pid": 1, "username": "reader", "hostname": "elsewhere", "timestamp": TODAY}))


def pages() -> Iterator[Path]:
    """All pages: README, SECURITY, the examples' README, docs."""
    yield ROOT / "README.md"
    yield ROOT / "SECURITY.md"
    examples = ROOT / "examples/README.md"
    if examples.exists():
        yield examples
    yield from sorted((ROOT / "docs").rglob("*.md"))
