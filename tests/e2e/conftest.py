"""An emulator over a socket, and Pulumi projects on subaccounts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import Project, adopting, rotating
from support.verification import prepare


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The emulator, with small keys."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


@pytest.fixture
def project(emulator: Emulator, tmp_path: Path) -> Project:
    """A stack whose subaccount has an active certificate; its program adopts it, nothing is deployed yet."""
    guid = emulator.create_subaccount(generate=True).guid
    return Project(tmp_path, emulator, guid).begin(adopting()).configure()


@pytest.fixture
def prepared(project: Project) -> Project:
    """A stack that has prepared 2028-11, with a user, and a target that trusts both certificates."""
    prepare(project)
    return project


@pytest.fixture
def borrower(emulator: Emulator, tmp_path: Path) -> Project:
    """A stack of three resources, deployed with a service key that the environment lends it."""
    guid = emulator.create_subaccount(generate=True).guid
    project = Project(tmp_path, emulator, guid).begin(rotating("2028-11", "2026-11")).lend()
    project.up()
    return project


@pytest.fixture
def project_of() -> Callable[[Emulator, str, Path], Project]:
    """Make a stack on a subaccount, without a service key."""

    def make(emulator: Emulator, guid: str, folder: Path) -> Project:
        return Project(folder, emulator, guid).begin(adopting())

    return make
