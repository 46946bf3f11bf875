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
from support.fake_engine import HOUR, CheckFailedError, Deployment, Program, Stored, Twin, assert_three_parts, program

PREPARED, ROTATED = program("b", "a"), program("b", "b")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that has prepared b; a signs."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(program(), PREPARED)
    return twin


def asking(signs: str, prepared: str = "b", **targets: Any) -> Program:
    """Write the program whose trigger asks these targets."""
    return program(prepared, signs, trigger={"trusted_by": targets})


def refuses(twin: Twin, wanted: Program, *named: str | None) -> str:
    """Assert that the preview refuses a program, at the argument `trusted_by`."""
    with pytest.raises(CheckFailedError) as failed:
        twin.preview(wanted)
    assert failed.value.prop == "trusted_by"
    assert_three_parts(failed.value.reason, *named)
    return failed.value.reason


def pems(twin: Twin) -> list[str]:
    """The certificates in the slots, as PEM."""
    return [pem or "" for pem in twin.emulator.certificates(twin.guid)]


# --- a swap ------------------------------------------------------------------------------------------------------


def test_a_rotation_waits_for_its_targets_and_comes_once_they_are_ready(twin: Twin) -> None:
    """Refused with the target's name and what it trusts instead; then the previewed step, for it is declared."""
    active, passive = twin.slots
    old, new = pems(twin)
    refuses(twin, asking("b", s4=old, ias=[old, new]), passive, "s4: no, it trusts", str(active)[:8], "(a, expires")
    with pytest.raises(CheckFailedError):
        twin.up(asking("b", s4=old), skip_preview=True)
    assert twin.last.writes == []

    ready = asking("b", s4=old + new, ias=[new, old])
    report = twin.up(ready)

    plan = twin.previewed.inputs["rotation"]
    assert plan["step"].endswith("; ias yes (observed), s4 yes (observed)")
    assert plan["targets"] == {"ias": "yes, observed", "s4": "yes, observed"}
    assert plan["trusted_by"] == {"ias": sorted(twin.slots), "s4": sorted(twin.slots)}  # type: ignore[type-var]
    for said in (twin.previewed.messages, report.messages):
        assert f"RotationTrigger: {plan['step']}\n  ias: yes, observed\n  s4: yes, observed\n" in said
    assert report.writes == ["POST rotateCertificate"]
    assert twin.slots == (passive, active)
    twin.assert_settled(ready)
    assert not {"targets", "way_back", "step"} & twin.outputs("rotation").keys()


def until(metadata: str, moment: datetime) -> str:
    """The same metadata with an end."""
    return metadata.replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{moment.isoformat()}"', 1)


def test_metadata_whose_time_is_over_does_not_let_a_swap_pass(twin: Twin) -> None:
    """By the service's clock, whatever the machine's says; a later reading of the same certificates is no change."""
    metadata = parse_pem(pems(twin)[1]).metadata
    over = until(metadata, twin.emulator.now - timedelta(seconds=1))
    refuses(twin, asking("b", s4=over), "s4: no, the metadata that names it was valid until", "(validUntil)")
    soon = until(metadata, twin.emulator.now + timedelta(days=1))
    twin.deploy(asking("a", s4=soon))
    assert twin.preview(asking("a", s4=over)).is_quiet
    assert twin.up(asking("b", s4=soon)).writes == ["POST rotateCertificate"]


def test_without_targets_nothing_is_said_of_them(twin: Twin) -> None:
    """An empty map counts as none, and nothing is added to a preview."""
    report = twin.up(asking("b"))
    assert twin.previewed.changed["rotation"] == {"generation", "signing", "step", "swap_number", "swaps"}
    assert "no target was asked" in report.messages
    assert "trusted_by" not in twin.outputs("rotation")


