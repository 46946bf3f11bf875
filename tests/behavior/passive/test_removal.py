"""PassiveTrustCertificate is removed, renamed or replaced: only its own certificate is deleted, and names stay."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from btp_trust.errors import Refused, ServiceUnavailable, SlotsChanged, TrustError
from btp_trust.formatting import PREVIEW_WIDTH
from support.fake_engine import (
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    program,
    raise_before_sending,
    round_trip,
)
from support.passive_programs import (
    ALONE,
    BASE,
    NEXT,
    PREPARED,
    ROTATED,
    generate_by_a_colleague,
    nothing,
    only,
    swap_by_a_colleague,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([PREPARED], BASE, id="its own"),
        pytest.param([PREPARED, ROTATED], program(None, "b"), id="the one that it displaced"),
    ],
)
def test_deletes_its_own_or_displaced(engine: FakeEngine, before: list[Program], after: Program) -> None:
    """One DELETE; the active certificate stays."""
    engine.deploy(*before)
    signing, passive = engine.slots
    report = engine.up(after)
    assert report.writes == ["DELETE certificate/passive"]
    assert str(passive)[:8] in report.messages
    assert engine.slots == (signing, None)
    engine.assert_stable(after)


@pytest.mark.parametrize("before", [[PREPARED], [PREPARED, ROTATED], [PREPARED, ROTATED, NEXT]], ids=len)
def test_removal_preview_names_both_cases(engine: FakeEngine, before: list[Program]) -> None:
    """It shows stored inputs only, and they are older than a swap of the same `up`: so they say what either role loses.

    Once an `up` has seen the slots as they are, the certificate that is passive stands first.
    """
    engine.deploy(*before)
    signing, passive = (str(fingerprint)[:8] for fingerprint in engine.slots)
    stored = engine.preview(ALONE).deletes["next"]["removal"]
    assert signing in stored
    assert stored.endswith("; the signer stays")
    assert len(stored) <= PREVIEW_WIDTH
    engine.deploy(before[-1])
    shown = engine.preview(ALONE).deletes["next"]["removal"]
    assert shown.startswith(f"deletes passive {passive} (")
    assert f"or after a swap {signing} (" in shown
    assert f"({engine.outputs('next')['generation']}, expires " in shown


def test_retained_removal_deletes_nothing(engine: FakeEngine) -> None:
    """The option is no update, and the preview of the removal says so."""
    engine.deploy(PREPARED)
    retained = program("b", "a", passive={"retain_on_delete": True})
    engine.transport.inject_always(answer_with(503), "GET certificate")
    assert engine.up(retained).has_no_changes
    engine.transport.clear_faults()
    assert engine.preview(ALONE).deletes["next"]["removal"].startswith("deletes nothing: retain_on_delete")
    engine.deploy(retained)
    assert "retain_on_delete" not in engine.outputs("next")
    slots = engine.slots
    engine.deploy(ALONE)
    assert engine.slots == slots


def test_destroy_empties_the_passive_slot(engine: FakeEngine) -> None:
    """The active one stays. No program runs, so no other resource can have taken over."""
    engine.deploy(PREPARED)
    signing = engine.slots[0]
    assert engine.destroy().writes == ["DELETE certificate/passive"]
    assert engine.slots == (signing, None)
    assert engine.state == {}


@pytest.mark.parametrize("swapped", [False, True], ids=["a younger one", "an older one"])
def test_deletion_leaves_a_foreign_certificate(engine: FakeEngine, *, swapped: bool) -> None:
    """Delete succeeds all the same, and reports it."""
    engine.deploy(only("b"))
    generate_by_a_colleague(engine)
    if swapped:
        swap_by_a_colleague(engine)
    slots = engine.slots
    report = engine.up(nothing)
    assert report.writes == []
    assert "stays" in report.messages
    assert str(slots[1])[:8] in report.messages
    assert engine.slots == slots
    assert "next" not in engine.state


def test_deletion_leaves_a_younger_certificate(engine: FakeEngine) -> None:
    """It was prepared by somebody: the own active certificate displaced an older one."""
    engine.deploy(PREPARED, ROTATED)
    generate_by_a_colleague(engine)
    slots = engine.slots
    assert engine.up(program(None, "b")).writes == []
    assert engine.slots == slots


def test_deletion_succeeds_on_empty_slot(engine: FakeEngine) -> None:
    """Somebody was quicker; no DELETE is sent."""
    engine.deploy(only("b"))
    engine.emulator.delete_passive(engine.guid)
    assert engine.up(nothing).writes == []
    assert "next" not in engine.state


def test_deletion_succeeds_on_404(engine: FakeEngine) -> None:
    """Somebody was quicker by a second."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.delete_passive(engine.guid))
    engine.transport.inject_once("DELETE certificate/passive", rival)
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in engine.state


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda engine: engine.up(only("b", name="renamed")), id="a rename"),
        pytest.param(lambda engine: engine.up(only("b"), replace={"next"}), id="a replace"),
    ],
)
def test_a_moved_resource_keeps_the_certificate(engine: FakeEngine, move: object) -> None:
    """The new resource adopts it, deleting the old one calls nothing."""
    engine.deploy(only("b"))
    slots = engine.slots
    assert callable(move)
    report = move(engine)
    assert report.writes == []
    assert "has taken over" in report.messages
    assert engine.slots == slots
    (resource,) = [stored for stored in engine.state.values() if stored.kind == "passive"]
    assert resource.outputs["fingerprint"] == slots[1]


