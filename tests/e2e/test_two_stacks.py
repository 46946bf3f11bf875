"""Two `pulumi up` of two stacks on one subaccount at the same time, in the two orders that matter.

Every pair of deeds at every moment is played in process; here the real engine, its processes and the network are in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.processes import up_with_held_response
from support.pulumi_project import PulumiProject, adopting_program, rotation_program


@pytest.fixture
def pair(emulator: Emulator, tmp_path: Path) -> tuple[PulumiProject, PulumiProject]:
    """Two stacks whose programs adopt the active certificate of one subaccount; nothing is deployed yet."""
    guid = emulator.create_subaccount(generate=True).guid
    one, other = (
        PulumiProject(tmp_path / name, emulator, guid).create_stack(adopting_program()).set_service_key()
        for name in ("one", "other")
    )
    return one, other


def test_simultaneous_swaps(pair: tuple[PulumiProject, PulumiProject]) -> None:
    """Of two swaps at once, one undoes the other and reports it; both stacks agree in the end."""
    one, other = pair
    other.deploy(rotation_program("2028-11", "2026-11"))
    old, new = other.slots()
    adopt = f', adopt="{new}"'
    one.deploy(rotation_program("2028-11", "2026-11", passive=adopt))
    one.write(rotation_program("2028-11", "2028-11", passive=adopt))

    with up_with_held_response(one, "GET certificate/passive", 2) as (up, proxy):
        other.deploy(rotation_program("2028-11", "2028-11"))
        assert other.state()["rotation"]["outputs"]["fingerprint"] == new
        proxy.released.set()
        refused = up.end(status=1)
    assert one.writes() == ["POST rotateCertificate"] * 2
    assert one.slots() == (old, new)
    assert (
        f"btp_trust.errors.SlotsChanged: {one.label}: The swap was applied, and yet the slots are as before: another"
        in refused
    )
    assert refused.message[-1].startswith("Find out who else manages this subaccount")

    one.emulator.advance(61)
    assert f"{str(new)[:8]} (2028-11) should sign, but {str(old)[:8]} (2026-11) does" in other.preview()
    one.up()
    assert one.slots() == (new, old)
    assert other.has_no_changes_after_refresh()

    one.write(rotation_program("2030-11", "2028-11"))
    with up_with_held_response(one, "GET certificate/passive") as (up, proxy):
        other.deploy(rotation_program("2028-11", "2026-11"))
        proxy.released.set()
        refused = up.end(status=1)
    assert one.writes() == ["POST rotateCertificate"]
    assert one.slots() == (old, new)
    assert (
        f"SlotsChanged: {one.label}: The passive slot changed since this command was planned; nothing was done."
        in refused
    )
    assert other.has_no_changes_after_refresh()


def test_simultaneous_generations(pair: tuple[PulumiProject, PulumiProject]) -> None:
    """A certificate that another stack overwrites at once is reported by the next command of its own stack."""
    one, other = pair
    for each in pair:
        each.up()
        each.write(rotation_program("2028-11", "2026-11"))
    one.emulator.advance(3600)

    with up_with_held_response(one, "GET certificate/passive", 2) as (up, proxy):
        other.up()
        lost = other.slots()[1]
        proxy.released.set()
        up.end()
    made = one.slots()[1]
    assert one.writes() == ["POST passive"] * 2
    assert made not in (None, lost)
    assert one.state()["next"]["outputs"]["fingerprint"] == made
    # Within a minute, the reading may be stale.
    assert f"({lost}), of " in (doubted := other.preview())
    assert "somebody removed it at once; it is too early to say which" in doubted
    one.emulator.advance(3600)
    assert f"({lost}) in no slot." in other.preview()
    assert one.has_no_changes_after_refresh()
