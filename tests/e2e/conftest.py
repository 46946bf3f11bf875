"""An emulator over a socket, and Pulumi projects on subaccounts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, adopting_program, rotation_program
from support.verification import prepare_verification


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The emulator, with small keys."""
    with Emulator(socket=True, key_size=1024) as emulator:
        yield emulator


@pytest.fixture
def project(emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack before its first deployment, which adopts the active certificate of its subaccount."""
    guid = emulator.create_subaccount(generate=True).guid
    return PulumiProject(tmp_path, emulator, guid).create_stack(adopting_program()).set_service_key()


@pytest.fixture
def verifying_project(project: PulumiProject) -> PulumiProject:
    """A stack that has prepared 2028-11, with a user, and a target that trusts both certificates."""
    prepare_verification(project)
    return project


@pytest.fixture
def project_with_key_in_environment(emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack of three resources, deployed with a service key in the environment."""
    guid = emulator.create_subaccount(generate=True).guid
    project = (
        PulumiProject(tmp_path, emulator, guid)
        .create_stack(rotation_program("2028-11", "2026-11"))
        .set_service_key_in_environment()
    )
    project.up()
    return project


@pytest.fixture
def make_project() -> Callable[[Emulator, str, Path], PulumiProject]:
    """A function that creates a stack on a subaccount, without a service key."""

    def make(emulator: Emulator, guid: str, folder: Path) -> PulumiProject:
        return PulumiProject(folder, emulator, guid).create_stack(adopting_program())

    return make