RENAMED = pytest.param({"name": "renamed"}, {}, id="a rename")
REPLACED = pytest.param({}, {"replace": {"next"}}, id="a replacement")
REPLACED_ALONE = pytest.param({}, {"replace": {"next"}, "targets": {"next"}}, id="a targeted replacement")


@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
def test_trigger_refuses_a_second_name(engine: FakeEngine, name: Any, options: Any, way: str) -> None:
    """It knows the certificate under another name, and refuses in the preview; each remedy works."""
    engine.deploy(PREPARED)
    slots = engine.slots
    with pytest.raises(CheckFailedError) as caught:
        engine.up(program("c", "a", passive=name), **options)
    message = caught.value.reason
    assert_three_part_message(message, "'c'", "'b'", slots[1])
    assert engine.slots == slots
    assert {stored.inputs.get("generation") for stored in engine.state.values()} >= {"b"}
    assert "'c'" not in str(engine.state)
    adopt, replace = ({argument: slots[1]} for argument in ("adopt", "replace"))
    changed = {"keep": ("b", adopt), "another": ("c", replace), "both": ("c", adopt)}[way]
    assert all(f'{argument}="{slots[1]}"' in message for argument in changed[1])
    declared = program(changed[0], "a", passive={**name, **changed[1]})
    engine.up(declared, **options)
    engine.assert_stable(declared)
    names = engine.state["rotation"].inputs["generations"]
    assert (engine.slots != slots) == (way == "another")
    assert names[changed[0]] == engine.slots[1]


@pytest.mark.parametrize("has_trigger", [True, False])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED, REPLACED_ALONE])
def test_delete_refuses_a_second_name(
    engine: FakeEngine, name: Any, options: Any, way: str, *, has_trigger: bool
) -> None:
    """Without a preview, or where the old resource alone knows the name; each remedy works."""
    engine.deploy(PREPARED if has_trigger else only("b"))
    slots = engine.slots
    signs = "a" if has_trigger else None
    for _ in range(
        2 if name else 1
    ):  # the fake engine forgets, and Pulumi keeps, what is to be deleted after a replacement
        with pytest.raises((CheckFailedError, Refused)) as caught:
            engine.up(program("c", signs, passive=name), skip_preview=True, **options)
        message = str(getattr(caught.value, "reason", caught.value))
        assert_three_part_message(message, "'c'", "'b'", slots[1])
    adopt = {"adopt": slots[1]}
    changed = {"keep": ("b", adopt), "another": ("c-2", {}), "both": ("c", adopt)}[way]
    assert (f'generation="{changed[0]}"' in message) == (way != "both")
    declared = program(changed[0], signs, passive={**name, **changed[1]})
    engine.up(declared)
    engine.assert_stable(declared)
    assert (engine.slots != slots) == (way == "another")
    assert [stored.kind for stored in engine.state.values()].count("passive") == 1


