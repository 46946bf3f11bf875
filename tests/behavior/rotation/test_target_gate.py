"""The gate through the eyes of an engine: asked while a swap is due, never in the way back, kept as fingerprints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc

from btp_trust import Attested, SwitchesAtRotation
from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    StoredResource,
    assert_three_part_message,
    program,
)

PREPARED, ROTATED = program("b", "a"), program("b", "b")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared b; a signs."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.deploy(program(), PREPARED)
    return engine


def asking(signs: str, prepared: str = "b", **targets: Any) -> Program:
    """Write the program whose trigger asks these targets."""
    return program(prepared, signs, trigger={"trusted_by": targets})


def refuses(engine: FakeEngine, wanted: Program, *named: str | None) -> str:
    """Assert that the preview refuses a program, at the argument `trusted_by`."""
    with pytest.raises(CheckFailedError) as failed:
        engine.preview(wanted)
    assert failed.value.prop == "trusted_by"
    assert_three_part_message(failed.value.reason, *named)
    return failed.value.reason


def pems(engine: FakeEngine) -> list[str]:
    """The certificates in the slots, as PEM."""
    return [pem or "" for pem in engine.emulator.certificates(engine.guid)]


# --- a swap ------------------------------------------------------------------------------------------------------


def test_a_rotation_waits_for_its_targets_and_comes_once_they_are_ready(engine: FakeEngine) -> None:
    """Refused with the target's name and what it trusts instead; then the previewed step, for it is declared."""
    active, passive = engine.slots
    old, new = pems(engine)
    refuses(engine, asking("b", s4=old, ias=[old, new]), passive, "s4: no, it trusts", str(active)[:8], "(a, expires")
    with pytest.raises(CheckFailedError):
        engine.up(asking("b", s4=old), skip_preview=True)
    assert engine.last_report.writes == []

    ready = asking("b", s4=old + new, ias=[new, old])
    report = engine.up(ready)

    plan = engine.last_preview.inputs["rotation"]
    assert plan["step"].endswith("; ias yes (observed), s4 yes (observed)")
    assert plan["targets"] == {"ias": "yes, observed", "s4": "yes, observed"}
    assert plan["trusted_by"] == {"ias": sorted(engine.slots), "s4": sorted(engine.slots)}  # type: ignore[type-var]
    for said in (engine.last_preview.messages, report.messages):
        assert f"RotationTrigger: {plan['step']}\n  ias: yes, observed\n  s4: yes, observed\n" in said
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == (passive, active)
    engine.assert_stable(ready)
    assert not {"targets", "rollback_to", "step"} & engine.outputs("rotation").keys()


def until(metadata: str, moment: datetime) -> str:
    """The same metadata with an end."""
    return metadata.replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{moment.isoformat()}"', 1)


def test_metadata_whose_time_is_over_does_not_let_a_swap_pass(engine: FakeEngine) -> None:
    """By the service's clock, whatever the machine's says; a later reading of the same certificates is no change."""
    metadata = parse_pem(pems(engine)[1]).metadata
    over = until(metadata, engine.emulator.now - timedelta(seconds=1))
    refuses(engine, asking("b", s4=over), "s4: no, the metadata that names it was valid until", "(validUntil)")
    soon = until(metadata, engine.emulator.now + timedelta(days=1))
    engine.deploy(asking("a", s4=soon))
    assert engine.preview(asking("a", s4=over)).has_no_changes
    assert engine.up(asking("b", s4=soon)).writes == ["POST rotateCertificate"]


def test_without_targets_nothing_is_said_of_them(engine: FakeEngine) -> None:
    """An empty map counts as none, and nothing is added to a preview."""
    report = engine.up(asking("b"))
    assert engine.last_preview.changed["rotation"] == {"generation", "signer", "step", "swap_number", "slots_before"}
    assert "no target was asked" in report.messages
    assert "trusted_by" not in engine.outputs("rotation")


