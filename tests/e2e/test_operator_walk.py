"""The walk of an operator of three subaccounts with the real command line.

The tests read what a command prints as a reviewer does: what happens, in whose subaccount, what is lost, and until when
there is a way back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PASSIVE, CommandOutput
from support.three_subaccounts import (
    NAMES,
    ROTATED,
    TRUSTING,
    ThreeSubaccounts,
    create_three_subaccounts,
    rotating,
)

REGISTRATION = "TrustedIdentityProvider"
VALIDITY = "valid since 2026-11-25, signs until 2028-11-25"


@pytest.fixture
def walk(emulator: Emulator, tmp_path: Path) -> ThreeSubaccounts:
    """The stack after the adoption of all three."""
    walk = create_three_subaccounts(emulator, tmp_path)
    adopted = walk.project.up()
    for name in NAMES:
        assert f"{walk.labels[name]}: adopt active {walk.signer(name)[:8]} ({VALIDITY}); nothing is sent" in adopted
    return walk


def preview(walk: ThreeSubaccounts, prepared: str | None, signs: str, *said: str) -> CommandOutput:
    """Preview a program, read the sentences in its output, and deploy it."""
    walk.project.write(rotating(prepared, signs))
    shown = walk.project.preview("--diff")
    for sentence in said:
        assert sentence in shown, f"{sentence!r} is missing in:\n{shown.text}"
    walk.project.up()
    return shown


def lost(shown: CommandOutput, kind: str) -> list[str]:
    """Return the lines with a minus inside a resource."""
    return [line for line in shown.diff_lines(kind) if line.startswith("- ")]


def test_previews_tell_what_is_lost(walk: ThreeSubaccounts) -> None:
    """From the preparation to the end of the stack, each preview says what, whose, what goes, and until when back."""
    project, labels = walk.project, walk.labels
    prod, billing = labels[ROTATED], labels[TRUSTING]
    project.emulator.set_clock(datetime(2028, 10, 1, 9, tzinfo=UTC))
    old = walk.signer(ROTATED)

    prepared = preview(
        walk,
        "2028-11",
        "2026-11",
        f"{prod}: generate '2028-11' in the empty passive slot",
        'replaces : "nothing: the passive slot is empty"',
        f"{prod}: record active {old[:8]} ({VALIDITY}) as '2026-11'; nothing is sent",
        f"{billing}: identity provider 'shop': register 'shop': trust {old[:8]}, the new '2028-11'",
        f'subaccount : "{billing}"',
    )
    assert prepared.lost_lines == []
    new = str(project.slots()[1])

    rotated = preview(
        walk,
        "2028-11",
        "2028-11",
        f"{prod}: rotate: passive {new[:8]} (2028-11) becomes active, active {old[:8]} (2026-11) becomes passive; "
        "billing yes (observed)",
        f'becomes_active : "{new[:8]} (2028-11), exists since 2028-10-01, expires 2030-10-01, ',
        f'becomes_passive : "{old[:8]} (2026-11), expires 2028-11-25, 54 days left"',
        f'rollback : "until {old[:8]} (2026-11) expires on 2028-11-25, the next generation replaces it, or ',
        f'~ fingerprint: "{old}" => "{new}"',
        'billing: "yes, observed"',
    )
    assert rotated.lost_lines == []
    assert project.slots() == (new, old)

    generated = preview(
        walk,
        "2030-11",
        "2028-11",
        f"{prod}: generate '2030-11' over passive {old[:8]} (expires 2028-11-25): rolling back to it ends",
        f"{prod}: '2030-11' is generated over {old[:8]} (2026-11, expires 2028-11-25): rolling back to '2026-11' ends",
        f'"{old[:8]}, exists since 2026-11-25, expires 2028-11-25; rolling back to it ends"',
        f"{billing}: identity provider 'shop': trust the new '2030-11' as well, no longer trust {old[:8]}",
    )
    assert lost(generated, PASSIVE) == []
    assert lost(generated, REGISTRATION) == [f'- {old}: "expires 2028-11-25"']
    newest = str(project.slots()[1])

    project.deploy(rotating("2030-11", "2030-11"))
    retired = preview(
        walk,
        None,
        "2030-11",
        f"{prod}: candidate= was removed",
        f"passive {new[:8]} (2028-11, expires 2030-10-01) is deleted, and a rollback to it becomes impossible",
        f"or after a swap {new[:8]} (expires 2030-10-01) in its place; the signer stays",
        f"{billing}: identity provider 'shop': no longer trust {new[:8]}",
    )
    assert f'- {new}: "expires 2030-10-01"' in lost(retired, REGISTRATION)
    assert not any(line.startswith(f"- {newest}") for line in lost(retired, REGISTRATION)), "the signer has a minus"
    assert project.slots() == (newest, None)


def test_decommissioning_is_told(walk: ThreeSubaccounts) -> None:
    """The preview of a `destroy` says whose users are deleted; the signers of all stay, and each line says so."""
    project, labels = walk.project, walk.labels
    project.deploy(rotating("2028-11", "2026-11"))
    signers = {name: walk.signer(name) for name in NAMES}
    upcoming = str(project.slots()[1])

    shown = project.pulumi("destroy", "--preview-only", "--diff")
    billing, where = labels[TRUSTING], f"subaccount {walk.guids[TRUSTING][:8]}"
    displaced = f"{signers[ROTATED][:8]} (expires 2028-11-25)"
    for sentence in (
        f'subaccount : "{billing}"',
        f'removal : "deletes it in {where}, with its users there and their role collection assignments"',
        f'{signers[ROTATED]}: "expires 2028-11-25"',
        f'removal : "deletes the new 2028-11, or after a swap {displaced} in its place; the signer stays"',
    ):
        assert sentence in shown, f"{sentence!r} is missing in:\n{shown.text}"

    gone = project.pulumi("destroy", "--yes", "--skip-preview")
    for name, signer in signers.items():
        assert f"{labels[name]}: {signer[:8]} stays the active certificate" in gone
        assert walk.signer(name) == signer
    assert f"{labels[ROTATED]}: deleted passive {upcoming[:8]} (2028-11, expires " in gone
    assert f"{billing}: identity provider 'shop' is deleted, with its users there" in gone
    assert project.slots() == (signers[ROTATED], None)
