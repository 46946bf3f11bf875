"""The walk of an operator of three subaccounts with the real command line.

The tests read what a command prints as a reviewer does: what happens, in whose subaccount, what is lost, and until when
a rollback is possible.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.paths import ROOT
from support.pulumi_project import ACTIVE, PASSIVE, CommandOutput
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
QUESTIONS = (
    ("preview", "--expect-no-changes"),
    ("preview", "--refresh", "--expect-no-changes"),
    ("refresh", "--preview-only", "--expect-no-changes"),
)


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


def run_nightly_job(walk: ThreeSubaccounts) -> CommandOutput:
    """Run the commands of the page; return the output of the last one, which decides."""
    page = (ROOT / "docs/how-to/ci.md").read_text().partition("## At night")[2].partition("\n## ")[0]
    *before, job = re.findall(r"^\$ pulumi (.+)$", page, re.MULTILINE)
    for command in before:
        walk.project.pulumi(*command.split())
    return walk.project.pulumi(*job.split(), status=None)


def test_what_is_due_is_reported(walk: ThreeSubaccounts) -> None:
    """Each command warns of each certificate that expires soon, once, by name, and says what to do."""
    walk.project.emulator.set_clock(datetime(2028, 10, 1, 8, tzinfo=UTC))
    for command in (("preview",), ("up", "--yes", "--skip-preview"), ("refresh", "--yes", "--skip-preview")):
        said = walk.project.pulumi(*command, "--expect-no-changes").diagnostics.splitlines()
        warnings = [line.strip() for line in said if "warning: " in line]
        assert len(warnings) == len(NAMES)
        for name in NAMES:
            line = (
                f"warning: {walk.labels[name]}: The active certificate {walk.signer(name)[:8]} expires in 55 days, "
                "at 2028-11-25T09:00:00Z. From then on targets reject every user. "
                'Prepare a successor: generation="2028-11" on a PassiveTrustCertificate, then deploy.'
            )
            assert line in warnings
            assert said[said.index(f"    {line}") - 1].endswith(f"{ACTIVE} ({name}):")

    assert run_nightly_job(walk).status == 0
    walk.project.emulator.set_clock(datetime(2028, 12, 1, 10, tzinfo=UTC))
    night = run_nightly_job(walk)
    assert night.status != 0
    assert "expired 6 days ago" in night
    assert any(f"{label}: The active certificate" in night.message[0] for label in walk.labels.values())
    assert night.message[0].endswith(" expired 6 days ago, at 2028-11-25T09:00:00Z.")


def test_renewal_by_a_colleague_is_reported(walk: ThreeSubaccounts) -> None:
    """Commands name the signer, the recorded one and the subaccount, and the nightly job fails until `up` has it."""
    project, name = walk.project, "test"
    before = walk.signer(name)
    project.emulator.generate_active(walk.guids[name])
    both = f"{walk.signer(name)[:8]} signs, not {before[:8]}, which this stack recorded as the signer."
    sentence = f"{walk.labels[name]}: {both}"
    for question in QUESTIONS:
        output = project.pulumi(*question, status=None)
        assert output.status != 0
        assert output.diagnostics.count(f"warning: {sentence}") == 1
    night = run_nightly_job(walk)
    assert night.status != 0
    assert night.message[0] == f"btp_trust.errors.Refused: {sentence}"

    accepted = project.up("--config", "btp-trust:strict=false")
    assert sentence in accepted
    assert project.writes() == []
    quiet = run_nightly_job(walk)
    assert (quiet.status, quiet.diagnostics) == (0, "")


def test_previews_tell_what_is_lost(walk: ThreeSubaccounts) -> None:
    """From the preparation to the end of the stack, each preview says what, whose, what goes, and until when back."""
    project, labels = walk.project, walk.labels
    prod, billing = labels[ROTATED], labels[TRUSTING]
    project.emulator.set_clock(datetime(2028, 10, 1, 8, tzinfo=UTC))
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
        f'becomes_active : "{new[:8]} (2028-11), exists since 2028-10-01, expires 2030-10-01"',
        f'becomes_passive : "{old[:8]} (2026-11), expires 2028-11-25"',
        f'rollback : "until {old[:8]} (2026-11) expires on 2028-11-25, the next generation replaces it, or ',
        f'~ fingerprint: "{old}" => "{new}"',
        'billing: "yes, observed"',
        f"warning: {prod}: The active certificate {old[:8]} (2026-11) expires in 55 days, at 2028-11-25T09:00:00Z.",
        f"This command makes {new[:8]} (2028-11) sign.",
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
    assert not any(new in line for line in generated.lost_lines), "the signer has a minus"
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
    assert not any(newest in line for line in retired.lost_lines), "the signer has a minus"
    assert project.slots() == (newest, None)


def test_decommissioning_is_reported(walk: ThreeSubaccounts) -> None:
    """The preview of a `destroy` says whose users are deleted; the signers of all stay, and each line says so."""
    project, labels = walk.project, walk.labels
    project.deploy(rotating("2028-11", "2026-11"))
    signers = {name: walk.signer(name) for name in NAMES}
    upcoming = str(project.slots()[1])

    shown = project.pulumi("destroy", "--preview-only", "--diff")
    billing = labels[TRUSTING]
    displaced = f"{signers[ROTATED][:8]} (expires 2028-11-25)"
    for sentence in (
        f'subaccount : "{billing}"',
        "deletes identity provider 'shop' in the subaccount that trusts, with its users there and their role",
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