def test_a_twice_checked_replacement_keeps_names(engine: FakeEngine) -> None:
    """Pulumi checks with the old inputs, decides to replace, and checks without them: a new generation is refused."""
    engine.deploy(only("b"))
    slots = engine.slots

    def twice(generation: str, **args: Any) -> Program:
        def run(deployment: Deployment) -> None:
            given = {"generation": generation, "__provider": "passive"}
            deployment.engine.call("passive", "next", "check", round_trip(engine.state["next"].inputs), given)
            deployment.replace = frozenset({"next"})
            deployment.passive(generation=generation, **args)

        return run

    message = engine.assert_refused(twice("c"), "'c'", "'b'", slots[1])
    assert f'replace="{slots[1]}"' in message
    engine.up(twice("b"))
    assert engine.slots == slots
    engine.up(twice("b", adopt=slots[1]))
    engine.up(twice("c", replace=slots[1]))
    assert engine.slots[1] not in slots


def test_refuses_to_rename_its_own(engine: FakeEngine) -> None:
    """A killed run would have left an unknown certificate; this one has a name. Each remedy works."""
    engine.deploy(only("b"))
    slots = engine.slots
    engine.deploy(only("x", adopt=slots[0]))
    engine.assert_refused(only("c"), "'c'", "'b'", f'replace="{slots[1]}"', f'generation="b", adopt="{slots[1]}"')
    state = dict(engine.state)
    engine.deploy(only("b", adopt=slots[1]))
    assert engine.slots == slots
    engine.state = state
    engine.deploy(only("c", replace=slots[1]))
    assert engine.slots[1] not in slots


def test_refuses_a_rename_after_rotation(engine: FakeEngine) -> None:
    """The displaced certificate is foreign to the new resource; adopting the active one takes the old one's place."""
    engine.deploy(PREPARED, ROTATED)
    slots = engine.slots
    engine.assert_refused(program("b", "b", passive={"name": "renamed"}), *slots)
    moved = program("b", "b", passive={"name": "renamed", "adopt": slots[0]})
    assert engine.up(moved).writes == []
    assert engine.slots == slots
    engine.assert_stable(moved)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda engine: engine.config.pop("btp-trust:serviceKey"), id="without credentials"),
        pytest.param(
            lambda engine: engine.transport.inject_always(answer_with(404, html="gone"), "POST token"),
            id="dead subaccount",
        ),
        pytest.param(lambda engine: engine.transport.inject_always(answer_with(401), "POST token"), id="expired key"),
        pytest.param(
            lambda engine: engine.transport.inject_always(raise_before_sending(httpx.ConnectError("no"))),
            id="service down",
        ),
        pytest.param(lambda engine: engine.config.update({"btp-trust:offline": "true"}), id="offline"),
    ],
)
def test_a_failed_deletion_names_remedies(engine: FakeEngine, broken: object) -> None:
    """It names retain_on_delete, `pulumi state delete` and how to find the URN; the state keeps the resource."""
    engine.deploy(only("b"))
    assert callable(broken)
    broken(engine)
    with pytest.raises(TrustError) as stopped:
        engine.destroy()
    assert_three_part_message(str(stopped.value).strip(), "retain_on_delete", "pulumi state delete", "URN")
    assert "next" in engine.state


def test_reads_after_a_lost_response(engine: FakeEngine) -> None:
    """One DELETE, and success."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", commit_then_raise(httpx.ReadTimeout("lost")))
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in engine.state


def test_deletion_reports_a_busy_service(engine: FakeEngine) -> None:
    """A fault of the moment is reported as such, and the next `up` deletes."""
    engine.deploy(only("b"))
    engine.transport.inject_always(answer_with(429), "DELETE certificate/passive")
    with pytest.raises(ServiceUnavailable, match="429"):
        engine.up(nothing)
    assert engine.last_report.writes == []
    engine.transport.clear_faults()
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]


def test_stops_for_a_rival_during_deletion(engine: FakeEngine) -> None:
    """Slots that the delete cannot explain stop the command."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", raise_before_sending(httpx.ReadError("lost")))
    rival = interleave(before=lambda: engine.emulator.rotate(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=1)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(nothing)
    assert_three_part_message(str(stopped.value), *engine.slots)