def test_people_answer_for_targets_that_cannot_be_asked(twin: Twin) -> None:
    """Attested is shown as that; a gap is announced and not waited for; a late one is a refusal."""
    passive = str(twin.slots[1])
    made = date.fromisoformat(twin.outputs("next")["not_before"][:10])
    late = SwitchesAtRotation("HR IT", "HR-1")
    for day in (twin.emulator.now.date() + timedelta(2), made - timedelta(1)):
        refuses(twin, asking("b", c4c=Attested(passive, "Ada", day), sf=late), "c4c: no, attested by Ada on", passive)
    attested = asking("b", c4c=Attested(passive, "Ada", made, "T-1"), sf=late)
    said = twin.up(attested).messages
    assert f"\n  c4c: yes, attested by Ada on {made} (T-1), not observed\n" in said
    assert "\n  sf: gap expected until HR IT uploads (HR-1)\n" in said
    assert twin.slots[0] == passive
    twin.assert_settled(attested)


def test_what_a_preview_does_not_know_refuses_a_swap_and_nothing_else(twin: Twin) -> None:
    """The target is to be deployed first; without a swap it shows as unknown, and is an update."""
    new = twin.slots[1]

    def changing(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            trusts = UNKNOWN if deployment.dry else new
            asking(signs, s4=trusts, ias=new)(deployment)

        return run

    assert "Deploy the target first" in refuses(twin, changing("b"), "s4: not known in this preview", new)
    twin.up(changing("a"))
    assert twin.previewed.inputs["rotation"]["trusted_by"] == {"s4": rpc.UNKNOWN, "ias": [new]}
    assert twin.previewed.operations["rotation"] == "update"
    assert twin.outputs("rotation")["trusted_by"] == {"s4": [new], "ias": [new]}
    twin.assert_settled(asking("a", s4=new, ias=new))
    twin.deploy(asking("b", s4=new, ias=new))


# --- no swap -----------------------------------------------------------------------------------------------------


def test_changed_targets_are_an_update_that_calls_nothing(twin: Twin) -> None:
    """Whether they trust what signs, what is to come, or nothing; also a value that says the same otherwise."""
    old, new = pems(twin)
    changed: list[dict[str, Any]] = [{"s4": old}, {"s4": [old, new]}, {"s4": []}, {"sf": SwitchesAtRotation("HR IT")}]
    for targets in changed:
        wanted = asking("a", **targets)
        report = twin.up(wanted)
        assert (report.operations["rotation"], report.writes) == ("update", [])
        twin.assert_settled(wanted)
    twin.deploy(asking("a", s4=[old, new]))
    assert twin.preview(asking("a", s4=new + old)).is_quiet


def test_no_certificate_of_a_target_ends_in_the_state(twin: Twin) -> None:
    """Fingerprints do."""
    active, passive = twin.slots
    twin.deploy(asking("a", s4=pems(twin)))
    stored = twin.state["rotation"]
    assert stored.inputs["trusted_by"] == {"s4": sorted([str(active), str(passive)])}
    assert stored.outputs["trusted_by"] == stored.inputs["trusted_by"]


def test_garbage_is_refused_while_nothing_is_due(twin: Twin) -> None:
    """Not on the day of the rotation."""
    assert "'s4'" in refuses(twin, asking("a", s4="S3CRET"))


def test_a_drift_is_reported_whatever_the_targets_trust(twin: Twin) -> None:
    """Nothing is swapped, so nobody is asked."""
    nobody = asking("a", s4=[])
    twin.deploy(nobody)
    twin.emulator.rotate(twin.guid)
    assert twin.up(nobody).writes == []
    twin.assert_settled(nobody)


# --- the way back ------------------------------------------------------------------------------------------------


def rotated(twin: Twin, **targets: Any) -> None:
    """Rotate to b with targets that trust it."""
    twin.deploy(asking("b", s4=twin.slots[1], **targets))


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an unrelated deployment"])
def test_the_way_back_is_never_refused_for_targets(twin: Twin, *, later: bool) -> None:
    """They are named in a warning; also where strictness makes failures of warnings, for it is an emergency."""
    rotated(twin)
    before = twin.slots
    if later:
        twin.deploy(asking("b", s4=[before[0]], ias=[before[0]]))
    twin.config["btp-trust:strict"] = "true"
    back = asking("a", s4=before[0])
    report = twin.up(back)
    for said in (twin.previewed.messages, report.messages):
        assert (
            f"warning: RotationTrigger: {str(before[1])[:8]}, which is about to sign again, is not trusted by" in said
        )
        assert "  s4: no, it trusts" in said
    assert report.writes == ["POST rotateCertificate"]
    assert twin.slots == before[::-1]
    twin.assert_settled(back)


def test_the_way_back_of_the_way_back_is_open_as_well(twin: Twin) -> None:
    """What signed before is the younger one then."""
    rotated(twin)
    twin.deploy(asking("a", s4=[]), asking("a", s4=[], ias=[]))
    assert twin.outputs("rotation")["previous_fingerprint"] == twin.slots[1]
    assert twin.up(asking("b", s4=[])).writes == ["POST rotateCertificate"]


def test_a_target_that_changes_meanwhile_does_not_stand_in_the_way_back(twin: Twin) -> None:
    """What it will trust is not known in the preview."""
    rotated(twin)

    def back(deployment: Deployment) -> None:
        asking("a", s4=UNKNOWN if deployment.dry else [])(deployment)

    assert twin.up(back).writes == ["POST rotateCertificate"]
    assert "s4: not known" in twin.previewed.messages


def test_putting_back_is_never_refused_for_targets(twin: Twin) -> None:
    """It was approved when it was declared."""
    rotated(twin)
    twin.emulator.rotate(twin.guid)
    restoring = program("b", "b", trigger={"on_drift": "restore", "trusted_by": {"s4": []}})
    assert twin.up(restoring).writes == ["POST rotateCertificate"]
    assert "warning" in twin.previewed.messages
    twin.assert_settled(restoring)


def accepted_drift(twin: Twin) -> None:
    """A colleague swapped to b, and b was declared: a signed before."""
    nobody: dict[str, Any] = {"s4": []}
    twin.deploy(asking("a", **nobody))
    twin.emulator.rotate(twin.guid)
    twin.deploy(asking("b", **nobody))


def reported_drift(twin: Twin) -> None:
    """A colleague swapped to b, which was reported; another one swapped back, which was noticed."""
    nobody: dict[str, Any] = {"s4": []}
    for _ in range(2):
        twin.deploy(asking("a", **nobody))
        twin.emulator.rotate(twin.guid)
    twin.deploy(asking("a", **nobody))


def refreshed_drift(twin: Twin) -> None:
    """A colleague swapped to b, which a refresh saw, and b was declared."""
    nobody: dict[str, Any] = {"s4": []}
    twin.deploy(asking("a", **nobody))
    twin.emulator.rotate(twin.guid)
    twin.refresh()
    twin.deploy(asking("b", **nobody))


def not_asked_before(twin: Twin) -> None:
    """The rotation asked no target; the argument came later."""
    twin.deploy(ROTATED, program("b", "b", trigger={"on_drift": "restore"}), asking("b", s4=[]))


def not_asked_at_the_swap(twin: Twin) -> None:
    """Rotated and rolled back without targets; the argument comes with the next step."""
    twin.deploy(ROTATED, PREPARED)


def accepted_way_back(twin: Twin) -> None:
    """A colleague swapped back to a, and a was declared: b, which is younger, signed before."""
    rotated(twin)
    twin.emulator.rotate(twin.guid)
    twin.deploy(asking("a", s4=[]))


HISTORIES = [
    accepted_drift,
    reported_drift,
    refreshed_drift,
    not_asked_before,
    not_asked_at_the_swap,
    accepted_way_back,
]


@pytest.mark.parametrize("history", HISTORIES)
def test_what_signed_before_may_sign_again_however_that_came(twin: Twin, history: Callable[[Twin], None]) -> None:
    """The output `previous_fingerprint` tells what it is."""
    history(twin)
    previous = twin.outputs("rotation")["previous_fingerprint"]
    assert previous == twin.slots[1]
    name = {known: name for name, known in twin.state["rotation"].inputs["generations"].items()}[previous]
    report = twin.up(asking(name, s4=[]))
    assert report.writes == ["POST rotateCertificate"]
    assert twin.slots[0] == previous


def test_an_older_certificate_that_never_signed_is_not_taken_for_a_way_back(twin: Twin) -> None:
    """The inputs of a trigger that was never asked do not tell; the outputs do, and they have the last word."""
    twin.deploy(ROTATED)
    del twin.state["rotation"]
    twin.deploy(program("b", "b", trigger={"known_generations": {"a": twin.slots[1]}}))
    slots, wanted = twin.slots, asking("a", s4=[])
    with pytest.raises(Refused) as refused:
        twin.preview(wanted)
    assert_three_parts(str(refused.value), slots[1], "s4: no, it trusts no certificate")
    with pytest.raises(TrustError):
        twin.up(wanted, skip_preview=True)
    assert twin.last.writes == []
    metadata = until(parse_pem(pems(twin)[1]).metadata, twin.emulator.now)
    with pytest.raises(Refused, match="the metadata that names it was valid until"):
        twin.preview(asking("a", s4=metadata))
    twin.deploy(asking("a", s4=slots[1]))
    assert twin.slots == slots[::-1]


def test_the_next_cycle_is_gated_again(twin: Twin) -> None:
    """A new certificate never signed before."""
    rotated(twin)
    nobody = asking("b", "c", s4=twin.slots[0])
    twin.deploy(nobody)
    refuses(twin, asking("c", "c", s4=twin.slots[0]), twin.slots[1], "s4: no, it trusts")
    twin.deploy(asking("c", "c", s4=twin.slots[1]))


# --- earlier versions, offline -----------------------------------------------------------------------------------


def without(stored: Stored, *names: str) -> Stored:
    """The resource as a version that knew nothing of these properties left it."""
    bags = [
        {name: value for name, value in bag.items() if name not in names} for bag in (stored.inputs, stored.outputs)
    ]
    return Stored(stored.kind, stored.id, *bags)


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_a_state_without_the_argument_goes_on(twin: Twin, *, trusted: bool) -> None:
    """What an earlier version left: the argument may come with the rotation itself."""
    before = json.dumps(twin.state["rotation"].inputs)
    assert not {"trusted_by", "targets", "way_back"} & json.loads(before).keys()
    twin.state["rotation"] = without(twin.state["rotation"], "trusted_by", "targets", "way_back")
    wanted = asking("b", s4=twin.slots[1] if trusted else [])
    if not trusted:
        refuses(twin, wanted, twin.slots[1])
        return
    twin.deploy(wanted)
    assert "way_back" in twin.state["rotation"].inputs


def test_taking_the_argument_away_takes_away_what_it_added(twin: Twin) -> None:
    """An update that calls nothing."""
    rotated(twin)
    report = twin.up(ROTATED)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    assert not {"trusted_by", "targets", "way_back"} & twin.state["rotation"].inputs.keys()
    twin.assert_settled(ROTATED)


def test_offline_the_memory_of_the_way_back_is_kept(twin: Twin) -> None:
    """A plan from the state is stored by a deployment that changes nothing."""
    rotated(twin)
    back = asking("a", s4=[])
    twin.deploy(back)
    for _ in range(2):
        twin.config["btp-trust:offline"] = "true"
        twin.up(back)
        del twin.config["btp-trust:offline"]
    assert twin.up(asking("b", s4=[])).writes == ["POST rotateCertificate"]