def test_people_answer_for_targets_that_cannot_be_asked(engine: FakeEngine) -> None:
    """Attested is shown as that; a gap is announced and not waited for; a late one is a refusal."""
    passive = str(engine.slots[1])
    made = date.fromisoformat(engine.outputs("next")["not_before"][:10])
    late = SwitchesAtRotation("HR IT", "HR-1")
    for day in (engine.emulator.now.date() + timedelta(2), made - timedelta(1)):
        refuses(engine, asking("b", c4c=Attested(passive, "Ada", day), sf=late), "c4c: no, attested by Ada on", passive)
    attested = asking("b", c4c=Attested(passive, "Ada", made, "T-1"), sf=late)
    said = engine.up(attested).messages
    assert f"\n  c4c: yes, attested by Ada on {made} (T-1), not observed\n" in said
    assert "\n  sf: gap expected until HR IT uploads (HR-1)\n" in said
    assert engine.slots[0] == passive
    engine.assert_stable(attested)


def test_what_a_preview_does_not_know_refuses_a_swap_and_nothing_else(engine: FakeEngine) -> None:
    """The target is to be deployed first; without a swap it shows as unknown, and is an update."""
    new = engine.slots[1]

    def changing(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            trusts = UNKNOWN if deployment.dry_run else new
            asking(signs, s4=trusts, ias=new)(deployment)

        return run

    assert "Deploy the target first" in refuses(engine, changing("b"), "s4: not known in this preview", new)
    engine.up(changing("a"))
    assert engine.last_preview.inputs["rotation"]["trusted_by"] == {"s4": rpc.UNKNOWN, "ias": [new]}
    assert engine.last_preview.operations["rotation"] == "update"
    assert engine.outputs("rotation")["trusted_by"] == {"s4": [new], "ias": [new]}
    engine.assert_stable(asking("a", s4=new, ias=new))
    engine.deploy(asking("b", s4=new, ias=new))


# --- no swap -----------------------------------------------------------------------------------------------------


def test_changed_targets_are_an_update_that_calls_nothing(engine: FakeEngine) -> None:
    """Whether they trust what signs, what is to come, or nothing; also a value that says the same otherwise."""
    old, new = pems(engine)
    changed: list[dict[str, Any]] = [{"s4": old}, {"s4": [old, new]}, {"s4": []}, {"sf": SwitchesAtRotation("HR IT")}]
    for targets in changed:
        wanted = asking("a", **targets)
        report = engine.up(wanted)
        assert (report.operations["rotation"], report.writes) == ("update", [])
        engine.assert_stable(wanted)
    engine.deploy(asking("a", s4=[old, new]))
    assert engine.preview(asking("a", s4=new + old)).has_no_changes


def test_no_certificate_of_a_target_ends_in_the_state(engine: FakeEngine) -> None:
    """Fingerprints do."""
    active, passive = engine.slots
    engine.deploy(asking("a", s4=pems(engine)))
    stored = engine.state["rotation"]
    assert stored.inputs["trusted_by"] == {"s4": sorted([str(active), str(passive)])}
    assert stored.outputs["trusted_by"] == stored.inputs["trusted_by"]


def test_garbage_is_refused_while_nothing_is_due(engine: FakeEngine) -> None:
    """Not on the day of the rotation."""
    assert "'s4'" in refuses(engine, asking("a", s4="S3CRET"))


def test_a_drift_is_reported_whatever_the_targets_trust(engine: FakeEngine) -> None:
    """Nothing is swapped, so nobody is asked."""
    nobody = asking("a", s4=[])
    engine.deploy(nobody)
    engine.emulator.rotate(engine.guid)
    assert engine.up(nobody).writes == []
    engine.assert_stable(nobody)


# --- the way back ------------------------------------------------------------------------------------------------


def rotated(engine: FakeEngine, **targets: Any) -> None:
    """Rotate to b with targets that trust it."""
    engine.deploy(asking("b", s4=engine.slots[1], **targets))


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an unrelated deployment"])
def test_the_way_back_is_never_refused_for_targets(engine: FakeEngine, *, later: bool) -> None:
    """They are named in a warning; also where strictness makes failures of warnings, for it is an emergency."""
    rotated(engine)
    before = engine.slots
    if later:
        engine.deploy(asking("b", s4=[before[0]], ias=[before[0]]))
    engine.config["btp-trust:strict"] = "true"
    back = asking("a", s4=before[0])
    report = engine.up(back)
    for said in (engine.last_preview.messages, report.messages):
        assert (
            f"warning: RotationTrigger: {str(before[1])[:8]}, which is about to sign again, is not trusted by" in said
        )
        assert "  s4: no, it trusts" in said
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == before[::-1]
    engine.assert_stable(back)


def test_the_way_back_of_the_way_back_is_open_as_well(engine: FakeEngine) -> None:
    """What signed before is the younger one then."""
    rotated(engine)
    engine.deploy(asking("a", s4=[]), asking("a", s4=[], ias=[]))
    assert engine.outputs("rotation")["previous_fingerprint"] == engine.slots[1]
    assert engine.up(asking("b", s4=[])).writes == ["POST rotateCertificate"]


def test_a_target_that_changes_meanwhile_does_not_stand_in_the_way_back(engine: FakeEngine) -> None:
    """What it will trust is not known in the preview."""
    rotated(engine)

    def back(deployment: Deployment) -> None:
        asking("a", s4=UNKNOWN if deployment.dry_run else [])(deployment)

    assert engine.up(back).writes == ["POST rotateCertificate"]
    assert "s4: not known" in engine.last_preview.messages


def test_putting_back_is_never_refused_for_targets(engine: FakeEngine) -> None:
    """It was approved when it was declared."""
    rotated(engine)
    engine.emulator.rotate(engine.guid)
    restoring = program("b", "b", trigger={"on_drift": "restore", "trusted_by": {"s4": []}})
    assert engine.up(restoring).writes == ["POST rotateCertificate"]
    assert "warning" in engine.last_preview.messages
    engine.assert_stable(restoring)


def accepted_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, and b was declared: a signed before."""
    nobody: dict[str, Any] = {"s4": []}
    engine.deploy(asking("a", **nobody))
    engine.emulator.rotate(engine.guid)
    engine.deploy(asking("b", **nobody))


def reported_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, which was reported; another one swapped back, which was noticed."""
    nobody: dict[str, Any] = {"s4": []}
    for _ in range(2):
        engine.deploy(asking("a", **nobody))
        engine.emulator.rotate(engine.guid)
    engine.deploy(asking("a", **nobody))


def refreshed_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, which a refresh saw, and b was declared."""
    nobody: dict[str, Any] = {"s4": []}
    engine.deploy(asking("a", **nobody))
    engine.emulator.rotate(engine.guid)
    engine.refresh()
    engine.deploy(asking("b", **nobody))


def not_asked_before(engine: FakeEngine) -> None:
    """The rotation asked no target; the argument came later."""
    engine.deploy(ROTATED, program("b", "b", trigger={"on_drift": "restore"}), asking("b", s4=[]))


def not_asked_at_the_swap(engine: FakeEngine) -> None:
    """Rotated and rolled back without targets; the argument comes with the next step."""
    engine.deploy(ROTATED, PREPARED)


def accepted_way_back(engine: FakeEngine) -> None:
    """A colleague swapped back to a, and a was declared: b, which is younger, signed before."""
    rotated(engine)
    engine.emulator.rotate(engine.guid)
    engine.deploy(asking("a", s4=[]))


HISTORIES = [
    accepted_drift,
    reported_drift,
    refreshed_drift,
    not_asked_before,
    not_asked_at_the_swap,
    accepted_way_back,
]


@pytest.mark.parametrize("history", HISTORIES)
def test_what_signed_before_may_sign_again_however_that_came(
    engine: FakeEngine, history: Callable[[FakeEngine], None]
) -> None:
    """The output `previous_fingerprint` tells what it is."""
    history(engine)
    previous = engine.outputs("rotation")["previous_fingerprint"]
    assert previous == engine.slots[1]
    name = {known: name for name, known in engine.state["rotation"].inputs["generations"].items()}[previous]
    report = engine.up(asking(name, s4=[]))
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots[0] == previous


def test_an_older_certificate_that_never_signed_is_not_taken_for_a_way_back(engine: FakeEngine) -> None:
    """The inputs of a trigger that was never asked do not tell; the outputs do, and they have the last word."""
    engine.deploy(ROTATED)
    del engine.state["rotation"]
    engine.deploy(program("b", "b", trigger={"known_generations": {"a": engine.slots[1]}}))
    slots, wanted = engine.slots, asking("a", s4=[])
    with pytest.raises(Refused) as refused:
        engine.preview(wanted)
    assert_three_part_message(str(refused.value), slots[1], "s4: no, it trusts no certificate")
    with pytest.raises(TrustError):
        engine.up(wanted, skip_preview=True)
    assert engine.last_report.writes == []
    metadata = until(parse_pem(pems(engine)[1]).metadata, engine.emulator.now)
    with pytest.raises(Refused, match="the metadata that names it was valid until"):
        engine.preview(asking("a", s4=metadata))
    engine.deploy(asking("a", s4=slots[1]))
    assert engine.slots == slots[::-1]


def test_the_next_cycle_is_gated_again(engine: FakeEngine) -> None:
    """A new certificate never signed before."""
    rotated(engine)
    nobody = asking("b", "c", s4=engine.slots[0])
    engine.deploy(nobody)
    refuses(engine, asking("c", "c", s4=engine.slots[0]), engine.slots[1], "s4: no, it trusts")
    engine.deploy(asking("c", "c", s4=engine.slots[1]))


# --- earlier versions, offline -----------------------------------------------------------------------------------


def without(stored: StoredResource, *names: str) -> StoredResource:
    """The resource as a version that knew nothing of these properties left it."""
    bags = [
        {name: value for name, value in bag.items() if name not in names} for bag in (stored.inputs, stored.outputs)
    ]
    return StoredResource(stored.kind, stored.id, *bags)


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_a_state_without_the_argument_goes_on(engine: FakeEngine, *, trusted: bool) -> None:
    """What an earlier version left: the argument may come with the rotation itself."""
    before = json.dumps(engine.state["rotation"].inputs)
    assert not {"trusted_by", "targets", "rollback_to"} & json.loads(before).keys()
    engine.state["rotation"] = without(engine.state["rotation"], "trusted_by", "targets", "rollback_to")
    wanted = asking("b", s4=engine.slots[1] if trusted else [])
    if not trusted:
        refuses(engine, wanted, engine.slots[1])
        return
    engine.deploy(wanted)
    assert "rollback_to" in engine.state["rotation"].inputs


def test_taking_the_argument_away_takes_away_what_it_added(engine: FakeEngine) -> None:
    """An update that calls nothing."""
    rotated(engine)
    report = engine.up(ROTATED)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    assert not {"trusted_by", "targets", "rollback_to"} & engine.state["rotation"].inputs.keys()
    engine.assert_stable(ROTATED)


def test_offline_the_memory_of_the_way_back_is_kept(engine: FakeEngine) -> None:
    """A plan from the state is stored by a deployment that changes nothing."""
    rotated(engine)
    back = asking("a", s4=[])
    engine.deploy(back)
    for _ in range(2):
        engine.config["btp-trust:offline"] = "true"
        engine.up(back)
        del engine.config["btp-trust:offline"]
    assert engine.up(asking("b", s4=[])).writes == ["POST rotateCertificate"]
