"""The target gate through the eyes of an engine: it holds rotations, lets rollbacks pass, and keeps fingerprints."""

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
    engine.start(program(), PREPARED)
    return engine


def program_trusted_by(signs: str, prepared: str = "b", **targets: Any) -> Program:
    """Write the program whose trigger asks these targets."""
    return program(prepared, signs, trigger={"trusted_by": targets})


def observed(*fingerprints: str | None) -> dict[str, Any]:
    """Return the recorded statement of a target that trusts these certificates."""
    return {"kind": "observed", "certificates": dict.fromkeys(map(str, fingerprints), "trusted")}


def assert_refused_at_trusted_by(engine: FakeEngine, declared: Program, *named: str | None) -> str:
    """Assert that the preview refuses a program, without the long value of `trusted_by` in front of the sentence."""
    with pytest.raises(CheckFailedError) as failed:
        engine.preview(declared)
    assert failed.value.prop in ("", "trusted_by")  # a map is left out; the text of an unknown one is short
    assert_three_part_message(failed.value.reason, *named)
    return failed.value.reason


def pems(engine: FakeEngine) -> list[str]:
    """The certificates in the slots, as PEM."""
    return [pem or "" for pem in engine.emulator.certificates(engine.guid)]


# --- a swap ------------------------------------------------------------------------------------------------------


def test_rotation_waits_for_its_targets(engine: FakeEngine) -> None:
    """It is refused with the target and what that trusts; once the targets are ready, the previewed step follows."""
    active, passive = engine.slots
    old, new = pems(engine)
    assert_refused_at_trusted_by(
        engine,
        program_trusted_by("b", s4=old, ias=[old, new]),
        passive,
        "s4: no, it trusts",
        str(active)[:8],
        "(a, expires",
    )
    with pytest.raises(CheckFailedError):
        engine.up(program_trusted_by("b", s4=old), skip_preview=True)
    assert engine.last_report.writes == []

    ready = program_trusted_by("b", s4=old + new, ias=[new, old])
    report = engine.up(ready)

    plan = engine.last_preview.inputs["rotation"]
    assert plan["swap"]["step"].endswith("; ias yes (observed), s4 yes (observed)")
    assert plan["swap"]["targets"] == {"ias": "yes, observed", "s4": "yes, observed"}
    assert plan["trusted_by"] == {"ias": observed(active, passive), "s4": observed(active, passive)}
    for messages in (engine.last_preview.messages, report.messages):
        assert f"{plan['swap']['step']}\n  ias: yes, observed\n  s4: yes, observed\n" in messages
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == (passive, active)
    engine.assert_stable(ready)
    assert not {"swap", "rollback_to", "step"} & engine.outputs("rotation").keys()


def until(metadata: str, moment: datetime) -> str:
    """The same metadata with an end."""
    return metadata.replace("<md:EntityDescriptor", f'<md:EntityDescriptor validUntil="{moment.isoformat()}"', 1)


def test_expired_metadata_stops_a_swap(engine: FakeEngine) -> None:
    """The service's clock decides; a later reading of the same certificates is the same value."""
    metadata = parse_pem(pems(engine)[1]).metadata
    over = until(metadata, engine.emulator.now - timedelta(seconds=1))
    assert_refused_at_trusted_by(
        engine, program_trusted_by("b", s4=over), "s4: no, the metadata that names it was valid until", "(validUntil)"
    )
    soon = until(metadata, engine.emulator.now + timedelta(days=1))
    engine.deploy(program_trusted_by("a", s4=soon))
    assert engine.preview(program_trusted_by("a", s4=over)).has_no_changes
    assert engine.up(program_trusted_by("b", s4=soon)).writes == ["POST rotateCertificate"]


def test_empty_targets_count_as_absent(engine: FakeEngine) -> None:
    """An empty map leaves a preview as it is."""
    report = engine.up(program_trusted_by("b"))
    assert engine.last_preview.changed["rotation"] == {"generation", "signer", "swap"}
    assert "no target was asked" in report.messages
    assert "trusted_by" not in engine.outputs("rotation")


