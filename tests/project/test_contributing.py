"""The worked examples of CONTRIBUTING.md, carried out on a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.paths import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
INSERTION = re.compile(
    r"^In `(?P<file>\S+)`, (?P<place>after|before):\n\n```python\n(?P<anchor>.*?)```\n\n"
    r"insert:\n\n```python\n(?P<new>.*?)```$",
    re.DOTALL | re.MULTILINE,
)
NEW_FILE = re.compile(r"^In `(?P<file>\S+)`, a new file:\n\n```python\n(?P<new>.*?)```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """One edit of a file that the page describes."""

    file: str
    new: str
    anchor: str = ""
    place: str = ""

    def apply(self, root: Path) -> None:
        """Insert the text at its anchor, which occurs once; or write the new file."""
        path = root / self.file
        if not self.anchor:
            path.write_text(self.new)
            return
        text = path.read_text()
        assert text.count(self.anchor) == 1, f"{self.file}: {self.anchor}"
        pair = self.anchor + self.new if self.place == "after" else self.new + self.anchor
        path.write_text(text.replace(self.anchor, pair))


def edits() -> list[Edit]:
    """Return the edits of the page, in order."""
    text = PAGE.read_text()
    insertions = [
        Edit(match["file"], match["new"], match["anchor"], match["place"]) for match in INSERTION.finditer(text)
    ]
    return insertions + [Edit(match["file"], match["new"]) for match in NEW_FILE.finditer(text)]


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    """Return a copy of what the worked examples change and run."""
    for name in ("provider", "tests", "tools", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "pulumi-cli"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def test_worked_examples_run(copied_tree: Path) -> None:
    """An argument and a policy that follow the page pass the style check, the types and their own tests."""
    for edit in edits():
        edit.apply(copied_tree)
    # The coverage of this run is that of the tree, not of its copy.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS_")}
    environment = {**kept, "PYTHONPATH": str(copied_tree / "provider")}
    probe = "import btp_trust; print(btp_trust.__file__)"
    commands = [
        [sys.executable, "-c", probe],
        [sys.executable, "-m", "ruff", "check", "provider/btp_trust", "tests/behavior/rotation"],
        [sys.executable, "-m", "ruff", "format", "--check", "provider/btp_trust", "tests/behavior/rotation"],
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/behavior/rotation/test_minimum_days.py",
        ],
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/rotation/test_policies.py"],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=copied_tree, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        if probe in command:
            assert Path(done.stdout.strip()).is_relative_to(copied_tree)


def test_argument_costs_four_files() -> None:
    """An argument of RotationTrigger changes at most four files in two folders; a policy changes one."""
    code = [edit.file for edit in edits() if edit.file.startswith("provider/")]
    assert len(set(code)) <= 4
    assert len({str(Path(file).parent) for file in code}) <= 2
    policies = [edit for edit in edits() if edit.file.endswith("policies.py")]
    assert [edit.new.count("\ndef ") + edit.new.startswith("def ") for edit in policies] == [1, 0]
    assert policies[1].new.count("\n") == 1