def test_people_attest_for_targets(engine: FakeEngine) -> None:
    """An attestation is shown as one, an announced gap passes, and an impossible day is refused."""
    passive = str(engine.slots[1])
    first_day = date.fromisoformat(engine.outputs("next")["not_before"][:10])
    late = SwitchesAtRotation("HR IT", "HR-1")
    for day in (engine.emulator.now.date() + timedelta(2), first_day - timedelta(1)):
        assert_refused_at_trusted_by(
            engine,
            program_trusted_by("b", c4c=Attested(passive, "Ada", day), sf=late),
            "c4c: not known, attested by Ada on",
            passive,
        )
    attested = program_trusted_by("b", c4c=Attested(passive, "Ada", first_day, "T-1"), sf=late)
    messages = engine.up(attested).messages
    assert f"\n  c4c: yes, attested by Ada on {first_day} (T-1), not observed\n" in messages
    assert "\n  sf: gap expected until HR IT uploads (HR-1)\n" in messages
    assert engine.slots[0] == passive
    engine.assert_stable(attested)


def test_unknown_target_stops_only_swaps(engine: FakeEngine) -> None:
    """The target is deployed before the swap; alone, an unknown value is an update."""
    new = engine.slots[1]

    def program_with_changing_target(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            trusts = UNKNOWN if deployment.dry_run else new
            program_trusted_by(signs, s4=trusts, ias=new)(deployment)

        return run

    assert "Deploy the target first" in assert_refused_at_trusted_by(
        engine, program_with_changing_target("b"), "s4: not known in this preview", new
    )
    engine.up(program_with_changing_target("a"))
    assert engine.last_preview.inputs["rotation"]["trusted_by"] == {"s4": rpc.UNKNOWN, "ias": observed(new)}
    assert engine.last_preview.operations["rotation"] == "update"
    assert engine.outputs("rotation")["trusted_by"] == {"s4": observed(new), "ias": observed(new)}
    engine.assert_stable(program_trusted_by("a", s4=new, ias=new))
    engine.deploy(program_trusted_by("b", s4=new, ias=new))


def test_changing_target_keeps_its_certificates(engine: FakeEngine) -> None:
    """While a recorded target changes, each of its certificates is unknown, so that none has a minus; a swap waits."""
    old, new = map(str, engine.slots)
    engine.deploy(program_trusted_by("a", s4=[old, new]))

    def changing(signs: str) -> Program:
        return lambda deployment: program_trusted_by(signs, s4=UNKNOWN if deployment.dry_run else [old])(deployment)

    assert_refused_at_trusted_by(engine, changing("b"), "s4: not known in this preview", new)
    engine.up(changing("a"))
    unknown = {"kind": "observed", "certificates": dict.fromkeys([old, new], rpc.UNKNOWN)}
    assert engine.last_preview.inputs["rotation"]["trusted_by"] == {"s4": unknown}
    assert engine.last_preview.operations["rotation"] == "update"
    assert engine.outputs("rotation")["trusted_by"] == {"s4": observed(old)}
    engine.assert_stable(program_trusted_by("a", s4=old))


# --- changes of targets ---------------------------------------------------------------------------------------------


def test_changed_targets_call_nothing(engine: FakeEngine) -> None:
    """Other certificates are an update that only records; another format of the same ones is the same value."""
    old, new = pems(engine)
    changed: list[dict[str, Any]] = [{"s4": old}, {"s4": [old, new]}, {"s4": []}, {"sf": SwitchesAtRotation("HR IT")}]
    for targets in changed:
        declared = program_trusted_by("a", **targets)
        report = engine.up(declared)
        assert (report.operations["rotation"], report.writes) == ("update", [])
        engine.assert_stable(declared)
    engine.deploy(program_trusted_by("a", s4=[old, new]))
    assert engine.preview(program_trusted_by("a", s4=new + old)).has_no_changes


def test_state_has_fingerprints_of_targets(engine: FakeEngine) -> None:
    """The state has fingerprints in place of the targets' certificates."""
    active, passive = engine.slots
    engine.deploy(program_trusted_by("a", s4=pems(engine)))
    stored = engine.state["rotation"]
    assert stored.inputs["trusted_by"] == {"s4": observed(active, passive)}
    assert stored.outputs["trusted_by"] == stored.inputs["trusted_by"]


def test_garbage_is_refused_early(engine: FakeEngine) -> None:
    """An unreadable value is refused at once, long before the rotation."""
    assert "'s4'" in assert_refused_at_trusted_by(engine, program_trusted_by("a", s4="S3CRET"))


def test_drift_ignores_the_targets(engine: FakeEngine) -> None:
    """A drift is reported, with any certificates of the targets."""
    nobody = program_trusted_by("a", s4=[])
    engine.deploy(nobody)
    engine.emulator.rotate(engine.guid)
    assert engine.up(nobody).writes == []
    engine.assert_stable(nobody)


# --- rollbacks ---------------------------------------------------------------------------------------------------


def rotated(engine: FakeEngine, **targets: Any) -> None:
    """Rotate to b with targets that trust it."""
    engine.deploy(program_trusted_by("b", s4=engine.slots[1], **targets))


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an unrelated deployment"])
def test_rollback_is_never_refused_for_targets(engine: FakeEngine, *, later: bool) -> None:
    """The targets are named in a warning, also where strictness makes failures of warnings."""
    rotated(engine)
    before = engine.slots
    if later:
        engine.deploy(program_trusted_by("b", s4=[before[0]], ias=[before[0]]))
    engine.config["btp-trust:strict"] = "true"
    back = program_trusted_by("a", s4=before[0])
    report = engine.up(back)
    for messages in (engine.last_preview.messages, report.messages):
        assert (
            f"warning: {engine.subject}{str(before[1])[:8]}, which is about to sign again, is not trusted by"
            in messages
        )
        assert "  s4: no, it trusts" in messages
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == before[::-1]
    engine.assert_stable(back)


def test_rollback_names_earlier_attestation(engine: FakeEngine) -> None:
    """What was attested before the rotation is stated as such, also after other deployments; an observation is firm."""
    day = engine.emulator.now.date()
    active, passive = map(str, engine.slots)
    engine.deploy(program_trusted_by("a", c4c=Attested(active, "Ada", day, "T-1"), s4=active))
    later: dict[str, Any] = {"c4c": Attested(passive, "Bob", day), "s4": passive}
    engine.deploy(program_trusted_by("b", **later), program_trusted_by("b", **later, ias=passive))
    recorded = engine.state["rotation"]
    sighting = {"by": "Ada", "on": str(day), "ticket": "T-1"}
    assert recorded.inputs["earlier_attestations"] == {"c4c": {active: sighting}}
    assert "earlier_attestations" not in recorded.outputs
    back = program_trusted_by("a", **later)
    messages = engine.up(back).messages
    assert f"c4c: attested then by Ada on {day} (T-1), not since; {passive[:8]} (b, expires" in messages
    assert f"{active[:8]}, which is about to sign again, is not trusted by s4. These targets reject every" in messages
    assert f"Whether c4c still trusts {active[:8]}" in messages
    engine.assert_stable(back)


def test_reverted_attestation_is_old(engine: FakeEngine) -> None:
    """A revert of the program brings back the old attestation: it was seen then."""
    first, day = date.fromisoformat(engine.outputs("next")["not_before"][:10]), engine.emulator.now.date()
    active, passive = map(str, engine.slots)
    engine.emulator.advance(48 * HOUR)
    before: dict[str, Any] = {"c4c": Attested(active, "Ada", first)}
    engine.deploy(program_trusted_by("a", **before))
    engine.deploy(program_trusted_by("b", c4c=Attested(passive, "Bob", day + timedelta(days=1))))
    messages = engine.up(program_trusted_by("a", **before)).messages
    assert f"c4c: attested then by Ada on {first}, not since; {passive[:8]} (b, expires" in messages
    assert "These targets reject" not in messages


def test_attestation_lists_certificates(engine: FakeEngine) -> None:
    """One attestation of both certificates lets the rotation and the rollback pass without a warning."""
    both: dict[str, Any] = {"c4c": Attested([str(slot) for slot in engine.slots], "Ada", engine.emulator.now)}
    for signs in ("b", "a"):
        messages = engine.up(program_trusted_by(signs, **both)).messages
        assert "c4c: yes, attested by Ada on " in messages
        assert "warning" not in messages
    engine.assert_stable(program_trusted_by("a", **both))


def test_second_rollback_passes(engine: FakeEngine) -> None:
    """After a rollback, the younger certificate is the one that signed before."""
    rotated(engine)
    engine.deploy(program_trusted_by("a", s4=[]), program_trusted_by("a", s4=[], ias=[]))
    assert engine.outputs("rotation")["previous_fingerprint"] == engine.slots[1]
    assert engine.up(program_trusted_by("b", s4=[])).writes == ["POST rotateCertificate"]


def test_changing_target_allows_rollback(engine: FakeEngine) -> None:
    """A rollback passes although the preview lacks what the target will trust."""
    rotated(engine)

    def back(deployment: Deployment) -> None:
        program_trusted_by("a", s4=UNKNOWN if deployment.dry_run else [])(deployment)

    assert engine.up(back).writes == ["POST rotateCertificate"]
    assert "s4: not known" in engine.last_preview.messages


def test_restore_is_never_refused_for_targets(engine: FakeEngine) -> None:
    """A restore was approved with its declaration."""
    rotated(engine)
    engine.emulator.rotate(engine.guid)
    restoring = program("b", "b", trigger={"on_drift": "restore", "trusted_by": {"s4": []}})
    assert engine.up(restoring).writes == ["POST rotateCertificate"]
    assert "warning" in engine.last_preview.messages
    engine.assert_stable(restoring)


def accepted_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, and b was declared: a signed before."""
    nobody: dict[str, Any] = {"s4": []}
    engine.deploy(program_trusted_by("a", **nobody))
    engine.emulator.rotate(engine.guid)
    engine.deploy(program_trusted_by("b", **nobody))


def reported_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, which was reported; another one undid that, which was noticed."""
    nobody: dict[str, Any] = {"s4": []}
    for _ in range(2):
        engine.deploy(program_trusted_by("a", **nobody))
        engine.emulator.rotate(engine.guid)
    engine.deploy(program_trusted_by("a", **nobody))


def refreshed_drift(engine: FakeEngine) -> None:
    """A colleague swapped to b, which a refresh saw, and b was declared."""
    nobody: dict[str, Any] = {"s4": []}
    engine.deploy(program_trusted_by("a", **nobody))
    engine.emulator.rotate(engine.guid)
    engine.refresh()
    engine.deploy(program_trusted_by("b", **nobody))


def not_asked_before(engine: FakeEngine) -> None:
    """The argument came after the rotation."""
    engine.deploy(ROTATED, program("b", "b", trigger={"on_drift": "restore"}), program_trusted_by("b", s4=[]))


def not_asked_at_the_swap(engine: FakeEngine) -> None:
    """Rotated and rolled back; the argument comes with the next step."""
    engine.deploy(ROTATED, PREPARED)


def accepted_rollback(engine: FakeEngine) -> None:
    """A colleague rolled back to a, and a was declared: b, which is younger, signed before."""
    rotated(engine)
    engine.emulator.rotate(engine.guid)
    engine.deploy(program_trusted_by("a", s4=[]))


HISTORIES = [
    accepted_drift,
    reported_drift,
    refreshed_drift,
    not_asked_before,
    not_asked_at_the_swap,
    accepted_rollback,
]


@pytest.mark.parametrize("history", HISTORIES)
def test_previous_signer_may_sign_again(engine: FakeEngine, history: Callable[[FakeEngine], None]) -> None:
    """The output `previous_fingerprint` decides, after each of these histories."""
    history(engine)
    previous = engine.outputs("rotation")["previous_fingerprint"]
    assert previous == engine.slots[1]
    name = {known: name for name, known in engine.state["rotation"].inputs["generations"].items()}[previous]
    report = engine.up(program_trusted_by(name, s4=[]))
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots[0] == previous


def test_older_unused_certificate_is_gated(engine: FakeEngine) -> None:
    """The age of a certificate makes no rollback target of it; a new trigger has yet to see one."""
    engine.deploy(ROTATED)
    del engine.state["rotation"]
    engine.deploy(program("b", "b", trigger={"known_generations": {"a": engine.slots[1]}}))
    slots, declared = engine.slots, program_trusted_by("a", s4=[])
    assert_refused_at_trusted_by(engine, declared, slots[1], "s4: no, it trusts no certificate")
    with pytest.raises(CheckFailedError):
        engine.up(declared, skip_preview=True)
    assert engine.last_report.writes == []
    metadata = until(parse_pem(pems(engine)[1]).metadata, engine.emulator.now)
    assert_refused_at_trusted_by(
        engine, program_trusted_by("a", s4=metadata), "the metadata that names it was valid until"
    )
    engine.deploy(program_trusted_by("a", s4=slots[1]))
    assert engine.slots == slots[::-1]


def test_next_cycle_is_gated(engine: FakeEngine) -> None:
    """A new certificate has to be trusted before it signs."""
    rotated(engine)
    nobody = program_trusted_by("b", "c", s4=engine.slots[0])
    engine.deploy(nobody)
    assert_refused_at_trusted_by(
        engine, program_trusted_by("c", "c", s4=engine.slots[0]), engine.slots[1], "s4: no, it trusts"
    )
    engine.deploy(program_trusted_by("c", "c", s4=engine.slots[1]))


# --- earlier versions, offline -----------------------------------------------------------------------------------


def without(stored: StoredResource, *names: str) -> StoredResource:
    """The resource as an earlier version left it, before these properties."""
    bags = [
        {name: value for name, value in bag.items() if name not in names} for bag in (stored.inputs, stored.outputs)
    ]
    return StoredResource(stored.kind, stored.id, *bags)


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_state_without_argument_goes_on(engine: FakeEngine, *, trusted: bool) -> None:
    """The argument may come with the rotation itself, after a version that lacked it."""
    before = json.dumps(engine.state["rotation"].inputs)
    assert not {"trusted_by", "swap", "rollback_to"} & json.loads(before).keys()
    engine.state["rotation"] = without(engine.state["rotation"], "trusted_by", "swap", "rollback_to")
    declared = program_trusted_by("b", s4=engine.slots[1] if trusted else [])
    if not trusted:
        assert_refused_at_trusted_by(engine, declared, engine.slots[1])
        return
    engine.deploy(declared)
    assert engine.state["rotation"].inputs["swap"]["only_if_active"] == engine.slots[1]


def test_removed_argument_removes_its_inputs(engine: FakeEngine) -> None:
    """It is an update that only records."""
    rotated(engine)
    report = engine.up(ROTATED)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    assert not {"trusted_by", "rollback_to"} & engine.state["rotation"].inputs.keys()
    engine.assert_stable(ROTATED)


def test_offline_plan_keeps_rollback_target(engine: FakeEngine) -> None:
    """An offline deployment of the same program keeps the rollback target in the inputs."""
    rotated(engine)
    back = program_trusted_by("a", s4=[])
    engine.deploy(back)
    for _ in range(2):
        engine.config["btp-trust:offline"] = "true"
        engine.up(back)
        del engine.config["btp-trust:offline"]
    assert engine.up(program_trusted_by("b", s4=[])).writes == ["POST rotateCertificate"]
